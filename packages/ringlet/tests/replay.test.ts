/** Record and replay of guest modules: the same run again, to the byte, and anything else is said to be one. */
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MachineOptions, ReplaySession } from 'ringlet';
import { expect, onTestFinished, test } from 'vitest';
import { readRecording } from '../src/recording/recording.ts';
import { ringlet } from './launcher.ts';
import { example, guestWith, moduleWith, run, start, temporaryFolder, watch, type Watched } from './machines.ts';

const lockstep = { harness: 'lockstep' } as const;
const KIB = 1024;

/** Prints what comes: disks that are attached, and the wish to shut down. */
const CURIOUS = `
  let asked = false;
  guest.onShutdown(() => (asked = true));
  for (let round = 0; !asked; round++) {
    await guest.sleep(10);
    if (round % 5 === 0) await guest.print('.');
  }
  await guest.print('asked at ' + guest.now());
`;

function disk(fill: number): string {
  const path = join(temporaryFolder(), 'disk.raw');
  writeFileSync(path, Buffer.alloc(256 * KIB, fill));
  return path;
}

/** Everything by which one run is told from another. */
const outcome = async ({ machine, console }: Watched): Promise<unknown> => {
  const { time, steps, digest } = (await machine.inspect('lockstep')) as Record<string, unknown>;
  return { time, steps, digest, console: console(), result: await machine.finished };
};

/** Plays a recording. */
const replay = (path: string, options: MachineOptions = {}): Promise<Watched> =>
  run({ ...options, replay: path, memory: 8 * KIB * KIB });

test('a run with a disk that comes and goes, and a wish to shut down, happens again to the byte', async () => {
  const record = join(temporaryFolder(), 'run.rec');
  const [first, second] = [disk(1), disk(2)];
  const recorded = await start({ ...lockstep, guest: guestWith(CURIOUS), disks: [{ path: first }], seed: 5, record });
  await recorded.printed('..');
  const place = await recorded.machine.disks.attach({ path: second });
  await recorded.printed('......');
  await recorded.machine.disks.detach(place);
  await recorded.machine.guest.syncTime();
  await recorded.machine.shutdown({ timeoutMs: 20_000 });
  const before = await outcome(recorded);

  const names = readRecording(record).inputs.map(({ name }) => name);
  expect(names).toEqual(['attachDisk', 'detachDisk', 'syncTime', 'shutdown']);
  expect(before).toMatchObject({ result: { reason: 'power-off', code: 0 } });
  for (const name of ['again', 'and-again']) {
    const replayed = await replay(record, { name });
    expect(await outcome(replayed)).toEqual(before);
    expect(await replayed.seen('replayed')).toMatchObject({ state: readRecording(record).end?.state });
  }
});

test('one that was turned off is turned off at the same step; one whose recorder died ends where the file does', async () => {
  const record = join(temporaryFolder(), 'run.rec');
  const recorded = await start({ ...lockstep, guest: guestWith(CURIOUS), record });
  await recorded.printed('.....');
  await recorded.machine.powerOff();
  const before = await outcome(recorded);
  const again = await replay(record);

  expect(await outcome(again)).toEqual(before);
  expect(before).toMatchObject({ result: { reason: 'killed' } });

  truncateSync(record, readFileSync(record).length - 1);
  const cut = await replay(record);
  expect(await cut.machine.inspect('lockstep/replay/verdict')).toBe('cut short');
  expect(recorded.console().startsWith(cut.console())).toBe(true);
});

test('a guest that looks at the host is found out, and where', async () => {
  const record = join(temporaryFolder(), 'run.rec');
  const guest = guestWith(`
    await guest.sleep(50);
    for (let i = 0; i < 50; i++) {
      await guest.sleep(1 + Math.random());
      await guest.print('.');
    }
  `);
  await run({ ...lockstep, guest, record });
  const { machine } = await replay(record);

  expect(await machine.finished).toMatchObject({
    reason: 'diverged',
    message: expect.stringMatching(/first between step \d+ \(0\.0\d+ s\) and \d+ \(\d\.\d+ s\): .*\(replay-diverged\)/),
  });
});

test('another module, another disk or a damaged file is refused before anything runs', async () => {
  const record = join(temporaryFolder(), 'run.rec');
  const guest = moduleWith(`export default (guest) => guest.print('a');`);
  const path = disk(3);
  await run({ ...lockstep, guest, disks: [{ path }], record });
  const refused = async (): Promise<unknown> => {
    const { machine } = watch({ replay: record, memory: 8 * KIB * KIB });
    return machine.start().then(
      () => 'started',
      ({ code, message }: { code: string; message: string }) => ({ code, message }),
    );
  };

  writeFileSync(path, Buffer.alloc(256 * KIB, 4));
  expect(await refused()).toEqual({ code: 'replay-file-differs', message: expect.stringContaining(path) });
  writeFileSync(path, Buffer.alloc(256 * KIB, 3));
  writeFileSync(guest, `export default (guest) => guest.print('b');`);
  expect(await refused()).toEqual({ code: 'replay-file-differs', message: expect.stringContaining(guest) });
  writeFileSync(guest, `export default (guest) => guest.print('a');`);
  expect(await refused()).toBe('started');
  appendFileSync(record, 'more');
  await expect(refused).rejects.toMatchObject({ code: 'recording-damaged' });
});

test('nothing comes into a replay, and it is looked at as any other machine', async () => {
  const record = join(temporaryFolder(), 'run.rec');
  const recorded = await start({ ...lockstep, guest: example('shutdown.ts'), record });
  await recorded.printed('running');
  await recorded.machine.shutdown({ timeoutMs: 20_000 });

  const { machine, printed } = watch({ replay: record, memory: 8 * KIB * KIB });
  machine.state$.subscribe((state) => {
    if (state !== 'running') return;
    expect(() => machine.write('a')).toThrow(expect.objectContaining({ code: 'replay-input' }));
  });
  await machine.start();
  await printed('running');
  await machine.finished;
});

test('what cannot be recorded is refused', () => {
  const record = join(temporaryFolder(), 'run.rec');
  const guest = example('hello.ts');
  const refused = (options: MachineOptions): void => {
    expect(() => watch({ guest, record, ...options })).toThrow(
      expect.objectContaining({ code: 'recording-impossible' }),
    );
  };

  refused({});
  refused({ ...lockstep, disks: [{ path: disk(0), keep: true }] });
  refused({ ...lockstep, replay: record });
});

test('a replay stands at any point, forward and back, and at each finds what was there', async () => {
  const record = join(temporaryFolder(), 'run.rec');
  const recorded = await start({ ...lockstep, guest: guestWith(CURIOUS), record });
  await recorded.printed('....');
  await recorded.machine.shutdown({ timeoutMs: 20_000 });
  const session = await ReplaySession.open(record);
  onTestFinished(() => session.dispose());
  const look = (): unknown => [session.position, session.console, session.digest()];

  expect(session.position).toMatchObject({ step: 0, time: 0 });
  await session.to('end');
  const atEnd = look();
  expect(session.console).toBe(recorded.console());
  await session.to({ time: 5e5 });
  const early = look();
  expect(session.position.time).toBeGreaterThanOrEqual(5e5);
  await session.to({ input: 1 });
  expect(session.position.step).toBe(session.inputs[0]!.step);
  await session.to({ step: session.position.step + 3 });
  await session.to({ time: 5e5 });
  expect(look()).toEqual(early);
  await session.to('end');
  expect(look()).toEqual(atEnd);
  await expect(session.to({ step: session.end.step + 1 })).rejects.toMatchObject({ code: 'point-invalid' });
  await expect(session.to({ input: 2 })).rejects.toMatchObject({ code: 'point-invalid' });
  expect(() => session.registers(0)).toThrow(expect.objectContaining({ code: 'no-such-processor' }));
});

test('ringlet replay goes to points and answers commands, from flags and through a pipe', async () => {
  const folder = temporaryFolder();
  const record = join(folder, 'run.rec');
  await run({ ...lockstep, guest: guestWith(`await guest.sleep(1000); await guest.print('slept');`), record });

  const { status, stdout } = await ringlet(folder, 'replay', record, '--to', '#3', '--json', '-e', 'step 2; console');
  const [to, on, console] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(status).toBe(0);
  expect([to!['step'], on!['step']]).toEqual([3, 5]);
  expect(console).toEqual({ console: '' });
  expect(await ringlet(folder, 'replay', record, '--to', 'end', '-e', 'console')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^1\.0\d+ s {2}step \d+\nslept\n$/),
  });
  expect(await ringlet(folder, 'replay', record, '--to', 'noon')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('point-invalid'),
  });
});

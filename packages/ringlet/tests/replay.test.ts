/** Record and replay of guest modules: the same run again, to the byte, and anything else is said to be one. */
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MachineOptions, ReplaySession } from 'ringlet';
import { expect, onTestFinished, test } from 'vitest';
import { readRecording } from '../src/recording/recording.ts';
import { ringlet } from './launcher.ts';
import { resetKernel } from './reset-kernel.ts';
import {
  example,
  guestWith,
  moduleWith,
  PATIENTLY,
  ROOT,
  run,
  start,
  temporaryFolder,
  watch,
  type Watched,
} from './machines.ts';

const lockstep = { harness: 'lockstep' } as const;
const KIB = 1024;
const LAUNCHER = join(ROOT, 'packages/ringlet/bin/ringlet.mjs');

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

/** Steps of a recording that is being written. */
function stepsSoFar(path: string): number {
  return existsSync(path) && readFileSync(path).length > KIB ? readRecording(path).lastStep : 0;
}

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

test('a kernel that is reset is come back to, before each reset and after it', async () => {
  const record = join(temporaryFolder(), 'run.rec');
  const memory = 16 * KIB * KIB;
  const options = { kernel: resetKernel(), memory, disks: [{ path: disk(7) }], seed: 3, cpus: 2 };
  const recorded = await start({ ...lockstep, ...options, record, checkpointEvery: 0.0002 });
  for (const [life, key] of ['r', 't', 'r', 'q'].entries()) {
    await expect.poll(() => recorded.console().length, PATIENTLY).toBe(life + 1);
    // Long enough for some checkpoints, however fast the host is.
    const steps = (): Promise<unknown> => recorded.machine.inspect('lockstep/steps');
    await expect.poll(steps, PATIENTLY).toBeGreaterThan(1000 * (life + 1));
    recorded.machine.write(key);
  }
  expect(await recorded.machine.finished).toEqual({ reason: 'power-off', code: 0 });

  const session = await ReplaySession.open(record, { checkpointMemory: 64 * KIB * KIB });
  onTestFinished(() => session.dispose());
  const look = async (): Promise<unknown> => [
    session.position,
    session.digest(),
    session.console,
    session.registers(0),
    await session.inspect('resets'),
  ];
  const visits: { readonly step: number; readonly seen: unknown }[] = [];
  for (const input of [1, 2, 3, 4]) {
    await session.to({ input });
    visits.push({ step: session.position.step, seen: await look() });
    await session.to({ step: Math.min(session.position.step + 20, session.end.step) });
    visits.push({ step: session.position.step, seen: await look() });
  }
  const counted = visits
    .toSorted((a, b) => a.step - b.step)
    .map(({ seen }) => (seen as [{ instructions: number }])[0].instructions);
  expect(counted).toEqual(counted.toSorted((a, b) => a - b));
  expect(session.withoutCheckpoints).toBeUndefined();
  const [first] = session.checkpoints;
  expect(session.checkpointBytes).toBeLessThanOrEqual(64 * KIB * KIB);
  for (const { step, seen } of visits.toReversed()) {
    await session.to('end');
    await session.to({ step });
    expect(await look()).toEqual(seen);
    expect(session.begunAt.step > 0 || step === session.end.step).toBe(first!.step <= step);
  }
  expect(await session.to('end')).toMatchObject({ step: session.end.step });
  expect(session.console).toBe('....');
});

test('a replay finds what was printed, forward and back, and can be stopped on its way', async () => {
  const record = join(temporaryFolder(), 'run.rec');
  const guest = guestWith(`
    for (let i = 0; i < 30; i++) {
      await guest.sleep(20);
      await guest.print(i % 10 === 9 ? 'ten ' : '.');
    }
  `);
  await run({ ...lockstep, guest, record });
  const session = await ReplaySession.open(record);
  onTestFinished(() => session.dispose());

  const found: number[] = [];
  for (const count of [1, 2, 3]) {
    await session.until('ten');
    expect(session.console.split('ten ')).toHaveLength(count + 1);
    expect(session.console.endsWith('ten ')).toBe(true);
    found.push(session.position.step);
  }
  await expect(session.until('ten')).rejects.toMatchObject({ code: 'text-not-printed' });
  expect(session.position.step).toBe(session.end.step);
  for (const step of found.toReversed()) expect(await session.last('ten')).toMatchObject({ step });
  await expect(session.last('ten')).rejects.toMatchObject({ code: 'text-not-printed' });
  expect(session.withoutCheckpoints).toMatch(/guest module/);

  // Stopped at once, it stands at the start, from which it went; and goes on.
  const stopped = AbortSignal.abort();
  await expect(session.to({ step: 3 }, { signal: stopped })).rejects.toMatchObject({ code: 'replay-interrupted' });
  expect(session.position.step).toBeLessThan(3);
  expect(await session.to('end')).toMatchObject({ step: session.end.step });
});

test('a recorder that is killed leaves a recording that is good up to there', async () => {
  const folder = temporaryFolder();
  const record = join(folder, 'run.rec');
  const guest = guestWith(`for (let i = 0; ; i++) { await guest.sleep(1000); await guest.print(i + ' '); }`);
  const child = spawn(process.execPath, [LAUNCHER, 'run', '--lockstep', '--memory', '8M', '--record', record, guest]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await new Promise<void>((seen) => {
    child.stdout.on('data', () => {
      if (stepsSoFar(record) > 1000) seen();
    });
  });
  child.kill('SIGKILL');
  await new Promise((ended) => child.once('close', ended));

  const { end, lastStep } = readRecording(record);
  expect(end).toBeUndefined();
  const { machine, console } = await replay(record);
  expect(await machine.finished).toMatchObject({ reason: 'killed' });
  expect(await machine.inspect('lockstep/steps')).toBe(lastStep);
  expect(console()).toMatch(/^0 1 2 /);
});

test('ringlet replay goes to points and answers commands, from flags and through a pipe', async () => {
  const folder = temporaryFolder();
  const record = join(folder, 'run.rec');
  await run({ ...lockstep, guest: guestWith(`await guest.sleep(1000); await guest.print('slept');`), record });

  const { status, stdout } = await ringlet(
    folder,
    'replay',
    record,
    '--to',
    '#3',
    '--json',
    '-e',
    'step 2; console; checkpoints',
  );
  const [to, on, console, checkpoints] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(status).toBe(0);
  expect([to!['step'], on!['step']]).toEqual([3, 5]);
  expect(console).toEqual({ console: '' });
  expect(checkpoints).toMatchObject({ checkpoints: [], why: expect.stringContaining('guest module') });
  expect(await ringlet(folder, 'replay', record, '--to', 'end', '-e', 'console')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^1\.0\d+ s {2}step \d+\nslept\n$/),
  });
  expect(await ringlet(folder, 'replay', record, '--to', 'noon', '--until', 'woken')).toMatchObject({
    status: 4,
    stderr: expect.stringMatching(/point-invalid[\s\S]*text-not-printed/),
  });
});

/** A reset in place: the machine starts again, and keeps what the host has given it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ReplaySession } from 'ringlet';
import { expect, onTestFinished, test } from 'vitest';
import { resetKernel } from './reset-kernel.ts';
import { fixture, guestWith, moduleWith, PATIENTLY, run, start, temporaryFolder, type Watched } from './machines.ts';

const MIB = 1024 * 1024;

/** Types at a machine each time that its kernel has started, then waits for its end. */
async function lives({ machine, console }: Watched, keys: string): Promise<unknown> {
  for (let life = 0; life < keys.length; life++) {
    await expect.poll(() => console().length, PATIENTLY).toBe(life + 1);
    machine.write(keys[life]!);
  }
  return machine.finished;
}

test.each(['threads', 'lockstep'] as const)('a kernel that resets itself starts again (%s)', async (harness) => {
  const machine = await start({ kernel: resetKernel(), memory: 16 * MIB, harness });
  expect(await lives(machine, 'rtrq')).toEqual({ reason: 'power-off', code: 0 });
  expect(machine.console()).toBe('....');
  expect(machine.states).toEqual(['created', 'starting', 'running', 'stopping', 'stopped']);
  const told = machine.events.filter(({ type }) => type.startsWith('restart'));
  expect(told).toEqual(
    [1, 2, 3].flatMap((count) => [
      { type: 'restarting', by: 'guest', count },
      { type: 'restarted', count },
    ]),
  );
});

test.each(['threads', 'lockstep'] as const)('with onReset "stop" a reset ends the machine (%s)', async (harness) => {
  const machine = await start({ kernel: resetKernel(), memory: 16 * MIB, onReset: 'stop', harness });
  expect(await lives(machine, 't')).toEqual({ reason: 'reset' });
});

test('a guest module that resets itself is loaded anew, and has its network and its devices again', async () => {
  const guest = moduleWith(`
    import { readFileSync, writeFileSync } from 'node:fs';
    let lives = 0;
    export default async function main(guest) {
      lives++;
      const before = existing(guest.args[0]);
      await guest.print(lives + ' ' + before + ';');
      writeFileSync(guest.args[0], before + '#');
      if (before.length < 3) guest.reset();
      return 7;
    }
    function existing(file) { try { return readFileSync(file, 'utf8'); } catch { return ''; } }
  `);
  for (const harness of ['threads', 'lockstep'] as const) {
    const { result, console } = await run({ guest, args: [join(temporaryFolder(), 'note')], harness, cpus: 2 });
    expect(result).toEqual({ reason: 'power-off', code: 7 });
    expect(console()).toBe('1 ;1 #;1 ##;1 ###;');
  }
});

test.each(['threads', 'lockstep'] as const)(
  'what was written to a disk is there after a reset (%s)',
  async (harness) => {
    const path = join(temporaryFolder(), 'disk.raw');
    writeFileSync(path, new Uint8Array(MIB));
    const { result, console, events } = await run({ guest: fixture('life-counter.ts'), disks: [{ path }], harness });
    expect(console()).toBe('1;2;3;');
    expect(result).toEqual({ reason: 'power-off', code: 0 });
    expect(events.filter(({ type }) => type === 'guest-error' || type === 'device-error')).toEqual([]);
    expect(new Set(readFileSync(path))).toEqual(new Set([0]));
  },
);

test('in lockstep a run with resets is the same each time', async () => {
  const path = join(temporaryFolder(), 'disk.raw');
  writeFileSync(path, new Uint8Array(MIB));
  const options = {
    guest: fixture('life-counter.ts'),
    disks: [{ path }],
    harness: 'lockstep',
    seed: 5,
    cpus: 2,
  } as const;
  const [first, second] = [await run(options), await run(options)];
  expect(await first.machine.inspect('resets')).toBe(2);
  expect(await first.machine.inspect('lockstep')).toEqual(await second.machine.inspect('lockstep'));
});

test('a run that was restarted from outside is recorded, and happens again', async () => {
  const record = join(temporaryFolder(), 'run.ringlet');
  const guest = guestWith(`guest.onShutdown(() => {}); await guest.print('up;'); await new Promise(() => {});`);
  const first = await start({ guest, harness: 'lockstep', record, onReset: 'stop' });
  await first.printed('up;');
  await first.machine.reboot({ force: true });
  await first.printed('up;up;');
  await first.machine.reboot({ timeoutMs: 20_000 });
  await first.printed('up;up;up;');
  await first.machine.shutdown({ timeoutMs: 20_000 });
  const again = await run({ replay: record, memory: 8 * MIB });
  expect(again.result).toEqual(await first.machine.finished);
  expect(again.console()).toBe(first.console());
  expect(again.events.filter(({ type }) => type === 'restarting')).toHaveLength(2);
  expect(again.events.filter(({ type }) => type === 'replayed')).toHaveLength(1);
});

test('a replay goes forward and back over the resets of a recorded kernel, with checkpoints', async () => {
  const record = join(temporaryFolder(), 'run.ringlet');
  const kernel = resetKernel();
  const first = await start({ kernel, memory: 16 * MIB, harness: 'lockstep', record, checkpointEvery: 0.5 });
  expect(await lives(first, 'rtq')).toEqual({ reason: 'power-off', code: 0 });
  const session = await ReplaySession.open(record);
  onTestFinished(() => session.dispose());
  const look = (): unknown => [session.position, session.console, session.digest()];

  await session.to({ input: 2 });
  const second = look();
  expect(session.console).toBe('..');
  await session.to('end');
  expect(session.console).toBe('...');
  await session.to({ input: 1 });
  expect(session.console).toBe('.');
  await session.to({ input: 2 });
  expect(look()).toEqual(second);
});

test('a guest that resets itself for ever ends its machine', async () => {
  const { result, console } = await run({
    guest: guestWith(`await guest.print('x'); guest.reset();`),
    resetsPerMinute: 3,
  });
  expect(result).toMatchObject({ reason: 'crash', message: expect.stringContaining('again and again') });
  expect(console()).toBe('xxxx');
});

test('a machine can be turned off while it is starting again, and started again while its guest is busy', async () => {
  const { machine, printed, console } = await start({ guest: guestWith(`await guest.print('up;'); for (;;);`) });
  await printed('up;');
  await machine.reboot({ force: true });
  await expect.poll(console, PATIENTLY).toBe('up;up;');
  const again = machine.reboot({ force: true });
  await machine.powerOff();
  await expect(again).rejects.toMatchObject({ code: 'reboot-ended' });
});

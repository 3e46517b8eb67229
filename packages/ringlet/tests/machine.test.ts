/** A machine's life, as a caller of the library sees it. */
import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { sharedSystem } from '../src/machine/system.ts';
import { example, footprint, guestWith, moduleWith, PATIENTLY, run, start, watch } from './machines.ts';

const MIB = 1024 * 1024;

/** Never lets its processor go, so that nothing can be asked of it. */
const SPINS = 'await guest.print("up"); for (;;);';
/** Waits for a shutdown request. */
const WAITS = 'await guest.print("up"); await new Promise((asked) => guest.onShutdown(() => asked()));';

test('a machine starts, runs its guest, and ends with the code that the guest returns', async () => {
  const { machine, states, result, console } = await run({
    guest: guestWith(`await guest.print(guest.args.join('+')); return 7;`),
    args: ['one', 'two'],
  });

  expect(result).toEqual({ reason: 'power-off', code: 7 });
  expect(await machine.finished).toBe(result);
  expect(states).toEqual(['created', 'starting', 'running', 'stopping', 'stopped']);
  expect(console()).toBe('one+two');
});

test('events tell of every state and, last, of the result', async () => {
  const { machine, events, result } = await run({ guest: guestWith('') });
  await machine.dispose();
  const states = events.flatMap((event) => (event.type === 'state' ? [event.state] : []));
  expect(states).toEqual(['starting', 'running', 'stopping', 'stopped']);
  expect(events.at(-1)).toEqual({ type: 'result', result });
});

test('who comes late is told the state now, and all is complete once the machine is disposed of', async () => {
  const { machine } = await start({ guest: guestWith(WAITS) });
  const seen: string[] = [];
  machine.state$.subscribe({ next: (state) => seen.push(state), complete: () => seen.push('complete') });
  machine.console$.subscribe({ complete: () => seen.push('console complete') });
  machine.events$.subscribe({ complete: () => seen.push('events complete') });
  await machine.dispose();
  expect(seen.filter((each) => !each.includes('complete'))).toEqual(['running', 'stopping', 'stopped']);
  expect(seen.filter((each) => each.includes('complete'))).toHaveLength(3);
});

test('a guest that resets itself ends its machine with that result, where that is wanted', async () => {
  const { result } = await run({ guest: guestWith('guest.reset();'), onReset: 'stop' });
  expect(result).toEqual({ reason: 'reset' });
});

test('powerOff ends a guest that never lets its processor go', async () => {
  const { machine, printed, states } = await start({ guest: guestWith(SPINS) });
  await printed('up');
  await machine.powerOff();
  expect(await machine.finished).toEqual({ reason: 'killed' });
  expect(states.at(-1)).toBe('stopped');
});

test('a thread that was ended in the middle of something is not counted as awake for ever', async () => {
  const awake = new Int32Array(sharedSystem().access.awake);
  for (let round = 0; round < 3; round++) {
    const { machine, printed } = await start({ guest: guestWith(SPINS), cpus: 2 });
    await printed('up');
    expect(Atomics.load(awake, 0)).toBeGreaterThan(0);
    await machine.powerOff();
    expect(Atomics.load(awake, 0)).toBe(0);
  }
});

test('powerOff of a machine that has ended changes nothing', async () => {
  const { machine, states } = await run({ guest: guestWith('return 3;') });
  const before = [...states];
  await machine.powerOff();
  expect(await machine.finished).toEqual({ reason: 'power-off', code: 3 });
  expect(states).toEqual(before);
});

test('dispose can be called twice, and from two places at once', async () => {
  const { machine, states } = await start({ guest: guestWith(WAITS) });
  await Promise.all([machine.dispose(), machine.dispose()]);
  await machine.dispose();
  expect(states.filter((state) => state === 'stopped')).toHaveLength(1);
  expect(await machine.finished).toEqual({ reason: 'killed' });
});

test('a machine that was never started can be disposed of, is finished then, and cannot be started', async () => {
  const { machine, states } = watch({ guest: guestWith('') });
  await machine.dispose();
  expect(await machine.finished).toEqual({ reason: 'killed' });
  expect(states.at(-1)).toBe('stopped');
  await expect(machine.start()).rejects.toMatchObject({ code: 'machine-started' });
});

test('a machine starts once', async () => {
  const { machine } = await start({ guest: guestWith(WAITS) });
  await expect(machine.start()).rejects.toMatchObject({ code: 'machine-started' });
  expect((await machine.inspect('state')) as string).toBe('running');
});

test.each(['threads', 'lockstep'] as const)(
  'a machine that is disposed of while it starts (%s) says so and leaves nothing behind',
  async (harness) => {
    await run({ guest: guestWith('') });
    const before = footprint();
    for (const turns of [0, 1, 3, 10]) {
      const { machine, states } = watch({ guest: guestWith(WAITS), harness });
      const starting = machine.start().then(
        () => 'started',
        (error: { code: string }) => error.code,
      );
      for (let turn = 0; turn < turns; turn++) await new Promise((next) => setImmediate(next));
      await machine.dispose();
      expect(await starting).toBe('machine-stopped');
      expect(await machine.finished).toEqual({ reason: 'killed' });
      expect(states.at(-1)).toBe('stopped');
      expect(footprint()).toEqual(before);
    }
  },
);

test('what a machine had is given back when it ends, without a call of dispose', async () => {
  await run({ guest: guestWith('') });
  const before = footprint();
  await run({ guest: guestWith('') });
  expect(footprint()).toEqual(before);
});

test('a machine that nobody gave a name has that of its guest', () => {
  expect(watch({ guest: example('echo.guest.ts') }).machine.name).toBe('echo');
  expect(watch({ guest: example('hello.ts') }).machine.name).toBe('hello');
  expect(watch({ guest: example('hello.ts'), name: 'greeter' }).machine.name).toBe('greeter');
});

test('all virtual processors run, and share the guest’s memory', async () => {
  // A word in a page that the runtime leaves alone.
  const word = 'const word = guest.memory.find(0x8000, 4, 3) >>> 2;';
  const path = moduleWith(`
    export default async function main(guest) {
      ${word}
      while (Atomics.load(guest.memory.words, word) !== 0b1110) await guest.sleep(1);
      return guest.vpCount;
    }
    export function secondary(guest) {
      ${word}
      Atomics.or(guest.memory.words, word, 1 << guest.vpIndex);
    }
  `);
  const { result } = await run({ guest: path, cpus: 4 });
  expect(result).toEqual({ reason: 'power-off', code: 4 });
});

test.each([
  [{ cpus: 0 }, 'cpus-invalid'],
  [{ cpus: 65 }, 'cpus-invalid'],
  [{ cpus: 1.5 }, 'cpus-invalid'],
  [{ memory: 4096 }, 'memory-invalid'],
  [{ memory: 8 * MIB + 1 }, 'memory-invalid'],
  [{ memory: Number.NaN }, 'memory-invalid'],
  [{ memory: MIB, cpus: 64 }, 'memory-invalid'],
] as const)('%j is refused at once, as %s', (options, code) => {
  expect(() => watch({ guest: example('hello.ts'), ...options })).toThrow(
    expect.objectContaining({ name: 'UserError', code }) as Error,
  );
});

test('more memory than a node can have is refused when the machine starts, and leaves nothing behind', async () => {
  await run({ guest: guestWith('') });
  const before = footprint();
  const { machine, states } = watch({ guest: example('hello.ts'), memory: 5 * 1024 * MIB });
  await expect(machine.start()).rejects.toMatchObject({ code: 'memory-too-large' });
  expect(states.at(-1)).toBe('failed');
  expect(footprint()).toEqual(before);
});

test.each([1, 12])('the least memory that is allowed for %i processors is enough to run', async (cpus) => {
  const { result } = await run({ guest: example('hello.ts'), memory: MIB + cpus * 16 * 1024, cpus });
  expect(result).toEqual({ reason: 'power-off', code: 0 });
});

test('a guest or device file that is not there is refused at once', () => {
  const missing = '/nowhere/at-all.ts';
  expect(() => watch({ guest: missing })).toThrow(expect.objectContaining({ code: 'guest-not-found' }) as Error);
  expect(() => watch({ guest: example('hello.ts'), devices: [missing] })).toThrow(
    expect.objectContaining({ code: 'device-not-found', message: expect.stringContaining(missing) }) as Error,
  );
  expect(() => watch({ guest: '/' })).toThrow(expect.objectContaining({ code: 'guest-not-found' }) as Error);
});

test('inspect shows the partition, its processors, the bus and the disks, whole or in part', async () => {
  const { machine, printed } = await start({ guest: guestWith(WAITS), cpus: 2 });
  await printed('up');
  const tree = (await machine.inspect()) as Record<string, Record<string, unknown>>;
  expect(Object.keys(tree)).toEqual(expect.arrayContaining(['name', 'state', 'partition', 'vmbus', 'disks']));
  expect(Object.keys((await machine.inspect('partition/vps')) as object)).toEqual(['0', '1']);
  expect(await machine.inspect('/partition/vps/1/started/')).toBe(true);
  expect(await machine.inspect('vmbus/bus/version')).toBe('5.3');
  await expect.poll(() => machine.inspect('vmbus/channels/1/state'), PATIENTLY).toBe('open');
  expect(JSON.parse(JSON.stringify(tree))).toEqual(tree);

  // A TypeScript guest calls the same microkernel, over the same rings.
  expect(await machine.inspect('partition/vps/0/intercepts/hypercalls')).toMatchObject({
    HvCallPostMessage: expect.any(Number),
    HvCallSignalEvent: expect.any(Number),
  });
  const rings = (await machine.inspect('vmbus/channels/*/rings/outgoing')) as Record<string, Record<string, number>>;
  expect(Object.keys(rings)).toContain('vmbus/channels/1/rings/outgoing');
  for (const ring of Object.values(rings)) {
    expect(ring['writeIndex']).toBeLessThan(ring['size']!);
    expect(ring).toMatchObject({ interruptMask: expect.any(Number), pendingSendSize: expect.any(Number) });
  }
  expect(await machine.inspect('root/synic/enabled')).toBe(true);
  const { mappedPages } = (await machine.inspect('partition/memory')) as { mappedPages: number };
  expect(mappedPages).toBeGreaterThan(0);
});

test('inspect of a path that is not there is refused, and says what there is', async () => {
  const { machine } = await start({ guest: guestWith(WAITS) });
  for (const path of ['nothing', 'partition/nothing', 'state/0', 'constructor', '__proto__', 'vmbus/rings/length']) {
    await expect(machine.inspect(path)).rejects.toMatchObject({
      code: 'no-such-path',
      message: `there is nothing at ${path}`,
      hint: expect.stringMatching(/there are: |has no parts|did you mean/),
    });
  }
});

test('inspect works before the start and after the end', async () => {
  const { machine } = watch({ guest: example('hello.ts') });
  expect(await machine.inspect()).toMatchObject({ name: basename('hello'), state: 'created' });
  await machine.start();
  await machine.finished;
  expect(await machine.inspect('state')).toBe('stopped');
});

test('an inspect that meets the end of the machine is answered or refused, never left waiting', async () => {
  const { machine } = await start({ guest: guestWith(WAITS) });
  const inspections = Array.from({ length: 20 }, () => machine.inspect('state'));
  await machine.powerOff();
  const outcomes = await Promise.allSettled(inspections);
  expect(outcomes).toHaveLength(20);
});

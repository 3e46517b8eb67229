import { expect, test } from 'vitest';
import { machine, type TestMachine } from '../machine-fixture.ts';
import { controlWord } from '../hypercall/control.ts';

const CALLS = 60_000;

/** A machine whose child signals flag 3 of the root's SINT 2 on connection 0x2003. */
function signalling(): TestMachine {
  const it = machine();
  it.rootVp.writeMsr(0x40000082, 0xb001n);
  it.rootVp.writeMsr(0x40000092, 0x200f3n);
  it.rootVp.writeMsr(0x40000080, 1n);
  it.kernel.createPort(it.root, 3, { kind: 'event', sint: 2, vp: 0, flag: 3, flagCount: 1 });
  it.kernel.connectPort(it.child, 0x2003, it.root, 3);
  return it;
}

/** Bytes that a call of `run` allocates, in the best of three samples: the collector may run in one of them. */
function bytesPerCall(run: () => void): number {
  for (let n = 0; n < 30_000; n++) run();
  const samples = [0, 1, 2].map(() => {
    const before = process.memoryUsage().heapUsed;
    for (let n = 0; n < CALLS; n++) run();
    return (process.memoryUsage().heapUsed - before) / CALLS;
  });
  return Math.min(...samples.map(Math.abs));
}

test('a fast SignalEvent, from registers to flag to interrupt, allocates nothing', () => {
  const { childVp, rootVp } = signalling();
  new BigUint64Array(childVp.registers.buffer).set([controlWord(0x5d, { fast: true }), 0x2003n]);

  expect(bytesPerCall(() => childVp.hypercall())).toBeLessThan(1);
  expect(childVp.registers[6]).toBe(0);
  expect(rootVp.takeInterrupt()).toBe(0xf3);
});

test('signalEvent by the host, and taking the interrupt, allocate nothing', () => {
  const { kernel, child, rootVp } = signalling();
  let taken = 0;

  const bytes = bytesPerCall(() => {
    kernel.signalEvent(child, 0x2003, 0);
    if (rootVp.takeInterrupt() === 0xf3) taken++;
  });

  expect(bytes).toBeLessThan(1);
  expect(taken).toBe(1);
});

test('a ring moves the counter, so that a VP about to sleep on the old value does not', () => {
  const { kernel, child, rootVp } = signalling();
  const { words, counter } = rootVp.doorbell;
  const seen = Atomics.load(words, counter);
  expect(rootVp.interruptPending).toBe(false);

  kernel.signalEvent(child, 0x2003, 0);

  expect(Atomics.wait(words, counter, seen, 0)).toBe('not-equal');
  expect(rootVp.interruptPending).toBe(true);
  expect(rootVp.takeInterrupt()).toBe(0xf3);
});

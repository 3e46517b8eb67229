import fc from 'fast-check';
import { expect, test } from 'vitest';
import { apicMachine, Reg } from './apic-fixture.ts';

const vectors = fc.integer({ min: 16, max: 255 });

test('of several interrupts the highest vector is delivered first, the rest after its end', () => {
  const { kernel, partition, vps } = apicMachine(1);
  const vp = vps[0]!;
  for (const vector of [0x41, 0x93, 0x52]) kernel.assertInterrupt(partition, 0, vector);

  const order = [0, 1, 2].map(() => {
    const vector = vp.takeInterrupt();
    vp.apicWrite(Reg.Eoi, 0);
    return vector;
  });

  expect(order).toEqual([0x93, 0x52, 0x41]);
  expect(vp.takeInterrupt()).toBe(-1);
});

test('an interrupt in service holds back its own class, and lets higher ones nest', () => {
  const { kernel, partition, vps } = apicMachine(1);
  const vp = vps[0]!;
  kernel.assertInterrupt(partition, 0, 0x51);
  expect(vp.takeInterrupt()).toBe(0x51);

  kernel.assertInterrupt(partition, 0, 0x5f);
  expect(vp.highestInterrupt()).toBe(-1);
  expect(vp.interruptPending).toBe(false);
  kernel.assertInterrupt(partition, 0, 0x60);
  expect(vp.takeInterrupt()).toBe(0x60);
  expect(vp.apicRead(Reg.Ppr)).toBe(0x60);

  vp.apicWrite(Reg.Eoi, 0);
  expect(vp.highestInterrupt()).toBe(-1);
  vp.apicWrite(Reg.Eoi, 0);
  expect(vp.takeInterrupt()).toBe(0x5f);
});

test('a vector can be requested once more while it is in service', () => {
  const { kernel, partition, vps } = apicMachine(1);
  const vp = vps[0]!;
  for (let n = 0; n < 3; n++) kernel.assertInterrupt(partition, 0, 0x51);
  expect(vp.takeInterrupt()).toBe(0x51);
  kernel.assertInterrupt(partition, 0, 0x51);

  vp.apicWrite(Reg.Eoi, 0);

  expect(vp.takeInterrupt()).toBe(0x51);
  vp.apicWrite(Reg.Eoi, 0);
  expect(vp.takeInterrupt()).toBe(-1);
});

test('an end of interrupt with nothing in service does nothing', () => {
  const { kernel, partition, vps } = apicMachine(1);
  kernel.assertInterrupt(partition, 0, 0x51);

  vps[0]!.apicWrite(Reg.Eoi, 0);

  expect(vps[0]!.takeInterrupt()).toBe(0x51);
});

test('the task priority holds back its class and those below; CR8 is its upper half', () => {
  const { kernel, partition, vps } = apicMachine(1);
  const vp = vps[0]!;
  kernel.assertInterrupt(partition, 0, 0x7f);

  vp.taskPriority = 0x70;
  expect(vp.highestInterrupt()).toBe(-1);
  expect(vp.apicRead(Reg.Tpr)).toBe(0x70);

  vp.apicWrite(Reg.Tpr, 0x6f);
  expect(vp.taskPriority >>> 4).toBe(6);
  expect(vp.takeInterrupt()).toBe(0x7f);
});

test('a VP follows the rules of priorities whatever comes in whatever order', () => {
  const step = fc.oneof(
    vectors.map((vector) => ({ post: vector })),
    fc.constant('take' as const),
    fc.constant('end' as const),
    fc.integer({ min: 0, max: 255 }).map((priority) => ({ priority })),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { kernel, partition, vps } = apicMachine(1);
      const vp = vps[0]!;
      const requested = new Set<number>();
      const service: number[] = [];
      let task = 0;
      const [taken, right]: number[][] = [[], []];
      for (const now of steps) {
        if (now === 'end') {
          vp.apicWrite(Reg.Eoi, 0);
          service.pop();
        } else if (now === 'take') {
          const held = Math.max(task >>> 4, (service.at(-1) ?? 0) >>> 4);
          const best = Math.max(-1, ...requested);
          const expected = best >>> 4 > held && best >= 0 ? best : -1;
          taken!.push(vp.takeInterrupt());
          right!.push(expected);
          requested.delete(expected);
          if (expected >= 0) service.push(expected);
        } else if ('post' in now) {
          kernel.assertInterrupt(partition, 0, now.post);
          requested.add(now.post);
        } else {
          vp.apicWrite(Reg.Tpr, now.priority);
          task = now.priority;
        }
        const top = service.at(-1) ?? 0;
        expect(vp.apicRead(Reg.Ppr)).toBe(task >>> 4 >= top >>> 4 ? task : top & 0xf0);
      }
      expect(taken).toEqual(right);
      expect(bits(vp, Reg.Irr)).toEqual([...requested].sort((a, b) => a - b));
      expect(bits(vp, Reg.Isr)).toEqual(service);
      expect(bits(vp, Reg.Tmr)).toEqual([]);
    }),
  );
});

test('interrupts nest to one level for each class above the exceptions, and no deeper', () => {
  const { kernel, partition, vps } = apicMachine(1);
  const vp = vps[0]!;
  let depth = 0;
  for (let vector = 16; vector < 256; vector++) {
    kernel.assertInterrupt(partition, 0, vector);
    if (vp.takeInterrupt() >= 0) depth++;
  }

  expect(depth).toBe(15);
});

test('a vector of a SINT with auto-EOI is over as it is taken, others of the same class wait for an EOI', () => {
  const { kernel, partition, vps } = apicMachine(1);
  const vp = vps[0]!;
  vp.writeMsr(0x40000092, 0x2_00f3n);
  kernel.assertInterrupt(partition, 0, 0xf3);
  kernel.assertInterrupt(partition, 0, 0xf1);

  expect([vp.takeInterrupt(), vp.takeInterrupt(), vp.takeInterrupt()]).toEqual([0xf3, 0xf1, -1]);
  expect(bits(vp, Reg.Isr)).toEqual([0xf1]);
});

test('taking an interrupt from its arrival to its end allocates nothing', () => {
  const { kernel, partition, vps } = apicMachine(1);
  const vp = vps[0]!;
  const run = (): void => {
    kernel.assertInterrupt(partition, 0, 0x51);
    vp.acknowledge(vp.highestInterrupt());
    vp.apicWrite(Reg.Eoi, 0);
  };
  for (let n = 0; n < 30_000; n++) run();
  const samples = [0, 1, 2].map(() => {
    const before = process.memoryUsage().heapUsed;
    for (let n = 0; n < 60_000; n++) run();
    return Math.abs(process.memoryUsage().heapUsed - before) / 60_000;
  });

  expect(Math.min(...samples)).toBeLessThan(1);
});

/** Vectors whose bits are set in a bank of eight registers. */
function bits(vp: { apicRead(offset: number): number }, bank: number): number[] {
  return Array.from({ length: 256 }, (_, vector) => vector).filter(
    (vector) => (vp.apicRead(bank + 16 * (vector >>> 5)) & (1 << (vector & 31))) !== 0,
  );
}

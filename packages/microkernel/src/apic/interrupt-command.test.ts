import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { machine } from '../machine-fixture.ts';
import type { Vp } from '../vp/vp.ts';
import { apicMachine, msr, Reg } from './apic-fixture.ts';

const LOWEST = 1 << 8;
const SMI = 2 << 8;
const NMI = 4 << 8;
const LOGICAL = 1 << 11;
const SELF = 1 << 18;
const ALL = 2 << 18;
const OTHERS = 3 << 18;
const VECTOR = 0x61;

/** Sends by the two registers of the page. */
function send(vp: Vp, low: number, destination = 0): void {
  vp.apicWrite(Reg.IcrHigh, destination << 24);
  vp.apicWrite(Reg.IcrLow, low);
}

/** Indices of the VPs at which the vector is pending, which it is no more afterwards. */
const reached = (vps: readonly Vp[], vector = VECTOR): number[] =>
  vps.flatMap((vp, index) => {
    if (vp.highestInterrupt() !== vector) return [];
    vp.acknowledge(vector);
    vp.apicWrite(Reg.Eoi, 0);
    vp.writeMsr(msr(Reg.Eoi), 0n);
    return [index];
  });

describe('destinations of an xAPIC', () => {
  test.each([
    ['a physical id', VECTOR, 2, [2]],
    ['its own physical id', VECTOR, 0, [0]],
    ['a physical id that nobody has', VECTOR, 9, []],
    ['all physical ids', VECTOR, 0xff, [0, 1, 2, 3]],
    ['itself, by shorthand', VECTOR | SELF, 3, [0]],
    ['everybody, by shorthand', VECTOR | ALL, 3, [0, 1, 2, 3]],
    ['all others, by shorthand', VECTOR | OTHERS, 0, [1, 2, 3]],
  ])('%s', (_, low, destination, expected) => {
    const { vps } = apicMachine(4);

    send(vps[0]!, low, destination);

    expect(reached(vps)).toEqual(expected);
  });

  test('flat logical ids are masks', () => {
    const { vps } = apicMachine(4);
    for (const [n, vp] of vps.entries()) vp.apicWrite(Reg.Ldr, (1 << n) << 24);

    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xfe }), (mask) => {
        send(vps[1]!, VECTOR | LOGICAL, mask);
        expect(reached(vps)).toEqual([0, 1, 2, 3].filter((n) => (mask & (1 << n)) !== 0));
      }),
    );
    send(vps[1]!, VECTOR | LOGICAL, 0xff);
    expect(reached(vps)).toEqual([0, 1, 2, 3]);
  });

  test('cluster logical ids are a cluster and a mask in it; cluster 15 is each of them', () => {
    const { vps } = apicMachine(4);
    for (const [n, vp] of vps.entries()) {
      vp.apicWrite(Reg.Dfr, 0x0fff_ffff);
      vp.apicWrite(Reg.Ldr, (((n >>> 1) << 4) | (1 << (n & 1))) << 24);
    }
    const to = (destination: number): number[] => {
      send(vps[0]!, VECTOR | LOGICAL, destination);
      return reached(vps);
    };

    expect([0x01, 0x03, 0x12, 0x13, 0x20, 0x2f, 0xf1, 0xf3].map(to)).toEqual([
      [0],
      [0, 1],
      [3],
      [2, 3],
      [],
      [],
      [0, 2],
      [0, 1, 2, 3],
    ]);
  });
});

describe('destinations of an x2APIC', () => {
  const icr = (low: number, destination: number): bigint => (BigInt(destination >>> 0) << 32n) | BigInt(low);

  test.each([
    ['a physical id', VECTOR, 18, [18]],
    ['255, which is an id like others', VECTOR, 255, []],
    ['all physical ids', VECTOR, 0xffff_ffff, Array.from({ length: 20 }, (_, n) => n)],
    ['a logical id of the second cluster', VECTOR | LOGICAL, 0x1_0005, [16, 18]],
    ['a logical id of a cluster that nobody is in', VECTOR | LOGICAL, 0x7_ffff, []],
    ['all logical ids', VECTOR | LOGICAL, 0xffff_ffff, Array.from({ length: 20 }, (_, n) => n)],
  ])('%s', (_, low, destination, expected) => {
    const { vps } = apicMachine(20, 'x2apic');

    vps[3]!.writeMsr(msr(Reg.IcrLow), icr(low, destination));

    expect(reached(vps)).toEqual(expected);
    expect(vps[3]!.readMsr(msr(Reg.IcrLow))).toBe(icr(low, destination));
  });

  test('SELF_IPI is an interrupt to itself', () => {
    const { vps } = apicMachine(2, 'x2apic');

    vps[1]!.writeMsr(msr(Reg.SelfIpi), BigInt(VECTOR));

    expect(reached(vps)).toEqual([1]);
  });
});

describe('delivery', () => {
  test('lowest priority goes to one of those named: the one with the lowest priority, of equals the first', () => {
    const { vps } = apicMachine(4);
    for (const [n, priority] of [0x50, 0x30, 0x20, 0x30].entries()) vps[n]!.taskPriority = priority;
    send(vps[0]!, VECTOR | LOWEST, 0xff);
    expect(reached(vps)).toEqual([2]);

    vps[2]!.taskPriority = 0x40;
    send(vps[0]!, VECTOR | LOWEST, 0xff);
    expect(reached(vps)).toEqual([1]);
  });

  test('lowest priority passes over a processor that accepts nothing', () => {
    const { vps } = apicMachine(3);
    vps[0]!.apicWrite(Reg.Svr, 0xff);
    vps[1]!.taskPriority = 0x20;
    vps[2]!.taskPriority = 0x10;

    send(vps[0]!, VECTOR | LOWEST, 0xff);

    expect(reached(vps)).toEqual([2]);
  });

  test('an NMI is pending until it is acknowledged, whatever its vector says', () => {
    const { vps } = apicMachine(3);

    send(vps[0]!, NMI | 2 | OTHERS);

    expect(vps.map((vp) => vp.nmiPending)).toEqual([false, true, true]);
    expect(vps[1]!.takeInterrupt()).toBe(-1);
    vps[1]!.acknowledgeNmi();
    expect(vps.map((vp) => vp.nmiPending)).toEqual([false, false, true]);
  });

  test('an SMI, and what the shorthands do not allow, go nowhere', () => {
    const { vps } = apicMachine(2);

    for (const low of [SMI | OTHERS, NMI | ALL, NMI | SELF, (5 << 8) | SELF, (3 << 8) | OTHERS, (7 << 8) | VECTOR]) {
      send(vps[0]!, low, 0xff);
    }

    expect(vps.map((vp) => [vp.interruptPending, vp.nmiPending, vp.startup.state])).toEqual([
      [false, false, 'running'],
      [false, false, 'wait-for-sipi'],
    ]);
  });

  test('a vector below 16 is not sent, and is the sender’s error', () => {
    const { vps } = apicMachine(2);

    send(vps[0]!, 0x0f, 1);

    expect(vps[1]!.interruptPending).toBe(false);
    vps[0]!.apicWrite(Reg.Esr, 0);
    expect(vps[0]!.apicRead(Reg.Esr)).toBe(0x20);
  });

  test('an interrupt for a VP whose APIC is disabled by software is refused, and counted', () => {
    const { kernel, partition, vps } = apicMachine(2);
    vps[1]!.apicWrite(Reg.Svr, 0xff);

    send(vps[0]!, VECTOR, 1);

    expect(reached(vps)).toEqual([]);
    expect(kernel.inspect()).toMatchObject({ partitions: { [partition]: { vps: { 1: { apic: { refused: 1 } } } } } });
  });

  test('a command rings the target’s doorbell', () => {
    const { vps } = apicMachine(2);
    const { words, counter } = vps[1]!.doorbell;
    const before = Atomics.load(words, counter);

    send(vps[0]!, VECTOR, 1);

    expect(Atomics.load(words, counter)).toBe(before + 1);
  });

  test('partitions do not reach each other', () => {
    const { kernel, vps } = apicMachine(2);
    const other = kernel.createPartition({ node: 0, gpaPages: 1, privileges: 0n });
    kernel.initializePartition(other);
    kernel.createVp(other, 0, { apic: 'xapic' });
    kernel.vp(other, 0).apicWrite(Reg.Svr, 0x1ff);

    send(vps[0]!, VECTOR | ALL);

    expect(kernel.vp(other, 0).interruptPending).toBe(false);
    expect(reached(vps)).toEqual([0, 1]);
  });

  test('hypercalls and the SynIC deliver through the APIC too', () => {
    const { kernel, partition, vps } = apicMachine(2);
    vps[1]!.writeMsr(0x40000082, 0x1001n);
    vps[1]!.writeMsr(0x40000092, 0xf3n);
    vps[1]!.writeMsr(0x40000080, 1n);
    kernel.createPort(partition, 3, { kind: 'event', sint: 2, vp: 1, flag: 7, flagCount: 1 });
    kernel.connectPort(1, 0x2003, partition, 3);
    new BigUint64Array(vps[0]!.registers.buffer).set([0x1_000bn, 0x51n, 0b10n]);
    vps[0]!.hypercall();

    expect(kernel.signalEvent(1, 0x2003, 0)).toBe(0);
    vps[1]!.settle();

    expect(vps[1]!.takeInterrupt()).toBe(0xf3);
    expect(vps[1]!.takeInterrupt()).toBe(-1);
    vps[1]!.apicWrite(Reg.Eoi, 0);
    expect(vps[1]!.takeInterrupt()).toBe(0x51);
  });

  test('VPs without an APIC take commands by their index, as vectors', () => {
    const { kernel, child, childVp } = machine();
    kernel.createVp(child, 1);

    childVp.writeMsr(0x40000071, 0x0100_0000_0000_0051n);
    childVp.writeMsr(0x40000071, 0x0100_0000_0000_0851n);

    expect(kernel.vp(child, 1).takeInterrupt()).toBe(0x51);
    expect(kernel.vp(child, 1).takeInterrupt()).toBe(-1);
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HvStatus } from '../status.ts';
import { EVENT_PAGE, Guest, Msr, Rig, SINT, VECTOR } from './synic-fixture.ts';

const MASKED = 1 << 16;
const POLLING = 1 << 18;

/** Partition 2 has connection n to an event port with all flags of SINT n, for n = 1 … 15. */
function wired(): { rig: Rig; guest: Guest; signal: (flag: number, sint?: number) => HvStatus } {
  const rig = new Rig();
  for (let sint = 1; sint < 16; sint++) {
    rig.ports.createPort(1, sint, { kind: 'event', sint, vp: 0, flag: 0, flagCount: 2048 });
    rig.ports.connectPort(2, sint, 1, sint);
  }
  return { rig, guest: new Guest(rig, 1, 0), signal: (flag, sint = SINT) => rig.ports.signalEvent(2, sint, flag) };
}

test('a signal rings the doorbell, and settling sets the flag and raises the vector of its SINT', () => {
  const { rig, guest, signal } = wired();
  guest.listen();
  expect(signal(77)).toBe(HvStatus.Success);
  expect(rig.rings(1, 0)).toBe(1);
  guest.synic.settle();
  expect(guest.takeFlags()).toEqual([77]);
  expect(rig.raised).toEqual(['1/0:f3']);
});

test('Y10: every one of the 2048 flags of a SINT lands on its own bit', () => {
  const { guest, signal } = wired();
  guest.listen();
  const all = Array.from({ length: 2048 }, (_, flag) => flag);
  for (const flag of all) signal(flag);
  guest.synic.settle();
  expect(guest.takeFlags()).toEqual(all);
});

test('Y10: setting flags keeps those that the guest has not yet taken', () => {
  const { guest, signal } = wired();
  guest.listen();
  signal(1);
  guest.synic.settle();
  signal(2);
  guest.synic.settle();
  expect(guest.takeFlags()).toEqual([1, 2]);
});

test('S16: a flag that is still set makes no second interrupt; once taken, it does again', () => {
  const { rig, guest, signal } = wired();
  guest.listen();
  for (let i = 0; i < 3; i++) {
    signal(5);
    guest.synic.settle();
  }
  expect(rig.raised).toHaveLength(1);
  guest.takeFlags();
  signal(5);
  guest.synic.settle();
  expect(rig.raised).toHaveLength(2);
});

test('S16: signals before the VP looks are one interrupt and one ring', () => {
  const { rig, guest, signal } = wired();
  guest.listen();
  for (const flag of [5, 5, 6, 70]) signal(flag);
  guest.synic.settle();
  expect(rig.rings(1, 0)).toBe(1);
  expect(rig.raised).toHaveLength(1);
  expect(guest.takeFlags()).toEqual([5, 6, 70]);
});

test('a masked SINT has its flags set and raises nothing', () => {
  const { rig, guest, signal } = wired();
  guest.listen(SINT, VECTOR | MASKED);
  signal(9);
  guest.synic.settle();
  expect(guest.takeFlags()).toEqual([9]);
  expect(rig.raised).toEqual([]);
});

test('Y10: a polling SINT has its flags set and raises nothing', () => {
  const { rig, guest, signal } = wired();
  guest.listen(SINT, VECTOR | POLLING);
  signal(9);
  guest.synic.settle();
  expect(guest.takeFlags()).toEqual([9]);
  expect(rig.raised).toEqual([]);
});

test('Y11: a signal while SCONTROL or SIEFP is off is ignored with success and does not come later', () => {
  const { rig, guest, signal } = wired();
  guest.listen();
  guest.set(Msr.Scontrol, 0);
  expect(signal(1)).toBe(HvStatus.Success);
  guest.set(Msr.Scontrol, 1);
  guest.set(Msr.Siefp, 0);
  expect(signal(2)).toBe(HvStatus.Success);
  guest.set(Msr.Siefp, EVENT_PAGE | 1);
  expect(guest.takeFlags()).toEqual([]);
  expect(rig.rings(1, 0)).toBe(0);
});

test('a flag that was signalled before the page is turned off is in the overlay when it is back', () => {
  const { guest, signal } = wired();
  guest.listen();
  signal(3);
  guest.set(Msr.Siefp, 0);
  guest.set(Msr.Siefp, EVENT_PAGE | 1);
  expect(guest.takeFlags()).toEqual([3]);
});

test('flags of one SINT do not show in another', () => {
  const { guest, signal } = wired();
  guest.listen();
  signal(2047, 1);
  signal(0, 3);
  guest.synic.settle();
  expect([1, 2, 3].map((sint) => guest.takeFlags(sint))).toEqual([[2047], [], [0]]);
});

test('no order of signals, settling and taking loses a flag or makes one up', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('signal' as const), flag: fc.integer({ min: 0, max: 2047 }) }),
    fc.record({ do: fc.constantFrom('settle', 'take', 'mask', 'unmask'), flag: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const { guest, signal } = wired();
      guest.listen();
      const owed = new Set<number>();
      const taken = new Set<number>();
      for (const { do: what, flag } of steps) {
        if (what === 'signal' && signal(flag) === HvStatus.Success) owed.add(flag);
        if (what === 'settle') guest.synic.settle();
        if (what === 'mask') guest.set(Msr.Sint0 + SINT, VECTOR | MASKED);
        if (what === 'unmask') guest.set(Msr.Sint0 + SINT, VECTOR);
        if (what === 'take') for (const found of guest.takeFlags()) taken.add(found);
      }
      guest.synic.settle();
      for (const found of guest.takeFlags()) taken.add(found);
      expect(taken).toEqual(owed);
    }),
    { numRuns: 150 },
  );
});

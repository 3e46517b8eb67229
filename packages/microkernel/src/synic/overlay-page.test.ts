import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Access } from '../memory/slat.ts';
import { Guest, GUEST_PAGES, Msr, Rig } from './synic-fixture.ts';

const PAGE = 4096;

function guestWithPattern(): { rig: Rig; guest: Guest } {
  const rig = new Rig();
  const guest = new Guest(rig, 1, 0);
  for (let page = 0; page < GUEST_PAGES; page++) guest.memory.fill(page * PAGE, 0x10 + page, PAGE);
  return { rig, guest };
}

const bytesAt = (guest: Guest, gpa: number): number[] => {
  const page = new Uint8Array(PAGE);
  guest.memory.read(gpa, page);
  return [...new Set(page)];
};

test('Y9: a page is zeroed when it is first enabled, and what lies below reappears when it is disabled', () => {
  for (const msr of [Msr.Simp, Msr.Siefp]) {
    const { guest } = guestWithPattern();
    guest.set(msr, 0x3001);
    expect(bytesAt(guest, 0x3000)).toEqual([0]);
    guest.set(msr, 0x3000);
    expect(bytesAt(guest, 0x3000)).toEqual([0x13]);
  }
});

test('Y9: an overlay keeps its content while it is disabled', () => {
  const { guest } = guestWithPattern();
  guest.set(Msr.Simp, 0x3001);
  guest.memory.fill(0x3000, 0x77, PAGE);
  guest.set(Msr.Simp, 0);
  guest.set(Msr.Simp, 0x3001);
  expect(bytesAt(guest, 0x3000)).toEqual([0x77]);
});

test('Y9: the content of an overlay follows it when it moves', () => {
  const { guest } = guestWithPattern();
  guest.set(Msr.Simp, 0x3001);
  guest.memory.fill(0x3000, 0x77, PAGE);
  guest.set(Msr.Simp, 0x5001);
  expect(bytesAt(guest, 0x3000)).toEqual([0x13]);
  expect(bytesAt(guest, 0x5000)).toEqual([0x77]);
});

test('Y9: stale bytes in the page below do not pass for a message that blocks the slot', () => {
  const { rig, guest } = guestWithPattern();
  rig.ports.createPort(1, 1, { kind: 'message', sint: 2, vp: 0 });
  rig.ports.connectPort(2, 1, 1, 1);
  guest.listen();
  rig.ports.postMessage(2, 1, 1, Uint8Array.of(42));
  guest.synic.settle();
  expect(guest.take()).toEqual([42]);
});

test('writing the value that the register holds changes no memory', () => {
  const { guest } = guestWithPattern();
  guest.set(Msr.Simp, 0x3001);
  guest.memory.fill(0x3000, 0x77, PAGE);
  guest.set(Msr.Simp, 0x3001);
  expect(bytesAt(guest, 0x3000)).toEqual([0x77]);
});

test('enabling a page that is not readable and writable memory faults and changes nothing', () => {
  const { rig, guest } = guestWithPattern();
  guest.set(Msr.Simp, 0x3001);
  rig.tables[0]!.unmap(6);
  rig.tables[0]!.map(7, 2 + 7, Access.Read);
  const outside = BigInt(GUEST_PAGES * PAGE);
  for (const gpa of [0x6000n, 0x7000n, outside, 0xffff_ffff_ffff_f000n]) {
    expect(guest.synic.write(Msr.Simp, gpa | 1n)).toBe(false);
    expect(guest.synic.read(Msr.Simp)).toBe(0x3001n);
  }
  expect(guest.synic.write(Msr.Simp, outside)).toBe(true);
});

test('a page that is unmapped under its overlay takes the content along; the guest runs on', () => {
  const { rig, guest } = guestWithPattern();
  guest.listen();
  guest.memory.fill(0x3000, 0x77, PAGE);
  rig.tables[0]!.unmap(3);
  guest.set(Msr.Eom, 0);
  guest.set(Msr.Simp, 0x5001);
  expect(bytesAt(guest, 0x5000)).toEqual([0]);
});

test('reset lets both pages reappear, and forgets what the overlays held', () => {
  const { guest } = guestWithPattern();
  guest.listen();
  guest.memory.fill(0x3000, 0x77, PAGE);
  guest.synic.reset();
  expect([bytesAt(guest, 0x3000), bytesAt(guest, 0x4000)]).toEqual([[0x13], [0x14]]);
  guest.listen();
  expect(bytesAt(guest, 0x3000)).toEqual([0]);
});

test('whatever the guest writes to SIMP and SIEFP, with both off its memory is what it was', () => {
  const page = fc.constantFrom(0x2000, 0x3000, 0x4000);
  const write = fc.record({ gpa: page, on: fc.boolean() });
  fc.assert(
    fc.property(fc.array(write, { maxLength: 20 }), (writes) => {
      const { guest } = guestWithPattern();
      guest.set(Msr.Siefp, 0x8001);
      for (const { gpa, on } of writes) guest.set(Msr.Simp, gpa | (on ? 1 : 0));
      guest.set(Msr.Simp, 0);
      guest.set(Msr.Siefp, 0);
      const pages = Array.from({ length: GUEST_PAGES }, (_, i) => bytesAt(guest, i * PAGE));
      expect(pages).toEqual(Array.from({ length: GUEST_PAGES }, (_, i) => [0x10 + i]));
    }),
    { numRuns: 50 },
  );
});

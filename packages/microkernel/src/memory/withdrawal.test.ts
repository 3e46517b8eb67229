import { expect, test } from 'vitest';
import { machine } from '../machine-fixture.ts';
import { HvStatus } from '../status.ts';
import { PAGE_SIZE } from './node.ts';
import { Access } from './slat.ts';

const SIMP = 0x4000_0083;
const HYPERCALL = 0x4000_0001;
const GUEST_OS_ID = 0x4000_0000;

test('pages that are withdrawn cannot be found any more, and are named by the system pages that lay there', () => {
  const { kernel, node, child } = machine();
  const memory = kernel.memory(child);
  memory.fill(3 * PAGE_SIZE, 7, 2 * PAGE_SIZE);
  const runs = kernel.withdrawGpaPages(child, 3, 2);
  expect(runs).toEqual([{ guestPage: 3, systemPage: runs[0]!.systemPage, count: 2 }]);
  expect(memory.find(3 * PAGE_SIZE, 1, Access.Read)).toBe(-1);
  expect(memory.find(5 * PAGE_SIZE, 1, Access.Read)).not.toBe(-1);
  // Still the partition's: nobody has touched what is in them.
  expect(node.bytes[runs[0]!.systemPage * PAGE_SIZE]).toBe(7);
  expect(kernel.withdrawGpaPages(child, 3, 2)).toEqual([]);
});

test('a generation is settled when every VP has acknowledged it or a later one', () => {
  const { kernel, child, childVp } = machine();
  kernel.createVp(child, 1);
  const second = kernel.vp(child, 1);
  const bells = [childVp, second].map(({ doorbell }) => doorbell.words[doorbell.counter]!);
  kernel.withdrawGpaPages(child, 3, 1);
  const generation = kernel.changeMappings(child);

  expect([childVp, second].map(({ doorbell }) => doorbell.words[doorbell.counter])).toEqual(bells.map((n) => n + 1));
  expect(kernel.mappingsSettled(child, generation)).toBe(false);
  childVp.acknowledgeMappings(childVp.mappings);
  expect(kernel.mappingsSettled(child, generation)).toBe(false);
  const later = kernel.changeMappings(child);
  second.acknowledgeMappings(second.mappings);
  expect([generation, later].map((each) => kernel.mappingsSettled(child, each))).toEqual([true, false]);
  childVp.acknowledgeMappings(childVp.mappings);
  expect(kernel.mappingsSettled(child, later)).toBe(true);
  // One that is created now knows nothing of what was.
  kernel.createVp(child, 2);
  expect(kernel.mappingsSettled(child, later)).toBe(true);
  expect(kernel.mappingsSettled(999, 1)).toBe(true);
});

test('what lies under an overlay stays', () => {
  const { kernel, child, childVp } = machine();
  childVp.writeMsr(SIMP, BigInt(4 * PAGE_SIZE) | 1n);
  childVp.writeMsr(GUEST_OS_ID, 1n);
  childVp.writeMsr(HYPERCALL, BigInt(6 * PAGE_SIZE) | 1n);
  expect(kernel.overlaidPages(child).toSorted((a, b) => a - b)).toEqual([4, 6]);
  expect(kernel.withdrawGpaPages(child, 3, 5).map(({ guestPage, count }) => [guestPage, count])).toEqual([
    [3, 1],
    [5, 1],
    [7, 1],
  ]);
  childVp.writeMsr(SIMP, 0n);
  expect(kernel.overlaidPages(child)).toEqual([6]);
});

test('pages are given back zeroed, in pieces when the node has no run, and as many as it has', () => {
  const { kernel, child } = machine();
  const memory = kernel.memory(child);
  memory.fill(0, 0xff, 40 * PAGE_SIZE);
  const runs = kernel.withdrawGpaPages(child, 0, 40);
  const { systemPage } = runs[0]!;
  // Every other page comes free: no run is longer than one.
  while (kernel.allocatePages(0, 1) >= 0);
  for (let i = 0; i < 40; i += 2) kernel.freePages(0, systemPage + i, 1);

  expect(kernel.backGpaPages(child, 0, 16)).toBe(16);
  const seen = new Uint8Array(16 * PAGE_SIZE).fill(1);
  expect(memory.read(0, seen)).toBe(true);
  expect(seen.every((byte) => byte === 0)).toBe(true);
  expect(memory.write(0, new Uint8Array(16 * PAGE_SIZE).fill(9))).toBe(true);
  // It stops at what is mapped already, and when there are no more.
  expect(kernel.backGpaPages(child, 10, 4)).toBe(0);
  expect(kernel.backGpaPages(child, 16, 24)).toBe(4);
  expect(kernel.freePageCount(0)).toBe(0);
  expect(memory.find(20 * PAGE_SIZE, 1, Access.Read)).toBe(-1);
});

test('of a partition that is no more, nothing can be taken and nothing given', () => {
  const { kernel, child } = machine();
  kernel.finalizePartition(child);
  expect(kernel.withdrawGpaPages(child, 0, 4)).toEqual([]);
  expect(kernel.backGpaPages(child, 0, 4)).toBe(0);
  expect(kernel.deletePartition(child)).toBe(HvStatus.Success);
  expect([kernel.changeMappings(child), kernel.overlaidPages(child)]).toEqual([0, []]);
});

import { Access, CHILD_PRIVILEGES, Microkernel, PAGE_SIZE } from '@ringlet/microkernel';
import { expect, test } from 'vitest';
import { DisplayMemory } from './display-memory.ts';

const RAM_PAGES = 8;
const WINDOW = { start: 16 * PAGE_SIZE, bytes: 16 * PAGE_SIZE };
const PAGES = 4;

/** A partition with a little RAM and a window for devices. */
function machine() {
  const kernel = new Microkernel({ state: Microkernel.createState({ nodes: 1 }), clock: { now: () => 0 } });
  const node = kernel.attachNode({ id: 0, buffer: new SharedArrayBuffer(64 * PAGE_SIZE) });
  const partition = kernel.createPartition({ node: 0, gpaPages: 32, privileges: CHILD_PRIVILEGES });
  kernel.mapGpaPages(partition, 0, kernel.allocatePages(0, RAM_PAGES), RAM_PAGES, Access.All);
  const first = kernel.allocatePages(0, PAGES);
  const memory = new DisplayMemory(kernel, partition, [WINDOW], { first, count: PAGES });
  return { node, first, guest: kernel.memory(partition), memory };
}

const read = (memory: DisplayMemory, at: number, length: number): number[] => {
  const bytes = new Uint8Array(length);
  expect(memory.read(at, bytes)).toBe(true);
  return Array.from(bytes);
};

test('what the guest writes where it has placed the memory, the host reads', () => {
  const { guest, memory } = machine();
  expect(memory.place(WINDOW.start + PAGE_SIZE)).toBe(true);
  expect(guest.write(WINDOW.start + PAGE_SIZE + 100, Uint8Array.of(1, 2, 3))).toBe(true);
  expect(read(memory, 99, 5)).toEqual([0, 1, 2, 3, 0]);
});

test('before that there is nothing in the window, and nothing can be run from it after', () => {
  const { guest, memory } = machine();
  expect(guest.find(WINDOW.start, 1, Access.Read)).toBe(-1);
  memory.place(WINDOW.start);
  expect(guest.find(WINDOW.start, PAGES * PAGE_SIZE, Access.ReadWrite)).toBeGreaterThan(0);
  expect(guest.find(WINDOW.start, 1, Access.Execute)).toBe(-1);
});

test('placed anew it keeps its contents, and the old place is empty, where the two overlap too', () => {
  const { guest, memory } = machine();
  memory.place(WINDOW.start);
  guest.write(WINDOW.start, Uint8Array.of(42));
  expect(memory.place(WINDOW.start + 2 * PAGE_SIZE)).toBe(true);
  expect(read(memory, 0, 1)).toEqual([42]);
  expect(guest.find(WINDOW.start, 1, Access.Read)).toBe(-1);
  expect(guest.find(WINDOW.start + 2 * PAGE_SIZE, PAGES * PAGE_SIZE, Access.Read)).toBeGreaterThan(0);
});

test.each([
  ['half outside the window', WINDOW.start + WINDOW.bytes - PAGE_SIZE],
  ['crooked', WINDOW.start + 1],
  ['where there is neither window nor memory', 12 * PAGE_SIZE],
  ['beyond everything', 2 ** 45],
])('a place %s is refused, and it stays where it was', (_, gpa) => {
  const { guest, memory } = machine();
  memory.place(WINDOW.start);
  expect(memory.place(gpa)).toBe(false);
  guest.write(WINDOW.start, Uint8Array.of(7));
  expect(read(memory, 0, 1)).toEqual([7]);
});

test("a place in the guest's own memory is that memory, and the guest's own stays the guest's", () => {
  const { node, first, guest, memory } = machine();
  memory.place(WINDOW.start);
  guest.write(3 * PAGE_SIZE, Uint8Array.of(5));
  expect(memory.place(3 * PAGE_SIZE)).toBe(true);
  expect(read(memory, 0, 1)).toEqual([5]);
  expect(node.bytes[first * PAGE_SIZE]).toBe(0);
  expect(guest.find(WINDOW.start, 1, Access.Read)).toBe(-1);
  expect(memory.covers(0, 5 * PAGE_SIZE)).toBe(false);
  expect(memory.covers(0, PAGES * PAGE_SIZE)).toBe(true);
});

test('withdrawn it is nowhere, and there is nothing to read', () => {
  const { guest, memory } = machine();
  memory.place(WINDOW.start);
  memory.withdraw();
  expect(guest.find(WINDOW.start, 1, Access.Read)).toBe(-1);
  expect(memory.covers(0, 1)).toBe(false);
  expect(memory.read(0, new Uint8Array(1))).toBe(false);
});

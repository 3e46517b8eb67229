import { Access, CHILD_PRIVILEGES, Microkernel, PAGE_SIZE, ROOT_PRIVILEGES } from '@ringlet/microkernel';
import { expect, test } from 'vitest';
import { recordedWorld } from '../testing/guest-hands.ts';
import { PartitionPages } from './partition-pages.ts';

const PAGES = 64;
const SIMP = 0x4000_0083;
/** Long enough for pages to be gathered, and processors to be looked at again. */
const A_WHILE = 1_000_000;

function partition() {
  const kernel = new Microkernel({
    state: Microkernel.createState({ partitions: 4, vps: 8 }),
    clock: { now: () => 0 },
  });
  kernel.attachNode({ id: 0, buffer: new SharedArrayBuffer(512 * PAGE_SIZE) });
  const [, id] = [ROOT_PRIVILEGES, CHILD_PRIVILEGES].map((privileges) => {
    const each = kernel.createPartition({ node: 0, gpaPages: PAGES, privileges });
    kernel.initializePartition(each);
    return each;
  }) as [number, number];
  kernel.mapGpaPages(id, 0, kernel.allocatePages(0, PAGES), PAGES, Access.All);
  for (const vp of [0, 1]) kernel.createVp(id, vp);
  const vps = [kernel.vp(id, 0), kernel.vp(id, 1)];
  const world = recordedWorld(kernel.memory(id));
  const held = new Set<number>();
  const pages = new PartitionPages({ kernel, partition: id, node: 0, world, held: () => held });
  const acknowledge = (...which: number[]) => {
    for (const vp of which) vps[vp]!.acknowledgeMappings(vps[vp]!.mappings);
  };
  return { kernel, id, vps, world, held, pages, acknowledge };
}

test('pages are free when every processor has forgotten them, and not before', () => {
  const { world, pages, acknowledge } = partition();
  const before = pages.free;
  pages.take([{ first: 8, count: 4 }]);
  pages.take([{ first: 20, count: 2 }]);
  expect(world.memory.find(8 * PAGE_SIZE, 1, Access.Read)).toBe(-1);
  world.advance(A_WHILE);
  acknowledge(0);
  world.advance(A_WHILE);
  expect(pages.free).toBe(before);
  acknowledge(1);
  world.advance(A_WHILE);
  expect(pages.free).toBe(before + 6);
  expect(pages.inspect()).toMatchObject({ settlingPages: 0, freedPages: 6, generations: 1 });
});

test('a page that a disk reads into is free when that has ended, whatever began since', () => {
  const { world, pages, acknowledge } = partition();
  const before = pages.free;
  const reading = world.memory.uses.begin();
  pages.take([{ first: 8, count: 1 }]);
  world.advance(A_WHILE);
  acknowledge(0, 1);
  world.memory.uses.begin();
  world.advance(A_WHILE);
  expect(pages.free).toBe(before);
  world.memory.uses.end(reading);
  world.advance(A_WHILE);
  expect(pages.free).toBe(before + 1);
});

test('pages taken while others settle wait for a generation of their own', () => {
  const { world, pages, acknowledge } = partition();
  const before = pages.free;
  pages.take([{ first: 8, count: 1 }]);
  world.advance(A_WHILE);
  pages.take([{ first: 9, count: 1 }]);
  acknowledge(0, 1);
  world.advance(A_WHILE);
  expect(pages.free).toBe(before + 1);
  acknowledge(0, 1);
  world.advance(A_WHILE);
  expect(pages.free).toBe(before + 2);
});

test('what the bus holds and what lies under an overlay stays the guest’s', () => {
  const { vps, world, held, pages, acknowledge } = partition();
  held.add(10).add(13);
  vps[0]!.writeMsr(SIMP, BigInt(11 * PAGE_SIZE) | 1n);
  const before = pages.free;
  pages.take([{ first: 9, count: 6 }]);
  world.advance(A_WHILE);
  acknowledge(0, 1);
  world.advance(A_WHILE);
  expect(pages.free).toBe(before + 3);
  const there = [9, 10, 11, 12, 13, 14].filter((page) => world.memory.find(page * PAGE_SIZE, 1, Access.Write) >= 0);
  expect(there).toEqual([10, 11, 13]);
  expect(world.guestErrors).toEqual(['a page given away that a processor needs']);
  // All of them can be given back: those that stayed are memory already.
  expect(pages.give({ first: 9, count: 6 })).toBe(6);
  expect(pages.free).toBe(before);
});

test('an overlay that a processor was laying when its page was taken keeps the page', () => {
  const { vps, world, pages, acknowledge } = partition();
  const before = pages.free;
  // The processor has found the page, the page is taken, and then the register changes.
  pages.take([{ first: 9, count: 3 }]);
  world.advance(A_WHILE);
  const [entry] = [world.memory.find(10 * PAGE_SIZE, 1, Access.Write)];
  expect(entry).toBe(-1);
  pages.give({ first: 10, count: 1 });
  vps[1]!.writeMsr(SIMP, BigInt(10 * PAGE_SIZE) | 1n);
  acknowledge(0, 1);
  world.advance(A_WHILE);
  // Another page lies there by now, and the first one goes.
  expect(pages.free).toBe(before + 2);
  expect(world.memory.find(10 * PAGE_SIZE, 1, Access.Write)).toBeGreaterThan(0);
});

test('what comes back is zero, whatever the guest had there', () => {
  const { world, pages, acknowledge } = partition();
  world.memory.fill(30 * PAGE_SIZE, 0xaa, 4 * PAGE_SIZE);
  pages.take([{ first: 30, count: 4 }]);
  world.advance(A_WHILE);
  acknowledge(0, 1);
  world.advance(A_WHILE);
  expect(pages.give({ first: 30, count: 4 })).toBe(4);
  const seen = new Uint8Array(4 * PAGE_SIZE).fill(1);
  world.memory.read(30 * PAGE_SIZE, seen);
  expect(seen.every((byte) => byte === 0)).toBe(true);
});

test('when the machine goes, what is on its way is freed at once', () => {
  const { world, pages } = partition();
  const before = pages.free;
  pages.take([{ first: 8, count: 2 }]);
  world.advance(A_WHILE);
  pages.take([{ first: 12, count: 2 }]);
  pages.dispose();
  expect(pages.free).toBe(before + 4);
});

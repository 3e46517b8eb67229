import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createState, State } from '../state/layout.ts';
import { MemoryNode, PAGE_SIZE } from './node.ts';
import { bitmapPages, PageAllocator } from './page-allocator.ts';

function allocator(pages: number): { pages: PageAllocator; node: MemoryNode } {
  const state = new State(createState({ nodes: 1 }));
  const node = new MemoryNode({ id: 0, buffer: new SharedArrayBuffer(pages * PAGE_SIZE) });
  const it = new PageAllocator(state, node);
  it.format();
  return { pages: it, node };
}

test('runs never overlap, are zero when handed out, and all come back', () => {
  const NODE_PAGES = 200;
  const take = fc.record({ take: fc.integer({ min: 1, max: 70 }) });
  const free = fc.record({ free: fc.integer({ min: 0, max: 1000 }) });

  fc.assert(
    fc.property(fc.array(fc.oneof(take, free), { maxLength: 60 }), (steps) => {
      const { pages, node } = allocator(NODE_PAGES);
      const whole = pages.free;
      const runs: { first: number; count: number; mark: number }[] = [];
      const wrong: string[] = [];
      const bytesOf = (first: number, count: number): Uint8Array =>
        node.bytes.subarray(first * PAGE_SIZE, (first + count) * PAGE_SIZE);
      steps.forEach((step, n) => {
        const mark = (n % 255) + 1;
        if ('take' in step) {
          const first = pages.allocate(step.take);
          if (first < 0) return;
          const run = bytesOf(first, step.take);
          if (!run.every((byte) => byte === 0)) wrong.push(`page ${first} was handed out dirty`);
          run.fill(mark);
          runs.push({ first, count: step.take, mark });
        } else if (runs.length > 0) {
          const { first, count, mark: left } = runs.splice(step.free % runs.length, 1)[0]!;
          if (!bytesOf(first, count).every((byte) => byte === left)) wrong.push(`page ${first} had two owners`);
          pages.release(first, count);
        }
      });

      expect(wrong).toEqual([]);
      expect(pages.free).toBe(whole - runs.reduce((sum, { count }) => sum + count, 0));
      for (const { first, count } of runs) pages.release(first, count);
      expect(pages.allocate(whole)).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test('a run is found wherever it is, also across the place where the last search ended', () => {
  const { pages } = allocator(258);
  const all = pages.free;
  expect(all).toBe(256);
  const runs = Array.from({ length: 8 }, () => pages.allocate(32));

  pages.release(runs[3]!, 32);
  pages.release(runs[4]!, 32);

  expect(pages.allocate(65)).toBe(-1);
  expect(pages.allocate(64)).toBe(96);
  expect(pages.allocate(1)).toBe(-1);
});

test('a large run of never-used pages is handed out without touching them', () => {
  const { pages, node } = allocator(40_000);
  const count = 40_000 - bitmapPages(40_000);
  node.bytes[12_345] = 7;

  expect(pages.allocate(count)).toBe(0);

  // What nobody owned before is not wiped: it is zero already, and wiping would commit it.
  expect(node.bytes[12_345]).toBe(7);
  expect(pages.free).toBe(0);
});

test('counts that are no counts yield no pages', () => {
  const { pages } = allocator(64);

  for (const count of [0, -1, 1.5, NaN, Infinity, 65]) expect(pages.allocate(count)).toBe(-1);
});

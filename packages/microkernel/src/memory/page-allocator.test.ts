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
  const step = fc.oneof(
    fc.record({ take: fc.integer({ min: 1, max: 70 }) }),
    fc.record({ free: fc.integer({ min: 0, max: 1000 }) }),
  );

  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { pages, node } = allocator(NODE_PAGES);
      const runs: { first: number; count: number; mark: number }[] = [];
      const whole = pages.free;
      let mark = 0;
      for (const action of steps) {
        if ('take' in action) {
          const first = pages.allocate(action.take);
          if (first < 0) continue;
          const run = node.bytes.subarray(first * PAGE_SIZE, (first + action.take) * PAGE_SIZE);
          expect(run.every((byte) => byte === 0)).toBe(true);
          run.fill((mark % 255) + 1);
          runs.push({ first, count: action.take, mark: (mark++ % 255) + 1 });
        } else if (runs.length > 0) {
          const [run] = runs.splice(action.free % runs.length, 1);
          const bytes = node.bytes.subarray(run!.first * PAGE_SIZE, (run!.first + run!.count) * PAGE_SIZE);
          // Still as its owner left it: nobody else was given any of it.
          expect(bytes.every((byte) => byte === run!.mark)).toBe(true);
          pages.release(run!.first, run!.count);
        }
        expect(pages.free).toBe(whole - runs.reduce((sum, { count }) => sum + count, 0));
      }
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

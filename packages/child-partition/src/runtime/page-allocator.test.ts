import { Access, GuestMemory, MemoryNode, PAGE_SIZE, Slat } from '@ringlet/microkernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryMap } from './memory-map.ts';
import { PageAllocator } from './page-allocator.ts';

const RAM_PAGES = 128;

function allocator(): { pages: PageAllocator; other: PageAllocator; map: ReturnType<typeof memoryMap> } {
  const node = new MemoryNode({ id: 0, buffer: new SharedArrayBuffer((RAM_PAGES + 1) * PAGE_SIZE) });
  const slat = new Slat(node, RAM_PAGES * PAGE_SIZE, RAM_PAGES);
  for (let page = 0; page < RAM_PAGES; page++) slat.map(page, page, Access.All);
  const memory = new GuestMemory(node, slat);
  const map = memoryMap(RAM_PAGES * PAGE_SIZE, 2);
  return { pages: new PageAllocator(memory, map), other: new PageAllocator(memory, map), map };
}

test('the runtime’s own pages, of every processor, lie below the pool and apart', () => {
  const { map } = allocator();
  const own = [map.hypercallPageGpa, map.bitmapGpa];
  for (const vp of [map.vp(0), map.vp(1)]) {
    own.push(vp.messagePageGpa, vp.eventPageGpa, vp.inputPageGpa, vp.crashPageGpa);
  }

  expect(new Set(own).size).toBe(10);
  expect(own.every((gpa) => gpa > 0 && gpa < map.poolPage * PAGE_SIZE)).toBe(true);
});

test('a run is contiguous, in the pool, and nobody else’s until it is given back', () => {
  const operations = fc.array(
    fc.record({ take: fc.boolean(), count: fc.integer({ min: 1, max: 20 }), which: fc.nat() }),
    {
      maxLength: 80,
    },
  );
  fc.assert(
    fc.property(operations, (steps) => {
      const { pages, other, map } = allocator();
      const runs: { first: number; count: number }[] = [];
      const taken = new Set<number>();
      let overlaps = false;
      for (const { take, count, which } of steps) {
        if (take) {
          const first = (which & 1 ? pages : other).allocate(count);
          if (first < 0) continue;
          const run = Array.from({ length: count }, (_, n) => first + n);
          overlaps ||= run.some((page) => taken.has(page) || page < map.poolPage || page >= RAM_PAGES);
          for (const page of run) taken.add(page);
          runs.push({ first, count });
        } else if (runs.length > 0) {
          const [run] = runs.splice(which % runs.length, 1);
          pages.free(run!.first, run!.count);
          for (let page = run!.first; page < run!.first + run!.count; page++) taken.delete(page);
        }
      }
      expect(overlaps).toBe(false);
      expect(pages.freePages).toBe(map.poolPages - taken.size);
    }),
    { numRuns: 60 },
  );
});

test('the whole pool can be taken as one run, and then nothing', () => {
  const { pages, map } = allocator();

  expect(pages.allocate(map.poolPages)).toBe(map.poolPage);
  expect(pages.allocate(1)).toBe(-1);
});

test('giving back what was not taken is a mistake that does not pass', () => {
  const { pages, map } = allocator();
  const page = pages.allocate(1);
  pages.free(page, 1);

  expect(() => pages.free(page, 1)).toThrow('taken');
  expect(() => pages.free(map.poolPage - 1, 1)).toThrow('of the pool');
});

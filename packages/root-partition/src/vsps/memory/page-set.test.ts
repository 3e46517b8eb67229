import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PageSet } from './page-set.ts';

test('it is the set of what was added and not removed, and its runs are all of it', () => {
  const LIMIT = 300;
  const range = fc.record({ first: fc.integer({ min: 0, max: 320 }), count: fc.integer({ min: 1, max: 70 }) });
  fc.assert(
    fc.property(fc.array(range, { maxLength: 30 }), fc.integer({ min: 1, max: 50 }), (ranges, longest) => {
      const set = new PageSet(LIMIT);
      const model = new Set<number>();
      const pagesOf = ({ first, count }: { first: number; count: number }) =>
        Array.from({ length: count }, (_, i) => first + i);
      for (const each of ranges) {
        const free = pagesOf(each).every((page) => page < LIMIT && !model.has(page));
        expect(set.lacks(each)).toBe(free);
        if (free) {
          set.add(each);
          for (const page of pagesOf(each)) model.add(page);
        }
      }
      const runs = set.runs(LIMIT, LIMIT, longest);
      expect(runs.flatMap(pagesOf)).toEqual([...model].toSorted((a, b) => a - b));
      expect(runs.every(({ count }) => count <= longest)).toBe(true);
      const few = set.runs(7, 2, longest);
      expect(few.length).toBeLessThanOrEqual(2);
      expect(few.flatMap(pagesOf).length).toBeLessThanOrEqual(7);
      for (const run of few) set.remove(run);
      expect(set.size).toBe(model.size - few.flatMap(pagesOf).length);
      expect(few.flatMap(pagesOf).some((page) => set.has(page))).toBe(false);
    }),
    { numRuns: 60 },
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MIB } from './layout.ts';
import { Space } from './space.ts';

test('the header section is never free, and a range is claimed once', () => {
  const space = new Space(10 * MIB);
  expect(space.claim(0, 1)).toBe(false);
  expect(space.claim(3, 2)).toBe(true);
  expect(space.claim(4, 1)).toBe(false);
  expect(space.claim(9, 2)).toBe(false);
  expect(space.claim(-1, 1)).toBe(false);
});

test('allocations never overlap, gaps are used before the end, and only the end is fresh', () => {
  const job = fc.oneof(
    fc.record({ allocate: fc.constant(2) }),
    fc.record({ release: fc.nat(20) }),
    fc.record({ fresh: fc.constant(1) }),
  );
  fc.assert(
    fc.property(fc.array(job, { maxLength: 60 }), (jobs) => {
      const space = new Space(8 * MIB);
      const owned: { start: number; count: number }[] = [{ start: 0, count: 1 }];
      for (const todo of jobs) {
        const before = space.end;
        if ('release' in todo) {
          const index = 1 + (todo.release % Math.max(1, owned.length - 1));
          const [given] = owned.splice(index, 1);
          if (given) space.release(given.start, given.count);
          continue;
        }
        const count = 'allocate' in todo ? todo.allocate : todo.fresh;
        const { start, fresh } = 'allocate' in todo ? space.allocate(count) : space.allocateFresh(count);
        expect(owned.some((other) => start < other.start + other.count && other.start < start + count)).toBe(false);
        expect(fresh).toBe(start >= before);
        owned.push({ start, count });
      }
      const used = owned.reduce((sum, { count }) => sum + count, 0);
      expect(space.free).toBe(space.end - used);
    }),
  );
});

test('trimming gives up free space at the end only', () => {
  const space = new Space(10 * MIB);
  space.claim(5, 1);
  expect(space.trim()).toBe(6);
  expect(space.free).toBe(4);
});

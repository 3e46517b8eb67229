/** Memory at several points: each is found again, in any order, whatever the buffers hold by then. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryHistory } from './memory-history.ts';

const SIZES = [5 * 4096, 4096 + 100];

test('every point is found again as it was, and an unchanged page is kept once', () => {
  const write = fc.record({ buffer: fc.nat(1), at: fc.nat(5 * 4096 - 1), value: fc.nat(255) });
  fc.assert(
    fc.property(
      fc.array(fc.array(write, { maxLength: 6 }), { minLength: 1, maxLength: 6 }),
      fc.nat(),
      (points, seed) => {
        const buffers = SIZES.map((size) => new SharedArrayBuffer(size));
        const history = new MemoryHistory();
        const copies = points.map((writes) => {
          for (const { buffer, at, value } of writes) new Uint8Array(buffers[buffer]!)[at % SIZES[buffer]!] = value;
          history.take(buffers);
          return buffers.map((buffer) => Buffer.from(buffer).toString('hex'));
        });
        const writes = points.flat().length;
        expect(history.bytes).toBeLessThanOrEqual(writes * 4096);
        for (const point of copies.map((_, i) => (i * 7 + seed) % copies.length)) {
          new Uint8Array(buffers[0]!).fill(point);
          history.load(point, buffers);
          expect(buffers.map((buffer) => Buffer.from(buffer).toString('hex'))).toEqual(copies[point]);
        }
      },
    ),
    { numRuns: 50 },
  );
});

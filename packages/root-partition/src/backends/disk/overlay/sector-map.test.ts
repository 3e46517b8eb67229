import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SectorMap, SectorState } from './sector-map.ts';

const CHUNK = 32768;
const SECTORS = 3 * CHUNK;

test('states and runs agree with an array, over whole chunks and parts of them', () => {
  const near = fc.tuple(fc.nat(3), fc.integer({ min: -3, max: 3 })).map(([chunk, off]) => chunk * CHUNK + off);
  const edge = near.filter((sector) => sector >= 0 && sector <= SECTORS);
  const change = fc.record({ a: edge, b: edge, own: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), edge, (changes, at) => {
      fc.pre(at < SECTORS);
      const map = new SectorMap();
      const model = new Uint8Array(SECTORS).fill(SectorState.Base);
      for (const { a, b, own } of changes) {
        const from = Math.min(a, b);
        const count = Math.max(a, b) - from;
        if (own) map.setOwn(from, count);
        else map.setZero(from, count);
        model.fill(own ? SectorState.Own : SectorState.Zero, from, from + count);
      }
      const end = model.subarray(at).findIndex((state) => state !== model[at]);

      expect(map.state(at)).toBe(model[at]);
      expect(map.run(at, SECTORS - at)).toBe(end < 0 ? SECTORS - at : end);
      expect(map.run(at, 1)).toBe(1);
    }),
    { numRuns: 60 },
  );
});

test('whole chunks take no memory', () => {
  const map = new SectorMap();
  map.setZero(0, SECTORS);
  map.setOwn(0, CHUNK);
  expect(map.mixedChunks).toBe(0);
  map.setOwn(CHUNK + 1, 1);
  expect(map.mixedChunks).toBe(1);
});

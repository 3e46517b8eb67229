import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bitAt, countBits, fillBits, runLength } from './bitmap.ts';

const BITS = 200;

test('filling, counting and measuring runs agree with an array of booleans', () => {
  const change = fc.record({ from: fc.nat(BITS - 1), count: fc.nat(BITS), set: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change), fc.nat(BITS - 1), (changes, at) => {
      const bits = new Uint8Array(BITS / 8);
      const model = Array.from({ length: BITS }, () => false);
      for (const { from, count, set } of changes) {
        const end = Math.min(from + count, BITS);
        const differing = model.slice(from, end).filter((bit) => bit !== set).length;
        expect(fillBits(bits, from, end - from, set)).toBe(differing);
        model.fill(set, from, end);
      }
      const end = model.findIndex((bit, index) => index > at && bit !== model[at]);

      expect(model.map((_, index) => bitAt(bits, index))).toEqual(model);
      expect(countBits(bits)).toBe(model.filter(Boolean).length);
      expect(runLength(bits, at, BITS - at)).toBe((end < 0 ? BITS : end) - at);
      expect(runLength(bits, at, 1)).toBe(1);
    }),
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeUtf8 } from './utf8.ts';

test('any text is encoded as the platform’s own encoder does, lone surrogates included', () => {
  const text = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(
      fc.oneof(
        text,
        fc.string({ unit: fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code)) }),
      ),
      (value) => {
        expect(Array.from(encodeUtf8(value))).toEqual(Array.from(new TextEncoder().encode(value)));
      },
    ),
    { numRuns: 40 },
  );
});

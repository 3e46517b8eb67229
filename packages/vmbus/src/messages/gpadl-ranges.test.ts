import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Message } from './catalogue.ts';
import { decodeToRoot } from './codec.ts';
import { decodeRanges, encodeRanges, gpadlMessages, MAX_PAGES_PER_GPADL, type GpadlRange } from './gpadl-ranges.ts';
import { Version } from './version.ts';

const NEWEST = { version: Version.V5_3, features: 0 };

const range: fc.Arbitrary<GpadlRange> = fc
  .record({
    byteOffset: fc.integer({ min: 0, max: 4095 }),
    byteCount: fc.integer({ min: 1, max: 300 * 4096 }),
  })
  .chain(({ byteOffset, byteCount }) => {
    const length = Math.ceil((byteOffset + byteCount) / 4096);
    return fc
      .array(fc.integer({ min: 0, max: 2 ** 41 - 1 }), { minLength: length, maxLength: length })
      .map((pages) => ({ byteOffset, byteCount, pages: Float64Array.from(pages) }));
  });

test('ranges come back from their buffer as they went in', () => {
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 3 }), (ranges) => {
      expect(decodeRanges(encodeRanges(ranges), ranges.length)).toEqual(ranges);
    }),
    { numRuns: 50 },
  );
});

test('R19: any bytes are ranges or a fault, and what is accepted is consumed exactly', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 128 }), fc.integer({ min: 0, max: 6 }), (data, count) => {
      const result = decodeRanges(data, count);
      expect(typeof result === 'string' || encodeRanges(result).length === data.length).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test.each([
  ['no-ranges', [], 0],
  ['too-short', [1, 0], 1],
  ['empty-range', [0, 0], 1],
  ['offset-beyond-page', [1, 4096, 5, 0], 1],
  ['trailing-bytes', [1, 0, 5, 0, 6, 0], 1],
  ['page-number', [1, 0, 0, 0x200], 1],
] as const)('R19: a range buffer is refused for %s', (fault, words, count) => {
  expect(decodeRanges(new Uint8Array(Uint32Array.from(words).buffer), count)).toBe(fault);
});

test('G3: the largest GPADL of one range holds 8190 pages, in one header and 292 bodies', () => {
  const pages = Float64Array.from({ length: MAX_PAGES_PER_GPADL }, (_, i) => i);
  const posted = gpadlMessages(3, 0xe1e10, { byteCount: pages.length * 4096, byteOffset: 0, pages });
  expect(MAX_PAGES_PER_GPADL).toBe(8190);
  expect(posted.length).toBe(1 + Math.ceil((8190 - 26) / 28));
});

test('a buffer of 4096 pages takes one header and 146 bodies, and joins to the same pages', () => {
  const pages = Float64Array.from({ length: 4096 }, (_, i) => 4095 - i);
  const posted = gpadlMessages(3, 7, { byteCount: pages.length * 4096, byteOffset: 0, pages });
  const decoded = posted.map((data) => decodeToRoot(data, NEWEST) as Message<'GpadlHeader' | 'GpadlBody'>);
  const joined = new Uint8Array(decoded.flatMap((each) => Array.from(each.body.tail)));
  expect(posted.length).toBe(147);
  expect(decodeRanges(joined, 1)).toEqual([{ byteCount: 4096 * 4096, byteOffset: 0, pages }]);
});

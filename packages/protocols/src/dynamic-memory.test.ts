import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  BalloonResponse,
  decodePageRange,
  encodeMemoryMessage,
  encodePageRange,
  hotAddAlignment,
  MemoryHeader,
  MEMORY_MESSAGE_BYTES,
  MemoryMessage,
  MOST_RANGES,
  pageRangesOf,
} from './dynamic-memory.ts';

const range = fc.record({
  first: fc.integer({ min: 0, max: 2 ** 40 - 1 }),
  count: fc.integer({ min: 0, max: 2 ** 24 - 1 }),
});

test('a range comes back from its word', () => {
  fc.assert(
    fc.property(range, (value) => {
      expect(decodePageRange(encodePageRange(value))).toEqual(value);
    }),
  );
  expect(encodePageRange({ first: 0x20000, count: 0x8000 })).toBe(0x0080_0000_0002_0000n);
});

test('a message says its type and length, and holds its ranges', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: MOST_RANGES }), (ranges) => {
      const body = BalloonResponse.encode({ counts: ranges.length << 1 });
      const message = encodeMemoryMessage(MemoryMessage.BalloonResponse, 7, body, ranges);
      expect(message.length).toBeLessThanOrEqual(MEMORY_MESSAGE_BYTES);
      expect(MemoryHeader.decode(message)).toEqual({ type: 7, size: message.length, transaction: 7 });
      expect(pageRangesOf(message, ranges.length)).toEqual(ranges);
      expect(pageRangesOf(message, ranges.length + 1)).toBeUndefined();
    }),
    { numRuns: 30 },
  );
});

test('alignment is a power of two, in MiB', () => {
  // What Linux reports: balloon, hot add, 128 MiB.
  expect(hotAddAlignment(0b1_1111n)).toBe(128 * 2 ** 20);
  expect(hotAddAlignment(0b11n)).toBe(2 ** 20);
});

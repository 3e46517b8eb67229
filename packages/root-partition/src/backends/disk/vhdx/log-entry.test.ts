import fc from 'fast-check';
import { expect, test } from 'vitest';
import { guidOf } from '../../../../tests/disk/support/vhdx-lab.ts';
import { PAGE } from './layout.ts';
import { decodeLogEntry, encodeLogEntry, entryHeaderAt } from './log-entry.ts';

const ID = guidOf(5);
const page = fc.record({
  position: fc.nat(1_000_000).map((n) => n * PAGE),
  data: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => {
    const data = new Uint8Array(PAGE);
    data.set(bytes);
    data.set(bytes, PAGE - 16);
    return data;
  }),
});
const head = { logId: ID, tail: 0, flushed: 4 * 2 ** 20, last: 5 * 2 ** 20 };

test('pages come back as they went in, also when the descriptors take several pages', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.array(page, { maxLength: 5 }), fc.array(page, { minLength: 126, maxLength: 130 })),
      fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
      (pages, sequence) => {
        const encoded = encodeLogEntry({ ...head, sequence }, pages);
        const entry = decodeLogEntry(entryHeaderAt(encoded, 0, ID)!, encoded);

        expect(encoded.length % PAGE).toBe(0);
        expect(entry?.header).toMatchObject({ sequence, lastFileOffset: BigInt(head.last) });
        expect(entry?.updates.map(({ offset }) => Number(offset))).toEqual(pages.map(({ position }) => position));
        expect(pages.every(({ data }, i) => Buffer.compare(data, entry!.updates[i]!.data!) === 0)).toBe(true);
      },
    ),
    { numRuns: 20 },
  );
});

test('a change to any byte makes it no entry', () => {
  const encoded = encodeLogEntry({ ...head, sequence: 3n }, [{ position: 0, data: new Uint8Array(PAGE).fill(1) }]);
  fc.assert(
    fc.property(fc.nat(encoded.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const torn = encoded.slice();
      torn[at]! ^= flip;
      const header = entryHeaderAt(torn, 0, ID);
      expect(header && decodeLogEntry(header, torn)).toBeUndefined();
    }),
  );
});

test('an entry of another log is not looked at', () => {
  const encoded = encodeLogEntry({ ...head, sequence: 3n }, []);
  expect(entryHeaderAt(encoded, 0, guidOf(6))).toBeUndefined();
});

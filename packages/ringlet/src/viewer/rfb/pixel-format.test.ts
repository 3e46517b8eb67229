import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type PixelFormat, PixelWriter, readPixelFormat, writePixelFormat } from './pixel-format.ts';

/** Formats whose three colours lie one above another in any order. */
const format = fc
  .record({
    bitsPerPixel: fc.constantFrom<8 | 16 | 32>(8, 16, 32),
    bigEndian: fc.boolean(),
    order: fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
    widths: fc.tuple(...[1, 2, 3].map(() => fc.integer({ min: 1, max: 8 }))),
    gap: fc.integer({ min: 0, max: 8 }),
  })
  .map(({ bitsPerPixel, bigEndian, order, widths, gap }): PixelFormat => {
    const room = Math.floor(bitsPerPixel / 3);
    const bits = widths.map((width) => Math.min(width, room)) as [number, number, number];
    const shift: [number, number, number] = [0, 0, 0];
    let at = Math.min(gap, bitsPerPixel - bits[0] - bits[1] - bits[2]);
    for (const colour of order) {
      shift[colour] = at;
      at += bits[colour]!;
    }
    const max = bits.map((count) => 2 ** count - 1) as [number, number, number];
    return { bitsPerPixel, depth: bits[0] + bits[1] + bits[2], bigEndian, max, shift };
  });

test('a format is read as it was written', () => {
  fc.assert(
    fc.property(format, (wanted) => {
      const bytes = Buffer.alloc(16);
      writePixelFormat(wanted, bytes);
      expect(readPixelFormat(bytes)).toEqual(wanted);
    }),
  );
});

test('no sixteen bytes make a format that pixels do not fit into', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const read = readPixelFormat(Buffer.from(bytes));
      if (typeof read === 'string') return;
      const most = read.max.reduce((sum, max, i) => Math.max(sum, max * 2 ** read.shift[i]!), 0);
      expect(most).toBeLessThan(2 ** read.bitsPerPixel);
    }),
    { numRuns: 2000 },
  );
});

test('colours keep as many of their bits as a format has, compressed or not', () => {
  fc.assert(
    fc.property(format, fc.uint8Array({ minLength: 3, maxLength: 3 }), (wanted, colour) => {
      const writer = new PixelWriter(wanted);
      const [pixel] = writer.convert(Uint8Array.of(...colour, 255)) as unknown as [number];
      const target = Buffer.alloc(8);
      expect(writer.put(pixel, target, 0)).toBe(wanted.bitsPerPixel / 8);
      const read = wanted.bigEndian ? target.readUIntBE(0, writer.bytes) : target.readUIntLE(0, writer.bytes);
      wanted.max.forEach((max, i) => {
        const value = Math.floor(read / 2 ** wanted.shift[i]!) % (max + 1);
        expect(Math.abs((value * 255) / max - colour[i]!)).toBeLessThanOrEqual(255 / max / 2 + 1e-9);
      });
      // A compressed pixel is the same number without a byte of it that has no colour.
      const end = writer.putCompressed(pixel, target, 0);
      const short = wanted.bigEndian ? target.readUIntBE(0, end) : target.readUIntLE(0, end);
      expect([pixel, Math.floor(pixel / 256)]).toContain(short);
      expect(short === pixel || short * 256 === pixel).toBe(true);
    }),
  );
});

/** Our encoding, read by noVNC's decoder. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DeflateStream } from './deflate-stream.ts';
import { NATIVE_FORMAT, PixelWriter } from './pixel-format.ts';
import { zrleTiles } from './zrle.ts';

/** What a decoder of noVNC's draws on. */
class Canvas {
  readonly pixels: Uint8Array;
  readonly width: number;
  constructor(width: number, height: number) {
    this.width = width;
    this.pixels = new Uint8Array(width * height * 4);
  }
  blitImage(left: number, top: number, width: number, height: number, data: Uint8Array): void {
    for (let y = 0; y < height; y++) {
      const row = data.subarray(y * width * 4, (y + 1) * width * 4);
      this.pixels.set(row, ((top + y) * this.width + left) * 4);
    }
  }
  fillRect(left: number, top: number, width: number, height: number, colour: readonly number[]): void {
    const data = new Uint8Array(width * height * 4);
    for (let i = 0; i < width * height; i++) data.set([...colour.slice(0, 3), 255], i * 4);
    this.blitImage(left, top, width, height, data);
  }
}

interface Decoder {
  decodeRect(x: number, y: number, width: number, height: number, socket: object, on: Canvas, depth: number): boolean;
}

const novnc = dirname(createRequire(import.meta.url).resolve('@novnc/novnc'));
const { default: ZrleDecoder } = (await import(pathToFileURL(join(novnc, 'decoders/zrle.js')).href)) as {
  default: new () => Decoder;
};

function socketOf(bytes: Buffer): object {
  let at = 0;
  return {
    rQwait: () => false,
    rQshift32: () => bytes.readUInt32BE((at += 4) - 4),
    rQshiftBytes: (count: number) => bytes.subarray(at, (at += count)),
  };
}

/** Pictures of few colours, of one, and of as many as there are pixels. */
const picture = fc
  .record({
    width: fc.integer({ min: 1, max: 150 }),
    height: fc.integer({ min: 1, max: 140 }),
    colours: fc.constantFrom(1, 2, 3, 4, 5, 16, 17, 1_000_000),
    seed: fc.integer({ min: 1, max: 0x7fff_ffff }),
  })
  .map(({ width, height, colours, seed }) => {
    const pixels = new Uint8Array(width * height * 4);
    let state = seed;
    for (let i = 0; i < pixels.length; i += 4) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      const colour = Math.imul((state >>> 8) % colours, 0x9e37_79b1);
      pixels.set([colour & 0xff, (colour >>> 8) & 0xff, (colour >>> 16) & 0xff, 255], i);
    }
    return { width, height, pixels };
  });

test('pictures of any size and number of colours arrive as they were, one after another', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(picture, { minLength: 1, maxLength: 3 }), async (pictures) => {
      const stream = new DeflateStream();
      const decoder = new ZrleDecoder();
      const writer = new PixelWriter(NATIVE_FORMAT);
      for (const { width, height, pixels } of pictures) {
        const data = await stream.compress(zrleTiles(writer.convert(pixels), width, writer));
        const length = Buffer.alloc(4);
        length.writeUInt32BE(data.length);
        const canvas = new Canvas(width, height);
        // Its pixels are blue, green, red where it reads them, and it hands them on as red, green, blue.
        expect(decoder.decodeRect(0, 0, width, height, socketOf(Buffer.concat([length, data])), canvas, 24)).toBe(true);
        const swapped = Buffer.from(canvas.pixels);
        for (let i = 0; i < swapped.length; i += 4) {
          [swapped[i], swapped[i + 2]] = [canvas.pixels[i + 2]!, canvas.pixels[i]!];
        }
        expect(swapped.equals(pixels)).toBe(true);
      }
      stream.close();
    }),
    { numRuns: 25 },
  );
});

/**
 * Pixel formats of the Remote Framebuffer protocol (RFC 6143, section 7.4), and pictures in them.
 *
 *     PIXEL_FORMAT, 16 bytes
 *     +0 u8 bits per pixel   +1 u8 depth   +2 u8 big-endian   +3 u8 true colour
 *     +4 u16 red max         +6 u16 green max   +8 u16 blue max
 *     +10 u8 red shift       +11 u8 green shift +12 u8 blue shift   +13 padding
 */

/** How a viewer wants its pixels. */
export interface PixelFormat {
  readonly bitsPerPixel: 8 | 16 | 32;
  readonly depth: number;
  readonly bigEndian: boolean;
  /** Largest value of red, green and blue, and the bit at which each begins. */
  readonly max: readonly [number, number, number];
  readonly shift: readonly [number, number, number];
}

/** Length of a PIXEL_FORMAT, in bytes. */
export const PIXEL_FORMAT_BYTES = 16;

/** What a server begins with: a byte each of blue, green, red, and one without meaning. */
export const NATIVE_FORMAT: PixelFormat = {
  bitsPerPixel: 32,
  depth: 24,
  bigEndian: false,
  max: [255, 255, 255],
  shift: [16, 8, 0],
};

/** Writes a format at the start of `target`. */
export function writePixelFormat({ bitsPerPixel, depth, bigEndian, max, shift }: PixelFormat, target: Buffer): void {
  target.writeUInt8(bitsPerPixel, 0);
  target.writeUInt8(depth, 1);
  target.writeUInt8(bigEndian ? 1 : 0, 2);
  target.writeUInt8(1, 3);
  max.forEach((value, i) => target.writeUInt16BE(value, 4 + 2 * i));
  shift.forEach((value, i) => target.writeUInt8(value, 10 + i));
}

/** Reads a format. @returns why it cannot be used, as a constant phrase, when it cannot */
export function readPixelFormat(bytes: Buffer): PixelFormat | string {
  const bitsPerPixel = bytes.readUInt8(0);
  if (bitsPerPixel !== 8 && bitsPerPixel !== 16 && bitsPerPixel !== 32) return 'pixels of other than 8, 16 or 32 bits';
  if (bytes.readUInt8(3) === 0) return 'pixels that are numbers of a palette';
  const three = (read: (i: number) => number): [number, number, number] => [read(0), read(1), read(2)];
  const max = three((i) => bytes.readUInt16BE(4 + 2 * i));
  const shift = three((i) => bytes.readUInt8(10 + i));
  const fits = max.every((value, i) => (value & (value + 1)) === 0 && value * 2 ** shift[i]! < 2 ** bitsPerPixel);
  if (!fits) return 'colours that are wider than their pixel';
  return { bitsPerPixel, depth: bytes.readUInt8(1), bigEndian: bytes.readUInt8(2) !== 0, max, shift };
}

/** Puts pictures into a viewer's format. */
export class PixelWriter {
  /** Bytes of a pixel, and of a compressed one (CPIXEL, section 7.7.5). */
  readonly bytes: number;
  readonly compressedBytes: number;
  readonly #format: PixelFormat;
  /** What 0 to 255 of red, green and blue become. */
  readonly #tables: readonly Uint32Array[];
  /** Bits below the three bytes that a compressed pixel keeps. */
  readonly #dropped: number;

  constructor(format: PixelFormat) {
    const { bitsPerPixel, depth, max, shift } = format;
    this.#format = format;
    this.bytes = bitsPerPixel / 8;
    this.#tables = max.map((most, i) =>
      Uint32Array.from({ length: 256 }, (_, value) => Math.round((value * most) / 255) * 2 ** shift[i]!),
    );
    const used = max.reduce((bits, most, i) => bits | (most * 2 ** shift[i]!), 0) >>> 0;
    const low = used <= 0xff_ffff;
    const short = bitsPerPixel === 32 && depth <= 24 && (low || (used & 0xff) === 0);
    this.compressedBytes = short ? 3 : this.bytes;
    this.#dropped = short && !low ? 8 : 0;
  }

  /** The pixels of a picture (red, green, blue, opaque) as numbers of this format. */
  convert(pixels: Uint8Array): Uint32Array {
    const [red, green, blue] = this.#tables as [Uint32Array, Uint32Array, Uint32Array];
    const converted = new Uint32Array(pixels.length / 4);
    for (let i = 0, at = 0; i < converted.length; i++, at += 4) {
      converted[i] = red[pixels[at]!]! | green[pixels[at + 1]!]! | blue[pixels[at + 2]!]!;
    }
    return converted;
  }

  /** Writes one pixel. @returns the place after it */
  put(pixel: number, target: Uint8Array, at: number): number {
    return this.#put(pixel, this.bytes, target, at);
  }

  /** Writes one compressed pixel. @returns the place after it */
  putCompressed(pixel: number, target: Uint8Array, at: number): number {
    return this.#put(pixel >>> this.#dropped, this.compressedBytes, target, at);
  }

  #put(pixel: number, count: number, target: Uint8Array, at: number): number {
    for (let i = 0; i < count; i++) {
      target[at + i] = pixel >>> (8 * (this.#format.bigEndian ? count - 1 - i : i));
    }
    return at + count;
  }
}

/**
 * PNG of a picture (W3C Recommendation "Portable Network Graphics", third edition): eight bits a channel, no transparency.
 *
 *     signature │ IHDR size, form │ IDAT rows, each with the number of its filter, deflated │ IEND
 *                 every chunk: length, name, data, CRC-32 of name and data; numbers are big-endian
 */
import { crc32, deflateSync } from 'node:zlib';
import type { Picture } from '@ringlet/root-partition';

const SIGNATURE = Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const DEPTH = 8;
const TRUE_COLOUR = 2;
const CHANNELS = 3;
/** Consoles and windows repeat themselves; a higher level takes several times longer for a few percent. */
const LEVEL = 6;

/** The file's bytes. */
export function encodePng({ width, height, pixels }: Picture): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([DEPTH, TRUE_COLOUR], 8);
  const rows = Buffer.alloc(height * (1 + width * CHANNELS));
  let to = 0;
  let from = 0;
  for (let y = 0; y < height; y++) {
    rows[to++] = 0; // no filter
    for (let x = 0; x < width; x++, from += 4) {
      rows[to++] = pixels[from]!;
      rows[to++] = pixels[from + 1]!;
      rows[to++] = pixels[from + 2]!;
    }
  }
  const data = deflateSync(rows, { level: LEVEL });
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(name: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(name, 4, 'latin1');
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

/**
 * LZ4 in its legacy frame, as `lz4 -l` writes it and Linux stores kernels and initial RAM disks.
 *
 * Follows the LZ4 Block Format and the section "Legacy frame" of the LZ4 Frame Format:
 *
 *     magic 0x184C2102 | block size u32 | block | block size u32 | block ...
 *
 * Each block stands alone and holds at most 8 MiB of plain data; only the last may hold less. A frame has no end mark.
 * Frames may follow one another. No package on npm reads this frame, and the block readers there do not check bounds.
 */
import { damaged } from '../damaged.ts';

/** First four bytes of a legacy frame, little-endian. */
export const LZ4_LEGACY_MAGIC = 0x184c2102;

const MINIMUM_MATCH = 4;
/** A length nibble of this value goes on in the bytes that follow. */
const LONG = 15;
/** Shorter runs than this are copied faster by a loop than by a call; most runs are. */
const WORTH_A_CALL = 48;

/**
 * Decompresses legacy frames that hold exactly `length` bytes.
 *
 * @throws UserError `file-damaged` when the input is cut short, refers to data before its start, or holds another amount
 */
export function decompressLz4(input: Uint8Array, length: number): Uint8Array {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const output = new Uint8Array(length);
  let from = 0;
  let to = 0;
  while (from < input.length) {
    if (from + 4 > input.length) throw damaged('LZ4', 'the last block has no size');
    const size = view.getUint32(from, true);
    from += 4;
    if (size === LZ4_LEGACY_MAGIC) continue;
    if (size > input.length - from) throw damaged('LZ4', 'a block is cut short');
    to = decompressBlock(input.subarray(from, from + size), output, to);
    from += size;
  }
  if (to !== length) throw damaged('LZ4', `it holds ${to} bytes instead of ${length}`);
  return output;
}

/** Decompresses one block to `output` from `to` on. @returns where the block's plain data ends. */
function decompressBlock(input: Uint8Array, output: Uint8Array, to: number): number {
  const start = to;
  let from = 0;

  const extended = (nibble: number): number => {
    let total = nibble;
    for (let more = nibble === LONG; more;) {
      const byte = input[from++];
      if (byte === undefined) throw damaged('LZ4', 'a length is cut short');
      total += byte;
      more = byte === 255;
    }
    return total;
  };

  while (from < input.length) {
    const token = input[from++]!;
    const literals = extended(token >> 4);
    if (literals > input.length - from) throw damaged('LZ4', 'literals are cut short');
    if (literals > output.length - to) throw damaged('LZ4', 'it holds more than it says');
    if (literals >= WORTH_A_CALL) output.set(input.subarray(from, from + literals), to);
    else for (let i = 0; i < literals; i++) output[to + i] = input[from + i]!;
    from += literals;
    to += literals;
    // The last sequence of a block has literals only.
    if (from === input.length) break;

    if (from + 2 > input.length) throw damaged('LZ4', 'a match is cut short');
    const distance = input[from]! | (input[from + 1]! << 8);
    from += 2;
    const match = extended(token & 15) + MINIMUM_MATCH;
    if (distance === 0 || distance > to - start) throw damaged('LZ4', 'a match reaches before its block');
    if (match > output.length - to) throw damaged('LZ4', 'it holds more than it says');
    // Where source and target overlap, what is written is read again: byte by byte.
    if (match >= WORTH_A_CALL && distance >= match) output.copyWithin(to, to - distance, to - distance + match);
    else for (let i = 0; i < match; i++) output[to + i] = output[to + i - distance]!;
    to += match;
  }
  return to;
}

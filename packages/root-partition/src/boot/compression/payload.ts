/**
 * Decompresses what Linux puts inside a bzImage. The formats are those of its build option KERNEL_*; of each, only what
 * its build writes. The plain size stands in the last four bytes: part of gzip's own trailer, appended to the others.
 */
import { gunzipSync } from 'node:zlib';
import { decompress as decompressZstd } from 'fzstd';
import { UserError } from '@ringlet/wire';
import { damaged } from '../damaged.ts';
import { decompressLz4, LZ4_LEGACY_MAGIC } from './lz4.ts';
import { decompressXz, isXz } from './xz/xz.ts';

const SIZE_BYTES = 4;
/** No kernel comes near this; a size beyond it is damage, not a kernel. */
const LARGEST_KERNEL = 512 * 2 ** 20;

const GZIP_MAGIC = 0x8b1f;
const ZSTD_MAGIC = 0xfd2fb528;
const ELF_MAGIC = 0x464c457f;

/** By their first two bytes: formats that only the kernel's own code can decompress. */
const GUEST_ONLY = new Map([
  [0x5a42, 'bzip2'],
  [0x005d, 'LZMA'],
  [0x4c89, 'LZO'],
]);

/** A compressed kernel's plain bytes, and the name of the format they were in. */
export interface Payload {
  readonly format: 'gzip' | 'lz4' | 'xz' | 'zstd' | 'none';
  readonly data: Uint8Array;
}

/**
 * Decompresses a kernel payload. Never produces more than its last four bytes announce.
 *
 * @throws UserError `file-damaged`, or `payload-unsupported` when the format is one that is not handled here
 */
export function decompressPayload(payload: Uint8Array): Payload {
  if (payload.length < 2 * SIZE_BYTES) throw damaged('kernel', 'its payload is too short');
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const magic = view.getUint32(0, true);
  if (magic === ELF_MAGIC) return { format: 'none', data: payload };
  const known = magic === LZ4_LEGACY_MAGIC || magic === ZSTD_MAGIC || (magic & 0xffff) === GZIP_MAGIC || isXz(payload);
  if (!known) {
    const name = GUEST_ONLY.get(magic & 0xffff) ?? 'in an unknown format';
    throw new UserError('payload-unsupported', `the kernel's payload is ${name}, which is not supported`, {
      hint: 'Let the kernel decompress itself: choose the entry `decompressor`.',
    });
  }

  const length = view.getUint32(payload.length - SIZE_BYTES, true);
  if (length === 0 || length > LARGEST_KERNEL) throw damaged('kernel', `its payload claims to hold ${length} bytes`);
  const packed = payload.subarray(0, -SIZE_BYTES);
  if (magic === LZ4_LEGACY_MAGIC) return { format: 'lz4', data: decompressLz4(packed, length) };
  if (magic === ZSTD_MAGIC) return { format: 'zstd', data: zstd(packed, length) };
  if ((magic & 0xffff) === GZIP_MAGIC) return { format: 'gzip', data: gzip(payload, length) };
  return { format: 'xz', data: collect(decompressXz(packed), length) };
}

function gzip(packed: Uint8Array, length: number): Uint8Array {
  try {
    const data = gunzipSync(packed, { maxOutputLength: length });
    if (data.length === length) return data;
  } catch (cause) {
    throw damaged('gzip', messageOf(cause));
  }
  throw damaged('gzip', `it does not hold ${length} bytes`);
}

/**
 * Never writes beyond `length` bytes. The library neither says how many it wrote nor compares the frame's checksum, so a
 * frame that holds another amount is found only by whoever reads the result.
 */
function zstd(packed: Uint8Array, length: number): Uint8Array {
  try {
    return decompressZstd(packed, new Uint8Array(length));
  } catch (cause) {
    throw damaged('Zstandard', messageOf(cause));
  }
}

/** Puts pieces together that must come to `length` bytes. */
function collect(pieces: Iterable<Uint8Array>, length: number): Uint8Array {
  const data = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    if (piece.length > length - at) throw damaged('kernel', 'its payload holds more than it says');
    data.set(piece, at);
    at += piece.length;
  }
  if (at !== length) throw damaged('kernel', `its payload holds ${at} bytes instead of ${length}`);
  return data;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

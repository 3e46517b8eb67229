/**
 * Recordings: what a file holds that a lockstep run can be made again from.
 *
 *     +0   "RINGLETR"                       8 bytes
 *     +8   u32 format, 1                    +12  u32 0
 *     then chunks, appended one after the other, never changed:
 *
 *     +0   u8 kind   +1 u8 flags: bit 0, the content is deflated   +2 u16 0
 *     +4   u32 bytes that follow            +8   u32 bytes of the content
 *     +12  u32 CRC-32 of what follows       +16  u32 CRC-32 of the 16 bytes before
 *     +20  the content
 *
 * All numbers are little-endian. A file whose last chunk is not whole breaks off there, as after a recorder was killed: what
 * is before is good. Anything else that is not as described is damage.
 */
import { crc32 } from 'node:zlib';
import { z } from 'zod';

export const MAGIC = 'RINGLETR';
export const FORMAT = 1;
export const FILE_HEADER_BYTES = 16;
export const CHUNK_HEADER_BYTES = 20;
const DEFLATED = 1;

/** What a chunk holds. */
export const ChunkKind = {
  /** {@link RecordingHeader}, JSON; the first chunk, once. */
  Header: 1,
  /** {@link RecordedInput}, JSON. */
  Input: 2,
  /** f64 step of the first sample, f64 time of the last, u32 steps between two, u32 0, then u32 samples. */
  Digests: 3,
  /** {@link RecordedEnd}, JSON; the last chunk. */
  End: 4,
} as const;

export type ChunkKind = (typeof ChunkKind)[keyof typeof ChunkKind];

/** Bytes that chunks of each kind hold at most, so that a hostile file cannot ask for more. */
export const MOST_BYTES: Readonly<Record<ChunkKind, number>> = {
  [ChunkKind.Header]: 1024 * 1024,
  [ChunkKind.Input]: 4 * 1024 * 1024,
  [ChunkKind.Digests]: 1024 * 1024,
  [ChunkKind.End]: 64 * 1024,
};

/** What a replay keeps in memory, at most: a recording ends before it has more. */
export const MOST_INPUTS = 1_000_000;
export const MOST_INPUT_BYTES = 256 * 1024 * 1024;
export const MOST_SAMPLES = 64 * 1024 * 1024;

/** Bytes before the samples of a chunk of digests. */
export const DIGESTS_HEADER_BYTES = 24;
/** Steps from one sample to the next: a divergence is found to this many steps, for a quarter of a byte each. */
export const STRIDE = 16;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const step = z.int().min(0);
const time = z.number().min(0);
const path = z.string().min(1).max(4096);

/** A file that the run depends on. */
export const RecordedFile = z.strictObject({
  /** `code` is a guest module and device files with all that they import, `processor` the x86-64 core, `input` a file copied in. */
  role: z.enum(['kernel', 'initrd', 'disk', 'input', 'code', 'processor']),
  path,
  bytes: z.int().min(0),
  sha256,
});
export type RecordedFile = z.output<typeof RecordedFile>;

/** What a machine was made of when it was recorded. */
export const RecordingHeader = z.strictObject({
  /** Version of Ringlet: another one may make other steps. */
  ringlet: z.string().max(64),
  /** When, in milliseconds since 1970: for people. */
  recorded: z.number(),
  /** As the library takes them, every path absolute. */
  options: z.record(z.string().max(64), z.json()),
  files: z.array(RecordedFile).max(256),
});
export type RecordingHeader = z.output<typeof RecordingHeader>;

/** Something that came from outside, before step `step`. Times are units of 100 ns of virtual time. */
export const RecordedInput = z.strictObject({
  step,
  time,
  /** A request of the device host, or `write`: bytes for the console, as `{ base64 }`. */
  name: z.string().min(1).max(64),
  parameters: z.record(z.string().max(64), z.json()),
  /** Files that it names, as they were then. */
  files: z.array(RecordedFile).max(64).optional(),
});
export type RecordedInput = z.output<typeof RecordedInput>;

/** How it ended. */
export const RecordedEnd = z.strictObject({
  /** Steps in all. */
  step,
  time,
  /** Of all steps. */
  digest: z.string().regex(/^[0-9a-f]{8}$/),
  /** SHA-256 of memory, processors and platform at the end. */
  state: sha256,
});
export type RecordedEnd = z.output<typeof RecordedEnd>;

/** The header of a chunk, checked. */
export interface ChunkHeader {
  readonly kind: ChunkKind;
  readonly deflated: boolean;
  readonly stored: number;
  readonly bytes: number;
  readonly crc: number;
}

/** @returns `undefined` when it is not one that a recorder writes */
export function readChunkHeader(header: Buffer): ChunkHeader | undefined {
  if (crc32(header.subarray(0, 16)) !== header.readUInt32LE(16)) return undefined;
  const [kind, flags, zero] = [header[0]! as ChunkKind, header[1]!, header.readUInt16LE(2)];
  const [stored, bytes, crc] = [4, 8, 12].map((at) => header.readUInt32LE(at)) as [number, number, number];
  const most = MOST_BYTES[kind] as number | undefined;
  if (most === undefined || zero !== 0 || (flags & ~DEFLATED) !== 0 || bytes > most) return undefined;
  const deflated = flags === DEFLATED;
  if (deflated ? stored >= bytes : stored !== bytes) return undefined;
  return { kind, deflated, stored, bytes, crc };
}

/** A chunk's header for `content`, as it is stored. */
export function writeChunkHeader(kind: ChunkKind, content: Uint8Array, bytes: number): Buffer {
  const header = Buffer.alloc(CHUNK_HEADER_BYTES);
  header[0] = kind;
  header[1] = content.length < bytes ? DEFLATED : 0;
  header.writeUInt32LE(content.length, 4);
  header.writeUInt32LE(bytes, 8);
  header.writeUInt32LE(crc32(content), 12);
  header.writeUInt32LE(crc32(header.subarray(0, 16)), 16);
  return header;
}

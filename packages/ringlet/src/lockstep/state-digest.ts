/** A digest of a machine's memory: two machines with the same one are in the same state. */
import { createHash } from 'node:crypto';
import type { ByteRange } from '@ringlet/x64';

const BLOCK_BYTES = 65_536;

/** Memory of a machine. */
export interface DigestedMemory {
  readonly buffer: SharedArrayBuffer;
  /** What is no state, in order: taken for zeros. */
  readonly without?: readonly ByteRange[];
}

/** The SHA-256 of buffers, in order; what is zero only counts by its place. */
export function stateDigest(memories: readonly DigestedMemory[]): string {
  const hash = createHash('sha256');
  const block = new Uint8Array(BLOCK_BYTES);
  for (const { buffer, without = [] } of memories) {
    hash.update(`${buffer.byteLength}\n`);
    let next = 0;
    for (let at = 0; at < buffer.byteLength; at += BLOCK_BYTES) {
      const bytes = new Uint8Array(buffer, at, Math.min(BLOCK_BYTES, buffer.byteLength - at));
      while (next < without.length && without[next]![1] <= at) next++;
      const [first] = without[next] ?? [Infinity];
      if (first >= at + bytes.length) {
        if (!isZero(bytes)) hash.update(`${at}\n`).update(bytes);
        continue;
      }
      const kept = block.subarray(0, bytes.length);
      kept.set(bytes);
      for (let i = next; i < without.length && without[i]![0] < at + bytes.length; i++) {
        const [from, to] = without[i]!;
        kept.fill(0, Math.max(0, from - at), Math.max(0, to - at));
      }
      if (!isZero(kept)) hash.update(`${at}\n`).update(kept);
    }
  }
  return hash.digest('hex');
}

function isZero(bytes: Uint8Array): boolean {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  for (let i = words.length << 2; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

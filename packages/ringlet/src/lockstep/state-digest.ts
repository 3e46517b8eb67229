/** A digest of a machine's memory: two machines with the same one are in the same state. */
import { createHash } from 'node:crypto';

const BLOCK_BYTES = 65_536;
const WORD_BYTES = 4;

/** The SHA-256 of buffers, in order; what is zero only counts by its place. */
export function stateDigest(buffers: readonly SharedArrayBuffer[]): string {
  const hash = createHash('sha256');
  for (const buffer of buffers) {
    hash.update(`${buffer.byteLength}\n`);
    const words = new Int32Array(buffer, 0, Math.floor(buffer.byteLength / WORD_BYTES));
    for (let at = 0; at < buffer.byteLength; at += BLOCK_BYTES) {
      const length = Math.min(BLOCK_BYTES, buffer.byteLength - at);
      if (isZero(words, at / WORD_BYTES, Math.floor(length / WORD_BYTES)) && length % WORD_BYTES === 0) continue;
      hash.update(`${at}\n`).update(new Uint8Array(buffer, at, length));
    }
  }
  return hash.digest('hex');
}

function isZero(words: Int32Array, first: number, count: number): boolean {
  for (let i = first; i < first + count; i++) if (words[i] !== 0) return false;
  return true;
}

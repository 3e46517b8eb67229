/**
 * Pending interrupts of a VP: 256 vectors, one bit each in shared state, and its doorbell.
 *
 * Whoever makes work changes the data first, then the flag, then rings. The VP reads its doorbell's counter before it
 * looks for work and sleeps only on that value, so no ring is lost.
 */
import { VpWord } from '../state/layout.ts';

/** Lowest vector that can be delivered; those below are exceptions. */
export const FIRST_VECTOR = 16;
export const LAST_VECTOR = 255;

/** Rings the doorbell of the VP with this record. Allocates nothing. */
export function ring(words: Int32Array, vpRecord: number): void {
  Atomics.add(words, vpRecord + VpWord.Doorbell, 1);
  if (Atomics.load(words, vpRecord + VpWord.Sleeping) !== 0) Atomics.notify(words, vpRecord + VpWord.Doorbell);
}

/** Makes `vector` pending and rings. Allocates nothing. */
export function post(words: Int32Array, vpRecord: number, vector: number): void {
  Atomics.or(words, vpRecord + VpWord.Pending + (vector >>> 5), 1 << (vector & 31));
  ring(words, vpRecord);
}

/** The highest pending vector, if it is above `threshold`; else -1. Allocates nothing. */
export function pendingAbove(words: Int32Array, vpRecord: number, threshold: number): number {
  for (let word = 7; word >= 0; word--) {
    const pending = Atomics.load(words, vpRecord + VpWord.Pending + word);
    if (pending === 0) continue;
    const vector = word * 32 + 31 - Math.clz32(pending);
    return vector > threshold ? vector : -1;
  }
  return -1;
}

/** The highest pending vector whose class is above the task priority's, or -1. Allocates nothing. */
export const highest = (words: Int32Array, vpRecord: number): number =>
  pendingAbove(words, vpRecord, words[vpRecord + VpWord.Tpr]! | 15);

/** Takes `vector` from what is pending, and counts it. Only the VP's own thread. */
export function remove(words: Int32Array, vpRecord: number, vector: number): void {
  Atomics.and(words, vpRecord + VpWord.Pending + (vector >>> 5), ~(1 << (vector & 31)));
  words[vpRecord + VpWord.Interrupts] = (words[vpRecord + VpWord.Interrupts]! + 1) | 0;
}

/** What the threads of the ring benchmark and the thread that directs them agree on. */
import type { SharedMemory } from '../packages/ringlet/src/host/memory.ts';

/** Guest pages: two rings of a header and up to a MiB, then a source and a sink for each end. */
export const LAYOUT = { ringPages: 257, copyPages: 16, pages: 2 * 257 + 4 * 16 } as const;

/** What both threads share. */
export interface RingThreadData {
  readonly memory: SharedMemory;
  /** For each end its doorbell's counter and whether it sleeps, a cache line apart; then the word that stops a round. */
  readonly bells: Int32Array;
  /** 0 consumes or serves, 1 produces or asks. */
  readonly end: 0 | 1;
}

/** One round. */
export interface RingJob {
  readonly kind: 'one-way' | 'request';
  readonly bytes: number;
  readonly depth: number;
  /** Whether the receiver copies the payload out of the ring, or reads it in place. */
  readonly copy: boolean;
  /** Whether somebody observes the batches. */
  readonly observed: boolean;
  readonly milliseconds: number;
}

/** Index of the word of {@link RingThreadData.bells} that ends a round. */
export const STOP = 64;
/** Ring sizes: data pages for packets up to a page, and for larger ones. */
export const dataPages = (bytes: number): number => (bytes > 4096 ? 256 : 64);

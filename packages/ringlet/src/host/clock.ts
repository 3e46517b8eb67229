/** The host's clock as the microkernel wants it: 100 ns units since an epoch that all threads of the process share. */
import { performance } from 'node:perf_hooks';
import type { Clock } from '@ringlet/microkernel';

const NANOSECONDS_PER_TICK = 100;
const TICKS_PER_MILLISECOND = 10_000;

/** Monotonic host time in nanoseconds: the epoch that {@link HostClock} counts from. Pass it to other threads. */
export const monotonicNanoseconds = (): bigint => process.hrtime.bigint();

/**
 * A clock without allocation. `process.hrtime` is the same in every thread but makes a bigint or an array;
 * `performance.now` makes neither but counts from each thread's own start. Their difference is constant, so it is
 * measured once: the largest of a few samples, since being interrupted between the two readings makes it smaller.
 */
export class HostClock implements Clock {
  readonly #offset: number;

  /** @param epoch - {@link monotonicNanoseconds} at the moment that counts as zero */
  constructor(epoch: bigint) {
    let best = -Infinity;
    for (let sample = 0; sample < 16; sample++) {
      const since = Number(process.hrtime.bigint() - epoch) / NANOSECONDS_PER_TICK;
      best = Math.max(best, since - performance.now() * TICKS_PER_MILLISECOND);
    }
    this.#offset = best;
  }

  now(): number {
    return Math.floor(performance.now() * TICKS_PER_MILLISECOND + this.#offset);
  }
}

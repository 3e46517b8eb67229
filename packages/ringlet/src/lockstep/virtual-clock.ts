/** Time that only moves when it is told to. */
import type { Clock } from '@ringlet/microkernel';

/** A clock for deterministic runs, in units of 100 ns. */
export class VirtualClock implements Clock {
  #now = 0;

  now(): number {
    return this.#now;
  }

  /** Moves time on by `ticks`. */
  advance(ticks: number): void {
    this.#now += ticks;
  }

  /** Moves time on to `time`, never back. */
  advanceTo(time: number): void {
    this.#now = Math.max(this.#now, time);
  }
}

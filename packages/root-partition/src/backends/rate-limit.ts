/**
 * Rate limit: how much of something may pass in a time, with what was not used kept for a moment only.
 *
 * The generic cell rate algorithm: each unit moves the theoretical arrival time of the next one on, and a unit may
 * pass when that time is no further ahead than the tolerance. A caller that wakes late catches up, so that timers of
 * a millisecond hold a rate of many thousands.
 */

const TICKS_PER_SECOND = 10_000_000;
/** What may pass at once after a pause, as time at the full rate: 20 ms. */
const TOLERANCE_TICKS = 200_000;

/** A limit of units a second: requests, bytes. Nothing here allocates. */
export class RateLimit {
  readonly perSecond: number;
  /** When the next unit would arrive if all came evenly; clock ticks of 100 ns. */
  #next = -Infinity;

  /** @param perSecond - units a second, above 0 */
  constructor(perSecond: number) {
    this.perSecond = perSecond;
  }

  /** Ticks until something may pass; 0 when it may now. How much it is does not matter: it is paid for afterwards. */
  wait(now: number): number {
    return Math.max(0, this.#next - TOLERANCE_TICKS - now);
  }

  /** `units` pass now. */
  pass(units: number, now: number): void {
    this.#next = Math.max(this.#next, now) + (units * TICKS_PER_SECOND) / this.perSecond;
  }
}

/** WallClock: the host's time of day, kept as an offset to the partition's reference time. */
import { UNIX_EPOCH_TICKS } from '@ringlet/protocols';

const TICKS_PER_MILLISECOND = 10_000;

/** What time it is, once the host has said so. */
export class WallClock {
  /** 100 ns since 1970 at reference time 0. */
  #offset: number | undefined;

  /**
   * Sets the clock.
   *
   * @param parentTime - host's time in 100 ns since 1601 UTC, when the reference time was `referenceTime`
   */
  set(parentTime: bigint, referenceTime: number): void {
    // Beyond 2^53 a number counts in steps of 200 ns: enough for a clock that is set over a channel.
    this.#offset = Number(parentTime - UNIX_EPOCH_TICKS) - referenceTime;
  }

  /** Milliseconds since 1970 UTC at reference time `now`; `undefined` when never set. */
  read(now: number): number | undefined {
    return this.#offset === undefined ? undefined : (this.#offset + now) / TICKS_PER_MILLISECOND;
  }
}

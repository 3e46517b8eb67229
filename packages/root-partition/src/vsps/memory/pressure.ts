/**
 * Pressure: how much memory a guest should have, from what it reports every second.
 *
 *     demand  = pages that its programs were promised, and those that it would not give away
 *     wanted  = demand and a buffer of so many percent, between minimum and maximum
 *
 * A guest that wants more gets it at once. One that wants less is believed after ten reports in a row that do, and then
 * keeps the most that any of them asked for. Differences of less than a thirty-second are left alone: each change costs
 * the guest its translations and its decoded code.
 */

/** Reports in a row that must ask for less. */
const PATIENCE = 10;
/** The part of what it has that a difference must reach. */
const SLACK = 32;

/** What a guest may have, in pages. */
export interface PressureLimits {
  readonly minimum: number;
  readonly maximum: number;
  /** Percent of the demand that a guest gets beyond it, for caches and for what comes next. */
  readonly buffer: number;
}

/** Follows one guest's reports. */
export class Pressure {
  readonly #limits: PressureLimits;
  #less = 0;
  #most = 0;

  constructor(limits: PressureLimits) {
    this.#limits = limits;
  }

  /** Takes a report. @returns pages that the guest should have now; `assigned` when nothing is to change */
  take(demand: number, assigned: number): number {
    const { minimum, maximum, buffer } = this.#limits;
    const wanted = Math.min(maximum, Math.max(minimum, Math.ceil(demand * (1 + buffer / 100))));
    const least = Math.max(1, Math.floor(assigned / SLACK));
    if (wanted > assigned - least) {
      this.forget();
      return wanted >= assigned + least || (wanted > assigned && wanted === maximum) ? wanted : assigned;
    }
    this.#most = Math.max(this.#most, wanted);
    if (++this.#less < PATIENCE) return assigned;
    const settled = this.#most;
    this.forget();
    return settled;
  }

  /** Forgets reports that asked for less. */
  forget(): void {
    this.#less = 0;
    this.#most = 0;
  }
}

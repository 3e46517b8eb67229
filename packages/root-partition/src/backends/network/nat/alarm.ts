/** One timer for many deadlines: it rings at the earliest that anybody asked for. */
import type { NetworkClock } from '../network-clock.ts';

/** Asked for less than this ahead, deadlines share a ring: hosts' timers are no finer. */
const GRAIN_MS = 1;

/** Calls back when the earliest deadline is reached; whoever is called says what comes next by {@link Alarm.by}. */
export class Alarm {
  readonly #clock: NetworkClock;
  readonly #ring: (now: number) => void;
  #due = Infinity;
  #cancel: (() => void) | undefined;

  constructor(clock: NetworkClock, ring: (now: number) => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at `deadline`, or earlier if somebody asked for that. */
  by(deadline: number): void {
    if (deadline >= this.#due - GRAIN_MS) return;
    this.#cancel?.();
    this.#due = deadline;
    this.#cancel = this.#clock.after(Math.max(0, Math.ceil(deadline - this.#clock.now())), () => {
      this.#due = Infinity;
      this.#cancel = undefined;
      this.#ring(this.#clock.now());
    });
  }

  /** Never rings again, until asked. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#due = Infinity;
  }
}

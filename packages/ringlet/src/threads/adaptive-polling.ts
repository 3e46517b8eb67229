/**
 * How long a thread polls its doorbell before it sleeps, learnt from what polling and sleeping brought, as hypervisors
 * do before they halt a processor:
 *
 *     woken soon (the waking itself included) → poll twice as long next time, up to MOST
 *     slept for much longer than that         → do not poll
 *     polled in vain several times in a row   → do not poll for a while, and for a longer one each time
 *
 * The last rule is for hosts whose processors other programs keep busy: there a poller keeps the very thread it waits
 * for from running, and only polling in vain shows it.
 */

const MOST_POLLING_MS = 0.1;
const FIRST_POLLING_MS = 0.02;
/** A sleep this short was not worth its wake-up, which takes up to 0.1 ms of it where processors are virtual. */
const SHORT_SLEEP_MS = 0.2;
const LONG_SLEEP_MS = 0.4;
/** So many polls in vain, and it sleeps at once for so many times; the second number doubles up to the third. */
const VAIN_POLLS = 4;
const FEWEST_SLEEPS = 32;
const MOST_SLEEPS = 1024;

/** One thread's choice between polling and sleeping. */
export class AdaptivePolling {
  #milliseconds = 0;
  #vain = 0;
  #sleepsLeft = 0;
  #sleeps = FEWEST_SLEEPS;

  /** Milliseconds to poll for now; 0: sleep at once. */
  get milliseconds(): number {
    return this.#sleepsLeft > 0 ? 0 : this.#milliseconds;
  }

  /** The doorbell rang while the thread polled. */
  heard(): void {
    this.#vain = 0;
    this.#sleeps = FEWEST_SLEEPS;
  }

  /** It did not. */
  inVain(): void {
    if (++this.#vain < VAIN_POLLS) return;
    this.#vain = 0;
    this.#sleepsLeft = this.#sleeps;
    this.#sleeps = Math.min(2 * this.#sleeps, MOST_SLEEPS);
  }

  /** The thread slept for so long. */
  slept(milliseconds: number): void {
    if (this.#sleepsLeft > 0) this.#sleepsLeft--;
    if (milliseconds < SHORT_SLEEP_MS) {
      this.#milliseconds = Math.min(MOST_POLLING_MS, Math.max(FIRST_POLLING_MS, this.#milliseconds * 2));
    } else if (milliseconds > LONG_SLEEP_MS) {
      this.#milliseconds = 0;
    }
  }
}

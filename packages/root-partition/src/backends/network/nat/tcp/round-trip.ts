/** Round-trip time and the time-out that follows from it (RFC 6298), in milliseconds. */

const FIRST_TIMEOUT = 1000;
/** As Linux has it; RFC 6298 says a second, which is long for a wire inside one host. */
const LEAST_TIMEOUT = 200;
const MOST_TIMEOUT = 60_000;
/** A guest may hold an acknowledgment back for so long. */
const DELAYED_ACK = 40;

/** The estimate of one connection. */
export class RoundTrip {
  #smoothed = 0;
  #variance = 0;
  #sampled = false;
  #timedEnd = -1;
  #timedAt = 0;

  /** Smoothed round trip; 0 before the first sample. */
  get smoothed(): number {
    return this.#smoothed;
  }

  /** Retransmission time-out before backing off. */
  get timeout(): number {
    if (!this.#sampled) return FIRST_TIMEOUT;
    return Math.min(MOST_TIMEOUT, Math.max(LEAST_TIMEOUT, this.#smoothed + 4 * this.#variance));
  }

  /** How long to wait before a lost tail is suspected (RFC 8985, section 7.2). */
  get probeTimeout(): number {
    return this.#sampled ? 2 * this.#smoothed + DELAYED_ACK : FIRST_TIMEOUT;
  }

  /** Data up to `end` was sent for the first time. One segment is timed at a time. */
  sent(end: number, now: number): void {
    if (this.#timedEnd >= 0) return;
    this.#timedEnd = end;
    this.#timedAt = now;
  }

  /** Something was sent again: what is being timed could be either (Karn's algorithm). */
  retransmitted(): void {
    this.#timedEnd = -1;
  }

  /** Everything up to `offset` has arrived. */
  acknowledged(offset: number, now: number): void {
    if (this.#timedEnd < 0 || offset < this.#timedEnd) return;
    this.#timedEnd = -1;
    const sample = now - this.#timedAt;
    if (this.#sampled) {
      this.#variance += (Math.abs(this.#smoothed - sample) - this.#variance) / 4;
      this.#smoothed += (sample - this.#smoothed) / 8;
    } else {
      this.#smoothed = sample;
      this.#variance = sample / 2;
      this.#sampled = true;
    }
  }
}

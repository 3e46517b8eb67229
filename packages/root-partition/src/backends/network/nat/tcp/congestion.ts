/**
 * How much may be under way to a guest at once: slow start and congestion avoidance (RFC 5681), with the gentler decrease
 * of RFC 9438 and a floor. The wire is inside the host, so what limits is the guest's window; but ports can have a
 * bandwidth limit, and then a queue that overflows.
 */

const FIRST_WINDOW = 64 * 1024;
const MOST_WINDOW = 4 * 1024 * 1024;
const LEAST_SEGMENTS = 8;
const DECREASE = 0.7;

/** The congestion window of one connection. */
export class Congestion {
  window = FIRST_WINDOW;
  #threshold = MOST_WINDOW;

  /** So many bytes were acknowledged, and nothing was lost. */
  acknowledged(bytes: number, segmentSize: number): void {
    const growth = this.window < this.#threshold ? bytes : (segmentSize * bytes) / this.window;
    this.window = Math.min(MOST_WINDOW, this.window + growth);
  }

  /** Something was lost, and others arrived after it. */
  lost(segmentSize: number): void {
    this.window = Math.max(LEAST_SEGMENTS * segmentSize, this.window * DECREASE);
    this.#threshold = this.window;
  }

  /** Nothing arrived for a whole time-out. */
  timedOut(segmentSize: number): void {
    this.lost(segmentSize);
    this.window = LEAST_SEGMENTS * segmentSize;
  }
}

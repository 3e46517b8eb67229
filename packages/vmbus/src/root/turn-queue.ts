/**
 * Channels that want a turn, each at most once, in the order in which they asked. Fixed size: no ringing guest makes it
 * grow, and taking a turn allocates nothing.
 */
import { MAX_RELID } from './limits.ts';

const SLOTS = MAX_RELID + 1;

/** A queue of channel ids. */
export class TurnQueue {
  readonly #relids = new Uint16Array(SLOTS);
  readonly #queued = new Uint8Array(SLOTS);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Queues a channel, unless it is queued. */
  add(relid: number): void {
    if (this.#queued[relid] !== 0) return;
    this.#queued[relid] = 1;
    this.#relids[(this.#head + this.#length) % SLOTS] = relid;
    this.#length++;
  }

  /** Takes the channel whose turn it is, or 0. */
  take(): number {
    if (this.#length === 0) return 0;
    const relid = this.#relids[this.#head]!;
    this.#head = (this.#head + 1) % SLOTS;
    this.#length--;
    this.#queued[relid] = 0;
    return relid;
  }
}

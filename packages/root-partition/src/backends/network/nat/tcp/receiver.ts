/**
 * The receiving half of a TCP connection: takes what is in order to the host, keeps what is beyond a gap, and says how
 * much more may come. Positions are offsets into the stream, as in the sender.
 *
 *     next                                  edge
 *       ├── gap ──┬── kept ──┬── gap ─────────┤            edge never moves back
 */
import type { MemoryBudget } from './byte-ring.ts';
import { Ranges } from './ranges.ts';

/** The largest window: what may be on its way from the guest or wait for the host. A power of two. */
export const RECEIVE_WINDOW = 256 * 1024;
const MOST_KEPT_RANGES = 32;

/** Takes bytes `[start, end)` to the host; they are only valid during the call. */
export type Deliver = (bytes: Uint8Array, start: number, end: number) => void;

/** One connection's way from the guest. */
export class Receiver {
  readonly #deliver: Deliver;
  readonly #budget: MemoryBudget;
  readonly #ranges = new Ranges(MOST_KEPT_RANGES);
  /** Bytes beyond a gap, at their offset modulo the window. Empty until there are some. */
  #kept = new Uint8Array(0);
  #next = 1;
  #edge = 1 + RECEIVE_WINDOW;
  #finAt = Infinity;
  /** The start of the range that came last: it leads the list of ranges that is told to the guest. */
  #newest = 0;

  constructor(deliver: Deliver, budget: MemoryBudget) {
    this.#deliver = deliver;
    this.#budget = budget;
  }

  /** The offset that is expected next. */
  get next(): number {
    return this.#next;
  }

  /** Offset up to which the guest may send, as last told. */
  get edge(): number {
    return this.#edge;
  }

  /** The guest's FIN has come, and everything before it. */
  get finished(): boolean {
    return this.#next > this.#finAt;
  }

  /** Whether something is missing. */
  get hasGap(): boolean {
    return this.#ranges.count > 0;
  }

  /**
   * Takes the data of a segment.
   *
   * @returns whether it was just what came next, with nothing missing: any other deserves an answer at once
   */
  take(offset: number, bytes: Uint8Array, start: number, end: number, fin: boolean): boolean {
    const from = Math.max(offset, this.#next);
    const to = Math.min(offset + end - start, this.#edge);
    if (fin && offset + end - start <= this.#edge) this.#finAt = offset + end - start;
    if (from > to || offset > this.#edge) return false;
    const at = start + from - offset;
    if (from > this.#next) {
      if (to > from) this.#keep(from, bytes, at, at + to - from);
      return false;
    }
    if (to > from) this.#deliver(bytes, at, at + to - from);
    const expected = offset === this.#next && !this.hasGap;
    this.#next = to;
    if (this.hasGap) this.#deliverKept();
    if (this.#next === this.#finAt) this.#next++;
    return expected;
  }

  #keep(offset: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#kept.length === 0) {
      if (!this.#budget.take(RECEIVE_WINDOW)) return;
      this.#kept = new Uint8Array(RECEIVE_WINDOW);
    }
    if (!this.#ranges.add(offset, offset + end - start)) return;
    this.#newest = offset;
    const at = offset & (RECEIVE_WINDOW - 1);
    const first = Math.min(end - start, RECEIVE_WINDOW - at);
    this.#kept.set(bytes.subarray(start, start + first), at);
    if (start + first < end) this.#kept.set(bytes.subarray(start + first, end), 0);
  }

  #deliverKept(): void {
    const end = this.#ranges.gapAt(this.#next);
    while (this.#next < end) {
      const at = this.#next & (RECEIVE_WINDOW - 1);
      const length = Math.min(end - this.#next, RECEIVE_WINDOW - at);
      this.#deliver(this.#kept, at, at + length);
      this.#next += length;
    }
    this.#ranges.advance(this.#next);
    if (!this.hasGap) this.release();
  }

  /**
   * What to tell the guest: the bytes that it may send beyond {@link next}.
   *
   * @param pending - bytes that the host has not taken yet
   */
  offer(pending: number): number {
    this.#edge = Math.max(this.#edge, this.#next + RECEIVE_WINDOW - pending);
    return Math.max(0, this.#edge - this.#next);
  }

  /** How much {@link offer} would add to what was told. */
  gain(pending: number): number {
    return this.#next + RECEIVE_WINDOW - pending - this.#edge;
  }

  /** Ranges beyond the gap, the newest first, at most `most`. */
  forEachRange(most: number, write: (start: number, end: number) => void): number {
    const { starts, ends, count } = this.#ranges;
    if (count === 0) return 0;
    let newest = 0;
    while (newest < count - 1 && !(this.#newest >= starts[newest]! && this.#newest < ends[newest]!)) newest++;
    const told = Math.min(most, count);
    for (let index = 0; index < told; index++) {
      const range = (newest + index) % count;
      write(starts[range]!, ends[range]!);
    }
    return told;
  }

  /** Gives its memory back. */
  release(): void {
    this.#budget.give(this.#kept.length);
    this.#kept = new Uint8Array(0);
    this.#ranges.clear();
  }
}

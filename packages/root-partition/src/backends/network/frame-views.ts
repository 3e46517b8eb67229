/**
 * Frame views: parts of one buffer as arrays of their own, without a new array for each.
 *
 * Traffic repeats itself: the same few places and lengths come again and again. Each has its place in a small table; who
 * comes second to a taken place pays for a new array, so the table is bounded whatever a guest sends.
 */

const SLOTS = 1024;

/** Views of one buffer. */
export class FrameViews {
  readonly #bytes: Uint8Array;
  readonly #starts = new Int32Array(SLOTS).fill(-1);
  readonly #lengths = new Int32Array(SLOTS);
  readonly #views: Uint8Array[];

  /** @param bytes - the buffer, which must not be moved */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#views = Array.from({ length: SLOTS }, () => bytes);
  }

  /** `length` bytes from `start` on, as `subarray` would give them. */
  of(start: number, length: number): Uint8Array {
    const slot = (Math.imul(start, 0x9e37) ^ length) & (SLOTS - 1);
    if (this.#starts[slot] !== start || this.#lengths[slot] !== length) {
      this.#starts[slot] = start;
      this.#lengths[slot] = length;
      this.#views[slot] = this.#bytes.subarray(start, start + length);
    }
    return this.#views[slot]!;
  }
}

/** Bytes on their way to a guest, first in, first out, kept until they are acknowledged. Grows by doubling, to a bound. */

/** How much all rings of a NAT may hold together. */
export class MemoryBudget {
  #free: number;

  /** @param bytes - in all */
  constructor(bytes: number) {
    this.#free = bytes;
  }

  /** Takes so much. @returns whether it was there */
  take(bytes: number): boolean {
    if (bytes > this.#free) return false;
    this.#free -= bytes;
    return true;
  }

  /** Gives it back. */
  give(bytes: number): void {
    this.#free += bytes;
  }
}

/** A ring of bytes. */
export class ByteRing {
  readonly #budget: MemoryBudget;
  readonly #most: number;
  #bytes = new Uint8Array(0);
  #start = 0;
  #length = 0;

  /** @param most - capacity at most, a power of two */
  constructor(most: number, budget: MemoryBudget) {
    this.#most = most;
    this.#budget = budget;
  }

  /** Bytes held. */
  get length(): number {
    return this.#length;
  }

  /** Bytes that may still be appended, as far as this ring is concerned. */
  get free(): number {
    return this.#most - this.#length;
  }

  /** Appends bytes. @returns whether there was room; nothing is taken otherwise */
  append(bytes: Uint8Array): boolean {
    const needed = this.#length + bytes.length;
    if (needed > this.#bytes.length && !this.#grow(needed)) return false;
    const capacity = this.#bytes.length;
    const at = (this.#start + this.#length) & (capacity - 1);
    const first = Math.min(bytes.length, capacity - at);
    this.#bytes.set(first === bytes.length ? bytes : bytes.subarray(0, first), at);
    if (first < bytes.length) this.#bytes.set(bytes.subarray(first), 0);
    this.#length = needed;
    return true;
  }

  /** Copies `length` bytes, from `offset` after the first, to `target`. */
  copy(offset: number, length: number, target: Uint8Array, at: number): void {
    const capacity = this.#bytes.length;
    const from = (this.#start + offset) & (capacity - 1);
    const first = Math.min(length, capacity - from);
    target.set(this.#bytes.subarray(from, from + first), at);
    if (first < length) target.set(this.#bytes.subarray(0, length - first), at + first);
  }

  /** Forgets the first bytes. */
  drop(count: number): void {
    this.#length -= count;
    this.#start = this.#length === 0 ? 0 : (this.#start + count) & (this.#bytes.length - 1);
  }

  /** Gives its memory back. */
  release(): void {
    this.#budget.give(this.#bytes.length);
    this.#bytes = new Uint8Array(0);
    this.#start = this.#length = 0;
  }

  #grow(needed: number): boolean {
    if (needed > this.#most) return false;
    let capacity = Math.max(this.#bytes.length, 8192);
    while (capacity < needed) capacity *= 2;
    if (!this.#budget.take(capacity - this.#bytes.length)) return false;
    const bytes = new Uint8Array(capacity);
    if (this.#length > 0) this.copy(0, this.#length, bytes, 0);
    this.#bytes = bytes;
    this.#start = 0;
    return true;
  }
}

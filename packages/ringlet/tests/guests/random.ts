/** Random numbers from a seed, with a taste for the values that break things. */

/** A seeded source: mulberry32. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to 2^32 - 1. */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A whole number from 0 to `n` - 1. */
  below(n: number): number {
    return Math.floor((this.word() / 2 ** 32) * n);
  }

  /** One of `choices`. */
  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** A 32-bit number: small, a power of two or next to one, or anything. */
  hostile(): number {
    const kind = this.below(6);
    if (kind < 3) return this.below(64);
    if (kind === 3) return ((1 << this.below(32)) - this.below(3)) >>> 0;
    if (kind === 4) return this.of([0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8, 4095, 4096, 4097]);
    return this.word();
  }

  /** The same in 64 bits. */
  hostile64(): bigint {
    return (BigInt(this.of([0, 0, 0, this.hostile()])) << 32n) | BigInt(this.hostile());
  }

  /** Fills `bytes`, whole words of it hostile. */
  fill(bytes: Uint8Array): Uint8Array {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    for (; at + 4 <= bytes.length; at += 4) view.setUint32(at, this.hostile(), true);
    for (; at < bytes.length; at++) bytes[at] = this.word();
    return bytes;
  }
}

/** Random numbers with a seed, and the values that floating-point code trips over. */

/** A generator of 32-bit words (xorshift of Marsaglia, 128 bits of state). */
export class Random {
  #a: number;
  #b = 0x9e3779b9;
  #c = 0x243f6a88;
  #d = 0xb7e15162;

  constructor(seed: number) {
    this.#a = seed >>> 0;
    for (let i = 0; i < 16; i++) this.word();
  }

  /** Next 32 bits. */
  word(): number {
    const t = this.#a ^ (this.#a << 11);
    this.#a = this.#b;
    this.#b = this.#c;
    this.#c = this.#d;
    this.#d = (this.#d ^ (this.#d >>> 19) ^ t ^ (t >>> 8)) >>> 0;
    return this.#d;
  }

  /** An integer below `limit`. */
  below(limit: number): number {
    return this.word() % limit;
  }

  /** One of some values. */
  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  /** 64 random bits; often a pattern of few ones or zeros. */
  quad(): bigint {
    const bits = (BigInt(this.word()) << 32n) | BigInt(this.word());
    switch (this.below(6)) {
      case 0:
        return BigInt.asUintN(64, -1n << BigInt(this.below(64)));
      case 1:
        return (1n << BigInt(this.below(64))) - BigInt(this.below(2));
      case 2:
        return bits & (-1n << BigInt(this.below(64))) & 0xffffffffffffffffn;
      default:
        return bits;
    }
  }

  /** A value of the 80-bit format: [sign and exponent, mantissa]. `near` is an exponent to stay close to. */
  extended(near: number): readonly [number, bigint] {
    const sign = this.below(2) << 15;
    const m = this.quad();
    const normal = m | 0x8000000000000000n;
    switch (this.below(24)) {
      case 0:
        return [sign, 0n];
      case 1:
        return [sign | 0x7fff, 0x8000000000000000n];
      case 2:
        return [sign | 0x7fff, normal | 0x4000000000000000n];
      case 3:
        return [sign | 0x7fff, (normal & 0xbfffffffffffffffn) | 1n];
      case 4:
        return [sign, m];
      case 5:
        return [sign, m >> BigInt(this.below(64))];
      case 6:
        return [sign | this.below(0x8000), m];
      case 7:
        return [sign | (1 + this.below(70)), normal];
      case 8:
        return [sign | (0x7ffe - this.below(70)), normal];
      case 9:
        return [sign | this.below(0x7fff), normal];
      case 10:
        return [sign | (0x3fff + this.below(64)), normal];
      case 11:
        return [sign | 0x3fff, 0x8000000000000000n];
      case 12:
        return [sign | (0x3fff - 1022 - 30 + this.below(60)), normal];
      case 13:
        return [sign | (0x3fff - 126 - 30 + this.below(60)), normal];
      case 14:
        return [sign | (0x3fff + 1023 - 2 + this.below(4)), normal];
      case 15:
        return [sign | (0x3fff + 127 - 2 + this.below(4)), normal];
      case 16:
        return [sign | (near & 0x7fff), 0x8000000000000000n | ((m >> 52n) << 52n)];
      default:
        return [sign | Math.min(0x7ffe, Math.max(1, near - 66 + this.below(132))), normal];
    }
  }

  /** Bits of a binary64. */
  double(): bigint {
    const sign = BigInt(this.below(2)) << 63n;
    const fraction = this.quad() & 0xfffffffffffffn;
    const at = (e: number): bigint => sign | (BigInt(e) << 52n) | fraction;
    switch (this.below(16)) {
      case 0:
        return sign;
      case 1:
        return sign | 0x7ff0000000000000n;
      case 2:
        return at(0x7ff) | 0x8000000000000n;
      case 3:
        return (at(0x7ff) & ~0x8000000000000n) | 1n;
      case 4:
        return at(0);
      case 5:
        return at(1 + this.below(3));
      case 6:
        return at(0x7fe - this.below(3));
      case 7:
        return at(this.below(0x7ff));
      case 8:
        return sign | 0x3ff0000000000000n;
      case 9:
        return at(0x3ff + this.below(66));
      case 10:
        return at(0x3ff - 126 - 26 + this.below(30));
      case 11:
        return at(0x3ff + 126 + this.below(4));
      case 12:
        return sign | (BigInt(0x3fe + this.below(66)) << 52n) | (fraction & (-1n << BigInt(this.below(52))));
      default:
        return at(0x3ff - 30 + this.below(60));
    }
  }

  /** Bits of a binary32. */
  single(): number {
    const sign = this.below(2) << 31;
    const fraction = Number(this.quad() & 0x7fffffn);
    const at = (e: number): number => (sign | (e << 23) | fraction) >>> 0;
    switch (this.below(14)) {
      case 0:
        return sign >>> 0;
      case 1:
        return (sign | 0x7f800000) >>> 0;
      case 2:
        return (at(0xff) | 0x400000) >>> 0;
      case 3:
        return ((at(0xff) & ~0x400000) | 1) >>> 0;
      case 4:
        return at(0);
      case 5:
        return at(1 + this.below(3));
      case 6:
        return at(0xfe - this.below(3));
      case 7:
        return at(this.below(0xff));
      case 8:
        return (sign | 0x3f800000) >>> 0;
      case 9:
        return at(0x7f + this.below(66));
      case 10:
        return (sign | ((0x7e + this.below(34)) << 23) | (fraction & (-1 << this.below(23)))) >>> 0;
      default:
        return at(0x7f - 16 + this.below(32));
    }
  }
}

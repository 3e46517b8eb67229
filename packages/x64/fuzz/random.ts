/** Random numbers, the same for the same seed, and values that are often at a border. */

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** 32 random bits. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return Math.imul(x, 0x9e3779b1) >>> 0;
  }

  below(limit: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * limit);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

/** 32 bits that are often at a border. */
export function interesting(random: Random): number {
  switch (random.below(8)) {
    case 0:
      return random.below(16);
    case 1:
      return -random.below(16);
    case 2:
      return 1 << random.below(32);
    case 3:
      return (1 << random.below(32)) - 1;
    case 4:
      return random.pick([0x7f, 0x80, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0xff, 0xffff]);
    default:
      return random.next();
  }
}

/** The low `bytes` bytes of a number, least significant first. */
export function little(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => (value >> (8 * i)) & 255);
}

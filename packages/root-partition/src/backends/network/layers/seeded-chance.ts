/** Chances that a seed decides: the same seed gives the same faults for the same frames. */
export class SeededChance {
  #state: number;

  /** @param seed - any number */
  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** A number from 0 to less than 1 (xorshift32; quality enough for faults). */
  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return this.#state / 2 ** 32;
  }

  /** Whether something with this chance, 0 to 1, happens now. */
  happens(chance: number): boolean {
    return chance > 0 && this.next() < chance;
  }
}

/** A trace of a lockstep run, as a digest: two runs with the same inputs have the same. */

/** FNV-1a over 32-bit words. */
export class Trace {
  #hash = 0x811c9dc5;
  #steps = 0;

  /** Steps so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Goes on from where another was. */
  resume(steps: number, hash: number): void {
    this.#steps = steps;
    this.#hash = hash | 0;
  }

  /** The digest of all of them, 32 bits. */
  get hash(): number {
    return this.#hash >>> 0;
  }

  /** Adds one step: who ran, when, for how long, and how often doorbells had been rung then. */
  step(participant: number, time: number, ticks: number, rung: number): void {
    this.#steps++;
    this.#mix(participant);
    this.#mix(time % 2 ** 32);
    this.#mix(ticks);
    this.#mix(rung);
  }

  /** Adds registers, as they are after a step. */
  words(words: Int32Array): void {
    for (let i = 0; i < words.length; i++) this.#mix(words[i]!);
  }

  /** Adds bytes that left the machine. */
  bytes(data: Uint8Array): void {
    for (const byte of data) this.#mix(byte);
  }

  /** Steps so far and the digest of all of them. */
  inspect(): { steps: number; digest: string } {
    return { steps: this.#steps, digest: (this.#hash >>> 0).toString(16).padStart(8, '0') };
  }

  #mix(word: number): void {
    this.#hash = Math.imul(this.#hash ^ word, 0x01000193);
  }
}

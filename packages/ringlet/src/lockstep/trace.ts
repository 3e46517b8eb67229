/** A trace of a lockstep run, as a digest: two runs with the same inputs have the same. */

/** FNV-1a over 32-bit words. */
export class Trace {
  #hash = 0x811c9dc5;
  #steps = 0;

  /** Adds one step: who ran, when, and what came of it. */
  step(participant: number, time: number, outcome: number): void {
    this.#steps++;
    this.#mix(participant);
    this.#mix(time % 2 ** 32);
    this.#mix(outcome);
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

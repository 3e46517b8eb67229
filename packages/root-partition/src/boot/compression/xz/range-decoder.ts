/**
 * The range decoder of LZMA: takes single bits out of a number of arbitrary precision, each with its own probability.
 *
 * `range` is the width of the current interval and `code` the place in it; both are unsigned 32-bit. A probability is
 * that of a 0, in 1/2048, and moves towards each decoded bit by a thirty-second of what is missing.
 */
import { damaged } from '../../damaged.ts';

/** Probability of one half: where every adaptive bit starts. */
export const EVEN = 1024;

const MODEL_BITS = 11;
const ADAPTATION = 5;
/** Below this the interval is too narrow for one more bit: shift in a byte. */
const NARROW = 2 ** 24;
/** Bytes that start a chunk: a zero and the first `code`. */
const START = 5;

/** Decodes the bits of one LZMA chunk after another. */
export class RangeDecoder {
  #input: Uint8Array = new Uint8Array();
  #position = 0;
  #end = 0;
  #range = 0;
  #code = 0;

  /** Begins a chunk: bytes `from` to `end` of `input`. */
  start(input: Uint8Array, from: number, end: number): void {
    if (end - from < START) throw damaged('XZ', 'an LZMA chunk is cut short');
    if (input[from] !== 0) throw damaged('XZ', 'an LZMA chunk does not start with a zero');
    this.#input = input;
    this.#range = 0xffffffff;
    this.#code =
      ((input[from + 1]! << 24) | (input[from + 2]! << 16) | (input[from + 3]! << 8) | input[from + 4]!) >>> 0;
    this.#position = from + START;
    this.#end = end;
  }

  /** Whether the chunk was used up exactly, as it must be after its last symbol. */
  get finished(): boolean {
    this.#fill();
    return this.#position === this.#end && this.#code === 0;
  }

  /** One bit under the probability at `index`, which adapts. */
  bit(probabilities: Uint16Array, index: number): number {
    this.#fill();
    const probability = probabilities[index]!;
    const bound = (this.#range >>> MODEL_BITS) * probability;
    if (this.#code < bound) {
      this.#range = bound;
      probabilities[index] = probability + ((2048 - probability) >> ADAPTATION);
      return 0;
    }
    this.#range -= bound;
    this.#code -= bound;
    probabilities[index] = probability - (probability >> ADAPTATION);
    return 1;
  }

  /** `count` bits, most significant first, through a tree of probabilities at `base`. */
  tree(probabilities: Uint16Array, base: number, count: number): number {
    let node = 1;
    for (let i = 0; i < count; i++) node = (node << 1) | this.bit(probabilities, base + node);
    return node - (1 << count);
  }

  /** `count` bits, least significant first, through a tree of probabilities at `base`. */
  reverseTree(probabilities: Uint16Array, base: number, count: number): number {
    let node = 1;
    let value = 0;
    for (let i = 0; i < count; i++) {
      const bit = this.bit(probabilities, base + node);
      node = (node << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  /** `count` bits of even probability, most significant first. */
  direct(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      this.#fill();
      this.#range >>>= 1;
      const bit = this.#code >= this.#range ? 1 : 0;
      if (bit === 1) this.#code -= this.#range;
      value = (value << 1) | bit;
    }
    return value;
  }

  /** Widens the interval by a byte when it is narrow. Input that is used up yields zeros: {@link finished} tells. */
  #fill(): void {
    if (this.#range >= NARROW) return;
    const next = this.#position < this.#end ? this.#input[this.#position]! : 0;
    this.#position++;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | next) >>> 0;
  }
}

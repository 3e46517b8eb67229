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

  /**
   * `count` bits, most significant first, through a tree of probabilities at `base`.
   *
   * The interval is kept in locals, here and in {@link direct}: most of the time goes into these loops.
   *
   * @param node - where in the tree to start: 1, or 1 followed by bits decoded already
   * @returns the node reached: 1 followed by all bits
   */
  tree(probabilities: Uint16Array, base: number, count: number, node = 1): number {
    let range = this.#range;
    let code = this.#code;
    const end = 1 << count;
    while (node < end) {
      if (range < NARROW) {
        range = (range << 8) >>> 0;
        code = ((code << 8) | this.#next()) >>> 0;
      }
      const probability = probabilities[base + node]!;
      const bound = (range >>> MODEL_BITS) * probability;
      if (code < bound) {
        range = bound;
        probabilities[base + node] = probability + ((2048 - probability) >> ADAPTATION);
        node <<= 1;
      } else {
        range -= bound;
        code -= bound;
        probabilities[base + node] = probability - (probability >> ADAPTATION);
        node = (node << 1) | 1;
      }
    }
    this.#range = range;
    this.#code = code;
    return node;
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
    let range = this.#range;
    let code = this.#code;
    let value = 0;
    for (let i = 0; i < count; i++) {
      if (range < NARROW) {
        range = (range << 8) >>> 0;
        code = ((code << 8) | this.#next()) >>> 0;
      }
      range >>>= 1;
      const bit = code >= range ? 1 : 0;
      if (bit === 1) code -= range;
      value = (value << 1) | bit;
    }
    this.#range = range;
    this.#code = code;
    return value;
  }

  /** Widens the interval by a byte when it is narrow. */
  #fill(): void {
    if (this.#range >= NARROW) return;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  /** The next byte. Input that is used up yields zeros: {@link finished} tells. */
  #next(): number {
    const at = this.#position++;
    return at < this.#end ? this.#input[at]! : 0;
  }
}

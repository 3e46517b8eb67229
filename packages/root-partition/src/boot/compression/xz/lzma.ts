/**
 * LZMA: literals and matches, each choice a bit under its own probability. Decodes what one LZMA2 chunk holds.
 *
 * Follows the LZMA specification of the LZMA SDK. All probabilities lie in one array:
 *
 *        0  match or literal          [12 states][16 positions]
 *      192  new or repeated distance  [12]
 *      204  repeated: latest or older [12]    then 2nd or older, 3rd or 4th: [12] each
 *      240  latest, but one byte only [12][16]
 *      432  distance slot             [4 lengths][64]
 *      688  middle distances          [128]
 *      816  lowest four distance bits [16]
 *      832  lengths of new matches    choice, choice, [16][8], [16][8], [256]
 *     1346  lengths of repeated ones  the same
 *     1860  literals                  [up to 16 contexts][0x300]
 */
import { damaged } from '../../damaged.ts';
import { EVEN, RangeDecoder } from './range-decoder.ts';
import type { Window } from './window.ts';

const IS_MATCH = 0;
const IS_REPEAT = 192;
const NOT_LATEST = 204;
const NOT_SECOND = 216;
const NOT_THIRD = 228;
const LATEST_IS_LONG = 240;
const DISTANCE_SLOT = 432;
const MIDDLE_DISTANCE = 688;
const LOW_DISTANCE = 816;
const MATCH_LENGTH = 832;
const REPEAT_LENGTH = 1346;
const LITERAL = 1860;

/** Within a length coder. */
const LENGTH_LOW = 2;
const LENGTH_MIDDLE = 130;
const LENGTH_HIGH = 258;

/** Probabilities of one literal context. */
const LITERAL_CONTEXT = 0x300;
/** Most literal contexts LZMA2 allows: 2 to the power of 4. */
const LITERAL_CONTEXTS = 16;
const SHORTEST_MATCH = 2;
/** States below this one follow a literal. */
const AFTER_LITERAL = 7;

/** One LZMA decoder; its state and probabilities last from chunk to chunk until reset. */
export class LzmaDecoder {
  readonly #probabilities = new Uint16Array(LITERAL + LITERAL_CONTEXTS * LITERAL_CONTEXT);
  readonly #decoder = new RangeDecoder();
  #literalContextBits = 0;
  #literalPositionMask = 0;
  #positionMask = 0;
  #state = 0;
  /** The last four distances, latest first. */
  #distance0 = 1;
  #distance1 = 1;
  #distance2 = 1;
  #distance3 = 1;
  /** Bytes since the last reset of the dictionary: positions are counted from there. */
  #position = 0;

  /** Sets lc, lp and pb from their byte. LZMA2 allows lc + lp of 4 at most. */
  setProperties(byte: number): void {
    const contextBits = byte % 9;
    const positionBits = Math.floor(byte / 9) % 5;
    if (byte >= 9 * 5 * 5 || contextBits + positionBits > 4) throw damaged('XZ', 'LZMA properties are out of range');
    this.#literalContextBits = contextBits;
    this.#literalPositionMask = (1 << positionBits) - 1;
    this.#positionMask = (1 << Math.floor(byte / 45)) - 1;
  }

  /** Back to even probabilities and no history of distances. */
  resetState(): void {
    this.#probabilities.fill(EVEN);
    this.#state = 0;
    this.#distance0 = this.#distance1 = this.#distance2 = this.#distance3 = 1;
  }

  /** The dictionary was emptied: positions count from 0 again. */
  resetPosition(): void {
    this.#position = 0;
  }

  /** Counts bytes that went to the dictionary without this decoder. */
  skip(length: number): void {
    this.#position += length;
  }

  /** Decodes bytes `from` to `end` of `input`, which must hold exactly `length` plain bytes. */
  decode(input: Uint8Array, from: number, end: number, window: Window, length: number): void {
    const decoder = this.#decoder;
    const probabilities = this.#probabilities;
    decoder.start(input, from, end);
    const until = window.position + length;
    const bias = this.#position - window.position;
    while (window.position < until) {
      const phase = (window.position + bias) & this.#positionMask;
      if (decoder.bit(probabilities, IS_MATCH + (this.#state << 4) + phase) === 0) {
        this.#literal(window, window.position + bias);
        continue;
      }
      const count =
        decoder.bit(probabilities, IS_REPEAT + this.#state) === 0 ? this.#match(phase) : this.#repeat(phase);
      if (count > until - window.position) throw damaged('XZ', 'a match leaves its chunk');
      window.repeat(this.#distance0, count);
    }
    this.#position += length;
    if (!decoder.finished) throw damaged('XZ', 'an LZMA chunk is longer or shorter than it says');
  }

  /** One literal byte. After a match, the byte that the match would have gone on with guides the guess. */
  #literal(window: Window, position: number): void {
    const decoder = this.#decoder;
    const probabilities = this.#probabilities;
    const { bytes } = window;
    const at = window.position;
    const before = position === 0 ? 0 : bytes[at - 1]!;
    const high = (position & this.#literalPositionMask) << this.#literalContextBits;
    const context = LITERAL + LITERAL_CONTEXT * (high + (before >> (8 - this.#literalContextBits)));
    let symbol = 1;
    if (this.#state >= AFTER_LITERAL) {
      let guess = bytes[at - this.#distance0]!;
      while (symbol < 0x100) {
        const expected = (guess >> 7) & 1;
        guess <<= 1;
        const bit = decoder.bit(probabilities, context + ((1 + expected) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (bit !== expected) break;
      }
    }
    if (symbol < 0x100) symbol = decoder.tree(probabilities, context, 8, symbol);
    bytes[at] = symbol;
    window.position = at + 1;
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  /** A match at a new distance. @returns its length. */
  #match(phase: number): number {
    const decoder = this.#decoder;
    const probabilities = this.#probabilities;
    const length = this.#length(MATCH_LENGTH, phase);
    this.#state = this.#state < AFTER_LITERAL ? 7 : 10;
    const slots = DISTANCE_SLOT + (Math.min(length - SHORTEST_MATCH, 3) << 6);
    const slot = decoder.tree(probabilities, slots, 6) - 64;
    let distance = slot;
    if (slot >= 4) {
      const bits = (slot >> 1) - 1;
      const top = (2 | (slot & 1)) << bits;
      const low =
        slot < 14
          ? decoder.reverseTree(probabilities, MIDDLE_DISTANCE + top - slot, bits)
          : (decoder.direct(bits - 4) << 4) + decoder.reverseTree(probabilities, LOW_DISTANCE, 4);
      distance = (top + low) >>> 0;
    }
    // The distance that would mean "end of data" is beyond every dictionary, so the window refuses it.
    this.#distance3 = this.#distance2;
    this.#distance2 = this.#distance1;
    this.#distance1 = this.#distance0;
    this.#distance0 = distance + 1;
    return length;
  }

  /** A match at one of the last four distances, which becomes the latest. @returns its length. */
  #repeat(phase: number): number {
    const decoder = this.#decoder;
    const probabilities = this.#probabilities;
    const state = this.#state;
    if (decoder.bit(probabilities, NOT_LATEST + state) === 0) {
      if (decoder.bit(probabilities, LATEST_IS_LONG + (state << 4) + phase) === 0) {
        this.#state = state < AFTER_LITERAL ? 9 : 11;
        return 1;
      }
    } else {
      let distance = this.#distance1;
      if (decoder.bit(probabilities, NOT_SECOND + state) === 1) {
        distance = this.#distance2;
        if (decoder.bit(probabilities, NOT_THIRD + state) === 1) {
          distance = this.#distance3;
          this.#distance3 = this.#distance2;
        }
        this.#distance2 = this.#distance1;
      }
      this.#distance1 = this.#distance0;
      this.#distance0 = distance;
    }
    this.#state = state < AFTER_LITERAL ? 8 : 11;
    return this.#length(REPEAT_LENGTH, phase);
  }

  /** A match length: 2 to 9, 10 to 17, or 18 to 273. */
  #length(base: number, phase: number): number {
    const decoder = this.#decoder;
    const probabilities = this.#probabilities;
    if (decoder.bit(probabilities, base) === 0) {
      return SHORTEST_MATCH + decoder.tree(probabilities, base + LENGTH_LOW + (phase << 3), 3) - 8;
    }
    if (decoder.bit(probabilities, base + 1) === 0) {
      return SHORTEST_MATCH + decoder.tree(probabilities, base + LENGTH_MIDDLE + (phase << 3), 3);
    }
    return SHORTEST_MATCH + 16 + decoder.tree(probabilities, base + LENGTH_HIGH, 8) - 256;
  }
}

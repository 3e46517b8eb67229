/**
 * LZMA2: a sequence of chunks, each plain or LZMA, with marks where dictionary, state or properties start anew.
 *
 *     00                                              end
 *     01 or 02 | size-1 u16                 | data    plain; 01 empties the dictionary first
 *     1RRSSSSS | size-1 u16 | packed-1 u16 | [props] | data    S: bits 16 to 20 of size-1
 *
 * R: 0 go on, 1 reset state, 2 also new properties, 3 also empty the dictionary. Sizes are big-endian.
 */
import { damaged } from '../../damaged.ts';
import { LzmaDecoder } from './lzma.ts';
import { Window } from './window.ts';

/** Most plain bytes of a chunk. */
const LARGEST_CHUNK = 2 ** 21;

const Reset = { State: 1, Properties: 2, Dictionary: 3 } as const;

/** Decodes the LZMA2 data of one block. */
export class Lzma2Decoder {
  readonly #lzma = new LzmaDecoder();
  readonly #window: Window;
  readonly #input: Uint8Array;
  /** Next byte of the input; after {@link chunks} is done, the byte after the end mark. */
  position: number;

  /**
   * @param input - holds the data from `position` on
   * @param dictionary - size in bytes that the data was compressed for
   */
  constructor(input: Uint8Array, position: number, dictionary: number) {
    this.#input = input;
    this.position = position;
    this.#window = new Window(dictionary, LARGEST_CHUNK);
  }

  /** Yields the plain data chunk by chunk. Each is good until the next is asked for. @throws UserError `file-damaged` */
  *chunks(): Generator<Uint8Array, void> {
    let needsDictionary = true;
    let needsProperties = true;
    for (let control = this.#byte(); control !== 0; control = this.#byte()) {
      const packed = control >= 0x80;
      const reset = packed ? (control >> 5) & 3 : control === 1 ? Reset.Dictionary : 0;
      if (!packed && control > 2) throw damaged('XZ', `LZMA2 has no chunk of kind ${control}`);
      if (reset === Reset.Dictionary) {
        this.#window.reset();
        this.#lzma.resetPosition();
        needsDictionary = false;
        needsProperties = true;
      } else if (needsDictionary) throw damaged('XZ', 'the first LZMA2 chunk goes on from a dictionary');

      const length = (packed ? (control & 0x1f) << 16 : 0) + this.#half() + 1;
      this.#window.begin(length);
      if (packed) {
        const size = this.#half() + 1;
        if (reset >= Reset.Properties) {
          this.#lzma.setProperties(this.#byte());
          needsProperties = false;
        } else if (needsProperties) throw damaged('XZ', 'an LZMA2 chunk goes on from properties that were not given');
        if (reset >= Reset.State) this.#lzma.resetState();
        const from = this.#take(size);
        this.#lzma.decode(this.#input, from, from + size, this.#window, length);
      } else {
        const from = this.#take(length);
        this.#window.append(this.#input.subarray(from, from + length));
        this.#lzma.skip(length);
      }
      yield this.#window.end();
    }
  }

  #byte(): number {
    return this.#input[this.#take(1)]!;
  }

  #half(): number {
    const at = this.#take(2);
    return (this.#input[at]! << 8) | this.#input[at + 1]!;
  }

  /** Steps over `count` bytes. @returns where they start. */
  #take(count: number): number {
    const at = this.position;
    if (count > this.#input.length - at) throw damaged('XZ', 'LZMA2 data is cut short');
    this.position = at + count;
    return at;
  }
}

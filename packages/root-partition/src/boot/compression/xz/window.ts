/**
 * The window of an LZ77 decoder: the bytes that matches may refer to, and room for those of one more chunk.
 *
 *     0            chunk start     position              size of the buffer
 *     | dictionary | this chunk    | free                |
 *
 * When a chunk would not fit, the last `dictionary` bytes move to the start. So a chunk is contiguous, and nothing but
 * {@link Window.begin} has to know that the buffer ends.
 */
import { damaged } from '../../damaged.ts';

/** Dictionary and output of one block. */
export class Window {
  readonly #dictionary: number;
  readonly #chunk: number;
  /** The bytes; `position` is where the next one goes. Decoders read and write here directly. */
  bytes = new Uint8Array();
  position = 0;
  #start = 0;
  /** Bytes before `position` that a match may reach. */
  #history = 0;

  /**
   * @param dictionary - farthest distance of a match
   * @param chunk - most bytes of one chunk
   */
  constructor(dictionary: number, chunk: number) {
    this.#dictionary = dictionary;
    this.#chunk = chunk;
  }

  /** Makes room for a chunk of `length` bytes, at most what the constructor was told. */
  begin(length: number): void {
    if (this.position + length > this.bytes.length) this.#makeRoom(length);
    this.#start = this.position;
  }

  /** Forgets what came before: no match may reach it. */
  reset(): void {
    this.#history = 0;
  }

  /** The bytes since {@link begin}. Good until the next `begin`. */
  end(): Uint8Array {
    this.#history += this.position - this.#start;
    return this.bytes.subarray(this.#start, this.position);
  }

  /** Appends `length` bytes from `distance` bytes back; they may overlap what is appended. */
  repeat(distance: number, length: number): void {
    if (distance > this.#dictionary || distance > this.#history + (this.position - this.#start)) {
      throw damaged('XZ', 'a match reaches before its dictionary');
    }
    const { bytes, position } = this;
    for (let i = 0; i < length; i++) bytes[position + i] = bytes[position + i - distance]!;
    this.position = position + length;
  }

  /** Appends plain bytes. */
  append(source: Uint8Array): void {
    this.bytes.set(source, this.position);
    this.position += source.length;
  }

  /** Grows up to dictionary and chunk, doubling, and from then on moves the dictionary to the start. */
  #makeRoom(length: number): void {
    const most = this.#dictionary + this.#chunk;
    const kept = Math.min(this.position, this.#dictionary);
    if (this.bytes.length < most) {
      const grown = new Uint8Array(Math.min(most, Math.max(2 * this.bytes.length, this.position + length)));
      grown.set(this.bytes.subarray(this.position - kept, this.position));
      this.bytes = grown;
    } else {
      this.bytes.copyWithin(0, this.position - kept, this.position);
    }
    this.position = kept;
  }
}

/**
 * A guest's console: bytes it prints, one hypercall each, gathered into messages.
 *
 * Bounded: when the managing thread has not taken what was posted before, the guest is told that there is no room and
 * tries again, so a guest that prints without end waits instead of filling the host's memory.
 */

const CHUNK_BYTES = 16_384;
const MOST_BYTES_UNTAKEN = 1024 * 1024;

/** Collects console bytes and hands them on. */
export class ConsoleOutput {
  readonly #post: (bytes: Uint8Array) => void;
  readonly #buffer = new Uint8Array(CHUNK_BYTES);
  #length = 0;
  #untaken = 0;

  /** @param post - receives a fresh array that becomes the receiver's */
  constructor(post: (bytes: Uint8Array) => void) {
    this.#post = post;
  }

  /** Takes one byte. @returns false when there is no room now. */
  put(byte: number): boolean {
    if (this.#untaken >= MOST_BYTES_UNTAKEN) return false;
    this.#buffer[this.#length++] = byte;
    if (this.#length === CHUNK_BYTES) this.flush();
    return true;
  }

  /** Hands on what is there. Called whenever the guest has nothing more to do. */
  flush(): void {
    if (this.#length === 0) return;
    this.#untaken += this.#length;
    this.#post(this.#buffer.slice(0, this.#length));
    this.#length = 0;
  }

  /** The receiver is done with `bytes` bytes. */
  taken(bytes: number): void {
    this.#untaken -= bytes;
  }
}

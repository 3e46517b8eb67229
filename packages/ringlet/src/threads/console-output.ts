/**
 * A guest's console: bytes it prints, one by one, gathered into messages.
 *
 * Bounded: when the managing thread has not taken what was posted before, the guest is told that there is no room and
 * tries again, so a guest that prints without end waits instead of filling the host's memory.
 */

const CHUNK_BYTES = 16_384;
/** Lines that are handed on at once between two {@link ConsoleOutput.flush}: a guest that computes has printed first. */
const LINES_AT_ONCE = 64;
const NEWLINE = 0x0a;
const MOST_BYTES_UNTAKEN = 1024 * 1024;
/** Above this the guest should wait, if it can be made to; what it has on the way still fits. */
const FULL = MOST_BYTES_UNTAKEN - 64 * 1024;

/** Collects console bytes and hands them on. */
export class ConsoleOutput {
  readonly #post: (bytes: Uint8Array) => void;
  readonly #buffer = new Uint8Array(CHUNK_BYTES);
  #length = 0;
  #lines = LINES_AT_ONCE;
  #untaken = 0;

  /** @param post - receives a fresh array that becomes the receiver's */
  constructor(post: (bytes: Uint8Array) => void) {
    this.#post = post;
  }

  /** Whether nobody takes what is printed. */
  get full(): boolean {
    return this.#untaken >= FULL;
  }

  /** Takes one byte. @returns false when there is no room now. */
  put(byte: number): boolean {
    if (this.#untaken >= MOST_BYTES_UNTAKEN) return false;
    this.#buffer[this.#length++] = byte;
    const line = byte === NEWLINE && this.#lines > 0;
    if (line) this.#lines--;
    if (line || this.#length === CHUNK_BYTES) this.#send();
    return true;
  }

  /** Hands on what is there. Called whenever the guest has nothing more to do. */
  flush(): void {
    this.#lines = LINES_AT_ONCE;
    this.#send();
  }

  /** The receiver is done with `bytes` bytes. */
  taken(bytes: number): void {
    this.#untaken -= bytes;
  }

  #send(): void {
    if (this.#length === 0) return;
    this.#untaken += this.#length;
    this.#post(this.#buffer.slice(0, this.#length));
    this.#length = 0;
  }
}

/** Keys for a machine in another process: in order, one message at a time, with what was typed meanwhile in the next. */

/** Bytes of one message: in base64 they fit the longest `write`. */
const MOST_BYTES = 16 * 1024;

/** Sends keys through a control socket. */
export class Typist {
  readonly #send: (base64: string) => Promise<unknown>;
  #waiting: Buffer = Buffer.alloc(0);
  #sending = false;

  /** @param send - delivers bytes in base64; when it rejects the machine is gone, and so is what was typed for it */
  constructor(send: (base64: string) => Promise<unknown>) {
    this.#send = send;
  }

  type(bytes: Uint8Array): void {
    this.#waiting = Buffer.concat([this.#waiting, bytes]);
    if (!this.#sending) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#waiting.length > 0) {
        const next = this.#waiting.subarray(0, MOST_BYTES);
        this.#waiting = this.#waiting.subarray(next.length);
        await this.#send(next.toString('base64'));
      }
    } catch {
      this.#waiting = Buffer.alloc(0);
    } finally {
      this.#sending = false;
    }
  }
}

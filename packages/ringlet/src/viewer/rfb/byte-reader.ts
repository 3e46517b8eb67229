/** ByteReader: bytes that arrive in pieces, read as many as are wanted. */

/** Bytes that may wait: a viewer that sends more than it is read for is not one. */
const MOST_WAITING = 1024 * 1024;

/** Thrown by {@link ByteReader.read} when the other end is gone, or sends nonsense. */
export class ViewerGone extends Error {}

/** One reader at a time. */
export class ByteReader {
  #pieces: Buffer[] = [];
  #length = 0;
  #wanted: { readonly count: number; resolve: (bytes: Buffer) => void; reject: (error: Error) => void } | undefined;
  #gone: ViewerGone | undefined;

  /** Bytes have arrived. */
  push(piece: Uint8Array): void {
    if (this.#gone) return;
    if (this.#length + piece.length > MOST_WAITING) return this.end('it sends faster than it is served');
    this.#pieces.push(Buffer.from(piece));
    this.#length += piece.length;
    this.#serve();
  }

  /** Nothing arrives any more; what has arrived is not of interest either. */
  end(why = 'it has left'): void {
    this.#gone ??= new ViewerGone(why);
    this.#pieces = [];
    this.#wanted?.reject(this.#gone);
    this.#wanted = undefined;
  }

  /** The next `count` bytes, once they are there. @throws ViewerGone */
  read(count: number): Promise<Buffer> {
    if (this.#gone) return Promise.reject(this.#gone);
    return new Promise((resolve, reject) => {
      this.#wanted = { count, resolve, reject };
      this.#serve();
    });
  }

  /** Reads over `count` bytes, however many. @throws ViewerGone */
  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 4096) await this.read(Math.min(left, 4096));
  }

  #serve(): void {
    if (this.#wanted === undefined || this.#length < this.#wanted.count) return;
    const { count, resolve } = this.#wanted;
    const all = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#pieces = all.length === count ? [] : [all.subarray(count)];
    this.#length -= count;
    this.#wanted = undefined;
    resolve(all.subarray(0, count));
  }
}

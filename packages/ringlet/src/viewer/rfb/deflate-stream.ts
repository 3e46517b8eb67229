/** DeflateStream: one zlib stream that is flushed after each piece, as encodings of the protocol share one per viewer. */
import { constants, createDeflate, type Deflate } from 'node:zlib';

/** Fast: pictures are of few colours, and the viewer is near. */
const LEVEL = 3;

/** Compresses pieces. One at a time: await each before the next. */
export class DeflateStream {
  readonly #deflate: Deflate = createDeflate({ level: LEVEL });
  #pieces: Buffer[] = [];
  #failed: Error | undefined;

  constructor() {
    this.#deflate.on('data', (piece: Buffer) => this.#pieces.push(piece));
    this.#deflate.on('error', (error) => (this.#failed = error));
  }

  /** Everything that a reader needs to have all of `bytes`. */
  async compress(bytes: Uint8Array): Promise<Buffer> {
    this.#deflate.write(bytes);
    await new Promise<void>((flushed) => this.#deflate.flush(constants.Z_SYNC_FLUSH, () => flushed()));
    if (this.#failed) throw this.#failed;
    const compressed = Buffer.concat(this.#pieces);
    this.#pieces = [];
    return compressed;
  }

  close(): void {
    this.#deflate.destroy();
  }
}

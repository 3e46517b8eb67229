/** Writes many small things to a socket as few large ones, without making anything anew for each. */
import type { Socket } from 'node:net';

const CHUNK = 64 * 1024;
/** Chunks kept for use again by all sockets of the thread. */
const MOST_SPARE_CHUNKS = 64;
/** As much as this is copied out of its chunk, so that many slow sockets do not hold a chunk each. */
const SMALL = 4096;
const spareChunks: Buffer[] = [];

/** The writing end of one socket. What is written goes out at {@link flush}, or when a chunk is full. */
export class ChunkedWriter {
  /** Bytes written that the host has not taken yet. */
  pending = 0;
  readonly #socket: Socket;
  readonly #drained: () => void;
  #chunk: Buffer | undefined;
  #fill = 0;
  #closed = false;

  /** @param drained - called when some of what was written has been taken */
  constructor(socket: Socket, drained: () => void) {
    this.#socket = socket;
    this.#drained = drained;
  }

  /** Takes a copy of `bytes[start, end)`. */
  write(bytes: Uint8Array, start: number, end: number): void {
    if (this.#closed) return;
    this.pending += end - start;
    for (let at = start; at < end;) {
      this.#chunk ??= spareChunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK);
      const count = Math.min(end - at, CHUNK - this.#fill);
      this.#chunk.set(count === bytes.length ? bytes : bytes.subarray(at, at + count), this.#fill);
      this.#fill += count;
      at += count;
      if (this.#fill === CHUNK) this.flush();
    }
  }

  /** Lets what has gathered go out. */
  flush(): void {
    const chunk = this.#chunk;
    const count = this.#fill;
    if (!chunk || count === 0 || this.#closed) return;
    this.#fill = 0;
    if (count <= SMALL) {
      this.#socket.write(Buffer.from(chunk.subarray(0, count)), () => this.#taken(count));
      return;
    }
    this.#chunk = undefined;
    this.#socket.write(chunk.subarray(0, count), () => {
      spare(chunk);
      this.#taken(count);
    });
  }

  #taken(count: number): void {
    this.pending -= count;
    if (!this.#closed) this.#drained();
  }

  /** Nothing more will be written: what has not gone out does not. */
  close(): void {
    this.#closed = true;
    if (this.#chunk) spare(this.#chunk);
    this.#chunk = undefined;
    this.#fill = 0;
  }
}

function spare(chunk: Buffer): void {
  if (spareChunks.length < MOST_SPARE_CHUNKS) spareChunks.push(chunk);
}

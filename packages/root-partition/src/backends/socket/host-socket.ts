/** A Unix socket of the host as a {@link ByteStream}. */
import type { Socket } from 'node:net';
import type { ByteStream, ByteStreamEvents } from './byte-stream.ts';

/** How long a peer that does not read may keep bytes waiting after everybody else has gone. */
const LINGER_MS = 10_000;

/** Wraps a connected socket that was made with `allowHalfOpen`. */
export class HostSocket implements ByteStream {
  readonly #socket: Socket;
  #events: ByteStreamEvents | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    // Until somebody listens: an error of a socket that nobody listens to would end the process.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      const events = this.#events;
      this.#events = undefined;
      events?.closed();
    });
  }

  start(events: ByteStreamEvents): void {
    this.#events = events;
    const socket = this.#socket;
    socket.on('data', (bytes: Buffer) => this.#events?.data(bytes));
    socket.on('end', () => this.#events?.end());
    socket.on('drain', () => this.#events?.drained());
    socket.resume();
    // It may have gone between its connection and now, when nobody listened.
    if (socket.destroyed) queueMicrotask(() => events.closed());
  }

  write(bytes: Uint8Array): boolean {
    if (this.#socket.destroyed || this.#socket.writableEnded) return true;
    return this.#socket.write(Uint8Array.from(bytes));
  }

  end(): void {
    this.#socket.end();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  release(): void {
    this.#events = undefined;
    const socket = this.#socket;
    if (socket.destroyed) return;
    // What it still sends is not wanted, but unread it would keep the socket.
    socket.removeAllListeners('data').resume();
    socket.setTimeout(LINGER_MS, () => socket.destroy());
    socket.end(() => socket.destroy());
  }
}

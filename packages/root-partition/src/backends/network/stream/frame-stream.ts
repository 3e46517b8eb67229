/** A socket that carries frames, in both directions. */
import type { Socket } from 'node:net';
import type { NetworkClock } from '../network-clock.ts';
import { write32 } from '../packet/bytes.ts';
import { ChunkedWriter } from './chunked-writer.ts';
import { FRAME_PREFIX, FrameReader } from './frame-reader.ts';

/** Bytes that may wait for a peer that reads slowly; further frames are dropped, as a cable would. */
const MOST_WAITING = 1024 * 1024;

/** What the owner of a stream is told. */
export interface FrameStreamEvents {
  /** The bytes are only valid during the call. */
  frame(frame: Uint8Array): void;
  /** The peer is gone; `why` is for people. Called once, unless {@link FrameStream.close} was. */
  closed(why: string): void;
}

/** One end. */
export class FrameStream {
  readonly #socket: Socket;
  readonly #clock: NetworkClock;
  readonly #writer: ChunkedWriter;
  readonly #prefix = new Uint8Array(FRAME_PREFIX);
  #flushing = false;
  #closed = false;

  constructor(socket: Socket, clock: NetworkClock, events: FrameStreamEvents) {
    this.#socket = socket;
    this.#clock = clock;
    this.#writer = new ChunkedWriter(socket, () => {});
    const reader = new FrameReader((frame) => {
      if (!this.#closed) events.frame(frame);
    });
    let why = 'the other end has closed it';
    socket.on('error', (error) => (why = error.message));
    socket.on('data', (bytes) => {
      if (this.#closed || reader.push(bytes)) return;
      why = 'the other end sends what are no frames';
      socket.destroy();
    });
    socket.on('close', () => {
      if (this.#closed) return;
      this.#closed = true;
      this.#writer.close();
      events.closed(why);
    });
  }

  /** Sends a frame. @returns false when it was dropped: the other end reads too slowly, or is gone */
  send(frame: Uint8Array): boolean {
    if (this.#closed || this.#writer.pending > MOST_WAITING) return false;
    write32(this.#prefix, 0, frame.length);
    this.#writer.write(this.#prefix, 0, FRAME_PREFIX);
    this.#writer.write(frame, 0, frame.length);
    if (!this.#flushing) {
      this.#flushing = true;
      this.#clock.soon(this.#flush);
    }
    return true;
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    this.#writer.flush();
  };

  /** Ends it: what was sent goes out, nothing more is heard. */
  close(): void {
    if (this.#closed) return;
    this.#writer.flush();
    this.#closed = true;
    this.#writer.close();
    this.#socket.end();
    this.#socket.resume();
    this.#socket.unref();
  }
}

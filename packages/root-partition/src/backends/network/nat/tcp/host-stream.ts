/**
 * The host's end of a connection: a socket, with as little made anew for each segment as Node allows.
 *
 *     to the host     segments gather in a chunk, which is written when full or when the turn ends, then used again
 *     from the host   one buffer for all sockets, where the host fills it and calls back in one step (not Windows)
 */
import { connect, type Socket } from 'node:net';
import { ChunkedWriter } from '../../stream/chunked-writer.ts';

/** What a connection does when its host end has something to say. */
export interface HostStreamEvents {
  connected(): void;
  /** Bytes came; they are only valid during the call. */
  data(bytes: Uint8Array): void;
  /** The host will send nothing more. */
  ended(): void;
  /** The host end is gone. `code` is the system's name of the reason. */
  failed(code: string): void;
  /** Some of what was written has been taken. */
  drained(): void;
}

/** One host end. */
export interface HostStream {
  events: HostStreamEvents;
  /** Bytes written that the host has not taken yet. */
  readonly pending: number;
  /** Takes a copy of `bytes[start, end)`. It goes out at {@link flush}, or earlier. */
  write(bytes: Uint8Array, start: number, end: number): void;
  flush(): void;
  /** Nothing more will be written. */
  end(): void;
  pause(): void;
  resume(): void;
  /** Ends it in both directions; the host's peer sees a reset unless both ends have finished. */
  destroy(reset: boolean): void;
}

const READ_BUFFER = 64 * 1024;
const SHARED_READ_BUFFER = process.platform === 'win32' ? undefined : Buffer.allocUnsafeSlow(READ_BUFFER);

const NO_EVENTS: HostStreamEvents = {
  connected: () => {},
  data: () => {},
  ended: () => {},
  failed: () => {},
  drained: () => {},
};

/** Begins to connect to a service of the host, or beyond it. `events` follow once they are set. */
export function connectHost(address: string, port: number): HostStream {
  const stream: { current?: SocketStream } = {};
  const socket = connect({
    host: address,
    port,
    allowHalfOpen: true,
    noDelay: true,
    onread: {
      buffer: SHARED_READ_BUFFER ?? Buffer.allocUnsafe(READ_BUFFER),
      callback: (count, bytes) => {
        stream.current?.events.data(bytes.subarray(0, count));
        return true;
      },
    },
  });
  return (stream.current = new SocketStream(socket));
}

/** A connection that the host has accepted for a guest. Nothing is read from it until {@link HostStream.resume}. */
export function acceptedHost(socket: Socket): HostStream {
  socket.pause();
  socket.setNoDelay(true);
  const stream = new SocketStream(socket);
  socket.on('data', (bytes: Buffer) => stream.events.data(bytes));
  socket.pause();
  return stream;
}

class SocketStream implements HostStream {
  events = NO_EVENTS;
  readonly #socket: Socket;
  readonly #writer: ChunkedWriter;
  #destroyed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#writer = new ChunkedWriter(socket, () => this.events.drained());
    let why = 'ECONNRESET';
    socket.on('connect', () => this.events.connected());
    socket.on('end', () => this.events.ended());
    socket.on('error', (error: NodeJS.ErrnoException) => (why = error.code ?? why));
    socket.on('close', (failed) => {
      const finished = socket.readableEnded && socket.writableFinished;
      if (!this.#destroyed && (failed || !finished)) this.events.failed(why);
    });
  }

  get pending(): number {
    return this.#writer.pending;
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    this.#writer.write(bytes, start, end);
  }

  flush(): void {
    this.#writer.flush();
  }

  end(): void {
    this.#writer.flush();
    if (!this.#destroyed) this.#socket.end();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(reset: boolean): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#writer.close();
    if (reset && !this.#socket.connecting) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }
}

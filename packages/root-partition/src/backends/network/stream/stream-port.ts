/**
 * A port whose other end is a Unix socket that carries frames: QEMU's `-netdev stream`, passt, a switch. The link is up
 * while it is connected; a connection that ends is made again.
 */
import { connect, type Socket } from 'node:net';
import { FrameFinisher } from '../finish-frame.ts';
import { LinkState } from '../link-state.ts';
import { HOST_CLOCK, type NetworkClock } from '../network-clock.ts';
import type { FrameOffload, NetworkPort } from '../network-port.ts';
import { FrameStream } from './frame-stream.ts';

/** What a port is made with. */
export interface StreamPortOptions {
  /** For people, and for `inspect`. */
  readonly kind: string;
  readonly path: string;
  readonly mtu: number;
  /** Written before the first frame of each connection. */
  readonly hello?: Uint8Array;
  /**
   * The other end answers the hello. Reads what it says first.
   *
   * @returns bytes of the answer, 0 while there are too few of them
   * @throws Error when it does not want this port
   */
  readonly answer?: (bytes: Buffer) => number;
  /** A connection that ends is made again; true when absent. */
  readonly reconnect?: boolean;
  readonly clock?: NetworkClock;
}

const RETRY_MS = 500;
/** How long an answer may take: a switch that is stopped gives none. */
const MOST_SILENT_MS = 30_000;

/** A NIC's end of such a socket. */
export class StreamPort implements NetworkPort {
  readonly link = new LinkState(false);
  readonly mtu: number;
  readonly #options: StreamPortOptions;
  readonly #clock: NetworkClock;
  readonly #finisher = new FrameFinisher();
  #stream: FrameStream | undefined;
  #socket: Socket | undefined;
  #sink: ((frame: Uint8Array, offload?: FrameOffload) => boolean) | undefined;
  #retry: () => void = () => {};
  #disposed = false;
  #lastError = '';
  #taken = true;
  readonly #counts = { framesIn: 0, framesOut: 0, droppedIn: 0, droppedOut: 0, connections: 0 };

  constructor(options: StreamPortOptions) {
    this.#options = options;
    this.#clock = options.clock ?? HOST_CLOCK;
    this.mtu = options.mtu;
  }

  /** Connects. @throws Error of the system when that fails; with `reconnect`, it goes on trying all the same */
  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#options.path);
      this.#socket = socket;
      const failed = (error: Error) => {
        this.#lastError = error.message;
        this.#tryAgain();
        reject(error);
      };
      socket.once('error', failed);
      socket.once('connect', () => {
        socket.off('error', failed);
        if (this.#disposed) return socket.destroy();
        const { hello, answer } = this.#options;
        if (hello) socket.write(hello);
        if (answer === undefined) {
          this.#connected(socket);
          return resolve();
        }
        this.#answered(socket, answer).then(() => {
          if (this.#disposed) return socket.destroy();
          this.#connected(socket);
          resolve();
        }, failed);
      });
    });
  }

  /** Settles when the other end has answered. What follows the answer is left in the socket. */
  #answered(socket: Socket, read: (bytes: Buffer) => number): Promise<void> {
    return new Promise((resolve, reject) => {
      let come = Buffer.alloc(0);
      const over = (error?: Error): void => {
        patience();
        socket.off('data', take).off('error', over).off('close', gone);
        if (error === undefined) return resolve();
        socket.on('error', () => {}).destroy();
        reject(error);
      };
      const gone = (): void => over(new Error('the other end has closed it'));
      const take = (bytes: Buffer): void => {
        come = Buffer.concat([come, bytes]);
        try {
          const length = read(come);
          if (length === 0) return;
          socket.pause();
          over();
          if (come.length > length) socket.unshift(come.subarray(length));
        } catch (error) {
          over(error as Error);
        }
      };
      const patience = this.#clock.after(MOST_SILENT_MS, () => over(new Error('the other end does not answer')));
      socket.on('data', take).on('error', over).on('close', gone);
    });
  }

  #connected(socket: Socket): void {
    this.#counts.connections++;
    socket.unref();
    this.#stream = new FrameStream(socket, this.#clock, {
      frame: (frame) => {
        if (this.#sink?.(frame) === true) this.#counts.framesIn++;
        else this.#counts.droppedIn++;
      },
      closed: (why) => {
        this.#stream = undefined;
        this.#lastError = why;
        this.link.set(false);
        this.#tryAgain();
      },
    });
    socket.resume();
    this.link.set(true);
  }

  #tryAgain(): void {
    if (this.#disposed || this.#options.reconnect === false) return;
    this.#retry = this.#clock.after(RETRY_MS, () => void this.connect().catch(() => {}));
  }

  readonly #sendFinished = (frame: Uint8Array): void => {
    if (this.#stream?.send(frame) === true) {
      this.#counts.framesOut++;
    } else {
      this.#counts.droppedOut++;
      this.#taken = false;
    }
  };

  send(frame: Uint8Array, offload?: FrameOffload): boolean {
    this.#taken = true;
    if (this.#finisher.finish(frame, offload, this.#sendFinished) === 0) {
      this.#counts.droppedOut++;
      return false;
    }
    return this.#taken;
  }

  onReceive(sink: ((frame: Uint8Array, offload?: FrameOffload) => boolean) | undefined): void {
    this.#sink = sink;
  }

  inspect(): Record<string, unknown> {
    const { kind, path } = this.#options;
    const trouble = !this.link.up && this.#lastError !== '' ? { trouble: this.#lastError } : {};
    return { kind, path, mtu: this.mtu, up: this.link.up, ...this.#counts, ...trouble };
  }

  dispose(done: () => void): void {
    this.#disposed = true;
    this.#sink = undefined;
    this.#retry();
    if (this.#stream) this.#stream.close();
    else this.#socket?.destroy();
    this.#stream = undefined;
    done();
  }
}

/** The control client: asks a running machine from another process. */
import { connect, type Socket } from 'node:net';
import { UserError } from '@ringlet/wire';
import { type Observable, Subject } from 'rxjs';
import { callLine, Incoming, LONGEST_RESPONSE, RpcError } from './json-rpc.ts';
import { LineReader } from './line-reader.ts';

/** A notification from a machine. */
export interface Notification {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** A connection to one machine. */
export class ControlClient {
  readonly #socket: Socket;
  readonly #reader = new LineReader(LONGEST_RESPONSE);
  readonly #waiting = new Map<number, Waiting>();
  readonly #notifications = new Subject<Notification>();
  #lastId = 0;

  /** Notifications, from when somebody subscribes; completes when the machine is gone. */
  readonly notifications$: Observable<Notification> = this.#notifications.asObservable();

  /** Connects to the socket at `path`. Rejects with the system's error when nobody listens. */
  static open(path: string): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new ControlClient(socket));
      });
    });
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#gone());
  }

  /**
   * Calls a method and waits for its answer.
   *
   * @param timeoutMs - how long to wait at most; forever when absent
   * @throws UserError with the machine's own code when it refuses, or `machine-gone`, `machine-silent`
   */
  call(method: string, params: Readonly<Record<string, unknown>> = {}, timeoutMs?: number): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(gone());
      let timer: NodeJS.Timeout | undefined;
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
      };
      this.#waiting.set(id, {
        resolve: (result) => {
          settle();
          resolve(result);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      if (timeoutMs !== undefined) {
        const silent = new UserError('machine-silent', `the machine did not answer "${method}" in ${timeoutMs} ms`, {
          hint: 'ringlet kill NAME turns it off without asking',
        });
        timer = setTimeout(() => this.#waiting.get(id)?.reject(silent), timeoutMs);
      }
      this.#socket.write(callLine(method, params, id));
    });
  }

  /** Ends the connection; what still waits for an answer is refused. */
  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const lines = this.#reader.push(chunk);
    if (lines === undefined) return void this.#socket.destroy();
    for (const line of lines) this.#message(line);
  }

  #message(line: string): void {
    const message = parse(line);
    if (message === undefined) return void this.#socket.destroy();
    if ('method' in message) return this.#notifications.next({ method: message.method, params: message.params });
    const waiting = typeof message.id === 'number' ? this.#waiting.get(message.id) : undefined;
    if (waiting === undefined) return;
    if (!('error' in message)) return waiting.resolve(message.result);
    const { code, message: text, data } = message.error;
    if (code === RpcError.User && data !== undefined) {
      waiting.reject(new UserError(data.code, text, data.hint === undefined ? {} : { hint: data.hint }));
    } else {
      waiting.reject(new UserError('machine-refused', `the machine refused: ${text}`));
    }
  }

  #gone(): void {
    for (const waiting of this.#waiting.values()) waiting.reject(gone());
    this.#notifications.complete();
  }
}

function parse(line: string): Incoming | undefined {
  try {
    return Incoming.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

function gone(): UserError {
  return new UserError('machine-gone', 'the machine ended before it answered', {
    hint: 'ringlet ls shows the machines that run',
  });
}

/**
 * A machine's sockets: Unix sockets of the host on one side, AF_VSOCK (hv_sock) in the guest on the other.
 *
 *     directory/vsock             programs of the host connect here, say CONNECT and the guest's port
 *     directory/vsock_PORT        programs of the host listen here; the guest reaches them as port PORT of CID 2
 *
 * as Firecracker has it, so that its tools and libraries work. Services that are no port go by their GUID.
 */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { nameOfService } from '@ringlet/protocols';
import type { AttachOptions, SocketProvider, SocketRequest, Vsp } from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import { accept, readGreeting, refuse } from '../backends/socket/greeting.ts';
import { HostSocket } from '../backends/socket/host-socket.ts';
import { HvSocket, type HvSocketOptions } from '../vsps/socket/hv-socket.ts';
import type { Answers, MachinePart, WorldOf } from './machine-part.ts';

/** Connections of one machine, both ways. */
const MOST_CONNECTIONS = 256;
/** How long the guest may take to accept, in units of 100 ns: 5 s. One that has no listener never says so. */
const ACCEPT_TICKS = 50_000_000;
/** How long a program of the host may take to accept. Linux gives up after two seconds. */
const HOST_ACCEPT_MS = 2_000;
/** Bytes of path that fit a socket address on every Unix. */
const LONGEST_ADDRESS = 103;
/** `/vsock_4294967295`. */
const LONGEST_FILE = 17;

/** Nothing is asked of sockets from outside: whoever wants one connects. */
export type SocketRequests = Record<never, never>;

/** What a machine's sockets are made with. */
export interface MachineSocketsOptions {
  /** Where the Unix sockets are; without one, nobody on the host is there for the guest. */
  readonly directory: string | undefined;
  readonly world: WorldOf;
  readonly attach: (vsp: Vsp, options: AttachOptions) => void;
  readonly detach: (vsp: Vsp) => void;
  /** Asks for a turn of the bus. */
  readonly wake: () => void;
}

/** The sockets of one machine. */
export class MachineSockets implements MachinePart<SocketRequests>, SocketProvider {
  readonly vsps: readonly Vsp[] = [];
  readonly answers: Answers<SocketRequests> = {};
  readonly #options: MachineSocketsOptions;
  readonly #server: Server | undefined;
  readonly #connections = new Set<HvSocket>();
  /** Programs that have not said yet what they want, or wait for the guest. */
  readonly #waiting = new Set<Socket>();
  #disposed = false;
  /** What keeps programs from connecting, if anything does. */
  #failure: string | undefined;

  /** @throws UserError when the directory cannot be made */
  constructor(options: MachineSocketsOptions) {
    this.#options = options;
    if (options.directory !== undefined) this.#server = this.#listen(options.directory);
  }

  /** The guest connects to a service of the host. It is accepted when a program listens there. */
  connect({ endpointId, serviceId }: SocketRequest, answer: (accepted: boolean) => void): void {
    const { directory, wake } = this.#options;
    if (directory === undefined || this.#full) return answer(false);
    const path = join(directory, `vsock_${nameOfService(serviceId)}`);
    if (Buffer.byteLength(path) > LONGEST_ADDRESS) return answer(false);
    const socket = connect({ path, allowHalfOpen: true, timeout: HOST_ACCEPT_MS });
    this.#waiting.add(socket);
    const settle = (accepted: boolean): void => {
      if (!this.#waiting.delete(socket)) return;
      socket.setTimeout(0);
      socket.pause();
      const attached = accepted && !this.#disposed && this.#attach({ endpointId, serviceId, fromHost: false }, socket);
      if (!attached) socket.destroy();
      if (!this.#disposed) answer(attached);
      wake();
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.on('error', () => settle(false));
  }

  inspect(): Record<string, unknown> {
    const { directory } = this.#options;
    if (directory === undefined) return {};
    const state = this.#failure === undefined ? {} : { failure: this.#failure };
    return { sockets: { directory, connections: this.#connections.size, waiting: this.#waiting.size, ...state } };
  }

  dispose(done: () => void): void {
    this.#disposed = true;
    for (const socket of this.#waiting) socket.destroy();
    for (const each of this.#connections) each.dispose(() => {});
    if (this.#server === undefined) return done();
    this.#server.close();
    try {
      rmSync(join(this.#options.directory!, 'vsock'), { force: true });
      rmdirSync(this.#options.directory!);
    } catch {
      // Programs of the host still have sockets of theirs in it, or somebody has removed it already.
    }
    done();
  }

  get #full(): boolean {
    return this.#disposed || this.#connections.size + this.#waiting.size >= MOST_CONNECTIONS;
  }

  #listen(directory: string): Server {
    if (Buffer.byteLength(directory) + LONGEST_FILE > LONGEST_ADDRESS) {
      throw new UserError('sockets-directory-unusable', `${directory} is too long for sockets in it`, {
        hint: `at most ${LONGEST_ADDRESS - LONGEST_FILE} bytes`,
      });
    }
    const path = join(directory, 'vsock');
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      chmodSync(directory, 0o700);
      rmSync(path, { force: true });
    } catch (cause) {
      throw new UserError('sockets-directory-unusable', `no sockets in ${directory}: ${String(cause)}`, {
        hint: 'name a directory that you can write',
        cause,
      });
    }
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => this.#greet(socket));
    server.on('error', (error) => (this.#failure = error.message));
    server.listen(path);
    return server;
  }

  #greet(socket: Socket): void {
    if (this.#full) return refuse(socket, 'the machine has too many connections');
    this.#waiting.add(socket);
    const forget = (): void => void this.#waiting.delete(socket);
    socket.on('close', forget);
    readGreeting(socket, (serviceId) => {
      forget();
      let opened = false;
      const offered = this.#attach({ endpointId: randomUUID(), serviceId, fromHost: true }, socket, {
        connected: () => {
          opened = true;
          accept(socket, nameOfService(serviceId));
        },
        refused: () => {
          if (!opened) refuse(socket, `nobody in the guest listens at ${nameOfService(serviceId)}`);
        },
      });
      if (!offered) refuse(socket, 'the machine takes no connection now');
    });
    socket.resume();
  }

  /** Offers the connection to the guest. @returns whether it could be */
  #attach(
    which: Pick<HvSocketOptions, 'endpointId' | 'serviceId' | 'fromHost'>,
    socket: Socket,
    hear: { connected?: () => void; refused?: () => void } = {},
  ): boolean {
    const { attach, detach, world, wake } = this.#options;
    const ours = world('sockets');
    const connection: HvSocket = new HvSocket(ours, {
      ...which,
      stream: new HostSocket(socket),
      ...(hear.connected === undefined ? {} : { connected: hear.connected }),
      // Taken away in a turn of its own: this may be said in the middle of a packet.
      over: () => {
        if (this.#disposed) return;
        ours.after(0, () => detach(connection));
        wake();
      },
    });
    try {
      const removed = (): void => {
        this.#connections.delete(connection);
        hear.refused?.();
        connection.dispose(() => {});
      };
      attach(connection, { removed, openWithin: ACCEPT_TICKS });
    } catch (error) {
      // No room on the bus, or the guest has such a connection.
      if (error instanceof UserError) return false;
      throw error;
    }
    this.#connections.add(connection);
    wake();
    return true;
  }
}

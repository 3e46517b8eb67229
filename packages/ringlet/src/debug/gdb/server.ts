/**
 * Where gdb connects: a TCP port of this host, or a Unix socket. One gdb at a time: the machine cannot stand still for two.
 *
 * Whoever can connect owns the guest. A port is open to every user of this host, never beyond it; a socket only to its owner.
 */
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { UserError } from '@ringlet/wire';
import { probe } from '../../control/stale.ts';
import { describeAddress, listenLocally } from '../../host/local-listener.ts';
import { DebugControl } from '../debug-control.ts';
import type { DebugTarget } from '../debug-target.ts';
import { ACKNOWLEDGED, NOT_ACKNOWLEDGED, PacketReader, packetOf } from './packets.ts';
import { GdbSession } from './session.ts';

/** Bytes that wait for a gdb that does not read; beyond this it is cut off. */
const MOST_UNREAD = 4 * 1024 * 1024;

/** Where to listen. */
export type GdbAddress = { readonly port: number } | { readonly path: string };

/** Something that gdb did. */
export type GdbEvent =
  | { readonly type: 'gdb-attached' }
  | { readonly type: 'gdb-detached' }
  /** A second one wanted to connect. */
  | { readonly type: 'gdb-refused' };

/** How it is to be done. */
export interface GdbServerOptions {
  readonly address: GdbAddress;
  report(event: GdbEvent): void;
}

/** A place where gdb can connect, until {@link GdbServer.close}. */
export class GdbServer {
  /** What to write after gdb's `target remote`. */
  readonly address: string;
  readonly #target: DebugTarget;
  readonly #server: Server;
  readonly #report: (event: GdbEvent) => void;
  readonly #path: string | undefined;
  #connection: Connection | undefined;

  private constructor(target: DebugTarget, server: Server, options: GdbServerOptions, address: string) {
    this.address = address;
    this.#target = target;
    this.#server = server;
    this.#report = (event) => options.report(event);
    this.#path = 'path' in options.address ? options.address.path : undefined;
    server.on('connection', (socket) => this.#connected(socket));
    void target.ended.then((code) => this.#connection?.exited(code));
  }

  /** @throws UserError `gdb-address-taken` when nobody can listen there */
  static async listen(target: DebugTarget, options: GdbServerOptions): Promise<GdbServer> {
    const { address } = options;
    const server = createServer();
    if ('path' in address && (await probe(address.path)) === 'refused') rmSync(address.path, { force: true });
    try {
      return new GdbServer(target, server, options, await listenLocally(server, address));
    } catch (cause) {
      const message = `gdb cannot be waited for at ${describeAddress(address)}: ${(cause as Error).message}`;
      const hint = 'choose another with --gdb PORT or --gdb PATH; --gdb 0 takes a port that is free';
      throw new UserError('gdb-address-taken', message, { hint, cause });
    }
  }

  /** Ends the session that there is, and lets nobody in any more. */
  async close(): Promise<void> {
    const closed = new Promise<void>((done) => this.#server.close(() => done()));
    await this.#connection?.close();
    await closed;
    if (this.#path !== undefined) rmSync(this.#path, { force: true });
  }

  #connected(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    if (this.#connection) {
      this.#report({ type: 'gdb-refused' });
      socket.destroy();
      return;
    }
    this.#report({ type: 'gdb-attached' });
    const connection = new Connection(this.#target, socket, () => {
      this.#connection = undefined;
      this.#report({ type: 'gdb-detached' });
    });
    this.#connection = connection;
  }
}

/** One gdb's connection, from the machine's stop to its running on. */
class Connection {
  readonly #socket: Socket;
  readonly #control: DebugControl;
  readonly #session: GdbSession;
  readonly #reader = new PacketReader();
  readonly #attached: Promise<void>;
  readonly #gone: () => void;
  #acknowledging = true;
  #lastSent: Uint8Array = new Uint8Array(0);
  /** Packets are answered in the order in which they come. */
  #answered: Promise<void>;
  #leaving: Promise<void> | undefined;

  constructor(target: DebugTarget, socket: Socket, gone: () => void) {
    this.#socket = socket;
    this.#gone = gone;
    this.#control = new DebugControl(target);
    this.#session = new GdbSession(target, this.#control, {
      send: (data) => this.#send((this.#lastSent = packetOf(data))),
      stopAcknowledging: () => (this.#acknowledging = false),
      end: (how) => {
        if (how === 'killed') void target.powerOff();
        void this.#leave();
      },
    });
    this.#attached = this.#control.attach();
    this.#answered = this.#attached;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#arrived(bytes));
    socket.on('close', () => void this.#leave());
  }

  /** The machine has ended. */
  exited(code: number): void {
    this.#send(packetOf(`W${(code & 0xff).toString(16).padStart(2, '0')}`));
    this.#socket.end();
  }

  /** Ends it from our side. */
  async close(): Promise<void> {
    await this.#leave();
    this.#socket.destroy();
  }

  #arrived(bytes: Uint8Array): void {
    if (this.#leaving) return;
    const arrivals = this.#reader.push(bytes);
    if (arrivals === undefined) return void this.#socket.destroy();
    for (const arrival of arrivals) {
      switch (arrival.kind) {
        case 'interrupt':
          this.#session.interrupt();
          break;
        case 'again':
          this.#send(this.#lastSent);
          break;
        case 'damaged':
          if (this.#acknowledging) this.#send(NOT_ACKNOWLEDGED);
          break;
        case 'packet':
          if (this.#acknowledging) this.#send(ACKNOWLEDGED);
          this.#answered = this.#answered.then(() => this.#session.packet(arrival.data));
      }
    }
  }

  #send(bytes: Uint8Array): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(bytes);
    if (this.#socket.writableLength > MOST_UNREAD) this.#socket.destroy();
  }

  /** Lets the machine run on. */
  #leave(): Promise<void> {
    return (this.#leaving ??= this.#letGo());
  }

  async #letGo(): Promise<void> {
    await this.#attached;
    await this.#control.detach().catch(() => {});
    this.#socket.end();
    this.#gone();
  }
}

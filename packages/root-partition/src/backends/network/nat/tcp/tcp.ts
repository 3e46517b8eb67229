/** TCP of a NAT: which segment belongs to which connection, new connections of guests and of the host, and their timers. */
import { randomBytes } from 'node:crypto';
import type { IpPacket } from '../../packet/ip-packet.ts';
import { IpProtocol } from '../../packet/ipv4.ts';
import { Alarm } from '../alarm.ts';
import type { Counters } from '../counters.ts';
import type { NetworkClock } from '../../network-clock.ts';
import { type Outlet, PAYLOAD } from '../outlet.ts';
import { MemoryBudget } from './byte-ring.ts';
import { ConnectionTable, type Endpoints } from './connection-table.ts';
import type { ConnectionWorld } from './connection-world.ts';
import { TcpConnection } from './connection.ts';
import type { HostStream } from './host-stream.ts';
import { finishSegment, readSegment, TCP_HEADER, TcpFlag, TcpSegment, writeHeader } from './segment.ts';

/** Connections at once, of all guests. */
const MOST_CONNECTIONS = 4096;
/** What all of them may hold in memory. */
const MOST_MEMORY = 256 * 1024 * 1024;

/** What TCP is constructed with. */
export interface TcpOptions {
  readonly outlet: Outlet;
  readonly counters: Counters;
  readonly clock: NetworkClock;
  readonly mtu: number;
  /** Begins a connection for a guest; undefined when nothing may be reached there. */
  connect(ip: number, port: number): HostStream | undefined;
  /** Tells a guest that what it wants cannot be reached. */
  unreachable(connection: Endpoints, sequence: number, code: string): void;
}

/** The TCP connections of a NAT. */
export class Tcp implements ConnectionWorld {
  readonly outlet: Outlet;
  readonly mtu: number;
  readonly budget = new MemoryBudget(MOST_MEMORY);
  readonly #options: TcpOptions;
  readonly #table = new ConnectionTable();
  readonly #segment = new TcpSegment();
  readonly #alarm: Alarm;
  readonly #touched: TcpConnection[] = [];
  #opened = 0;
  #refused = 0;
  #stopped = false;

  constructor(options: TcpOptions) {
    this.#options = options;
    this.outlet = options.outlet;
    this.mtu = options.mtu;
    this.#alarm = new Alarm(options.clock, (now) => this.#ring(now));
  }

  /** Takes a packet from a guest. @param unfinished - its checksum is still to be filled in */
  receive(packet: IpPacket, unfinished: boolean): void {
    const segment = this.#segment;
    const { counters } = this.#options;
    const wrong = readSegment(segment, packet, unfinished);
    if (wrong) return counters.drop(wrong);
    const { source, destination } = packet;
    const { sourcePort, destinationPort, flags } = segment;
    let connection = this.#table.find(source, sourcePort, destination, destinationPort);
    const opens = (flags & (TcpFlag.Syn | TcpFlag.Ack | TcpFlag.Reset | TcpFlag.Fin)) === TcpFlag.Syn;
    if (connection?.phase === 'time-wait' && opens) {
      // The guest uses its port again (RFC 9293, section 3.6.1).
      connection.abort();
      connection = undefined;
    }
    if (connection) return connection.receive(segment);
    if (opens) return this.#accept(source, destination);
    counters.drop('tcp-no-connection');
    if (!(flags & TcpFlag.Reset)) this.#refuse(source, destination);
  }

  #accept(guestIp: number, remoteIp: number): void {
    const segment = this.#segment;
    const { sourcePort: guestPort, destinationPort: remotePort } = segment;
    if (!this.#hasRoom()) {
      this.#options.counters.drop('too-many-flows');
      return this.#refuse(guestIp, remoteIp);
    }
    const host = guestPort === 0 || remotePort === 0 ? undefined : this.#options.connect(remoteIp, remotePort);
    if (!host) {
      this.#options.counters.drop('destination-address');
      return this.#refuse(guestIp, remoteIp);
    }
    this.#add({ guestIp, guestPort, remoteIp, remotePort }, host, false).accept(segment);
  }

  /** Takes a connection that the host has accepted to a guest. @returns whether there was room for it */
  forward(ends: Endpoints, host: HostStream): boolean {
    const { guestIp, guestPort, remoteIp, remotePort } = ends;
    const taken = this.#table.find(guestIp, guestPort, remoteIp, remotePort);
    if (taken?.phase === 'time-wait') taken.abort();
    else if (taken) return false;
    if (!this.#hasRoom()) return false;
    this.#add(ends, host, true).open();
    return true;
  }

  #add(ends: Endpoints, host: HostStream, byHost: boolean): TcpConnection {
    const connection = new TcpConnection(ends, this, host, randomBytes(4).readUInt32BE(), byHost);
    this.#table.add(connection);
    this.#opened++;
    return connection;
  }

  /** Whether one more fits; one that has only its time to wait makes room. */
  #hasRoom(): boolean {
    if (this.#stopped) return false;
    if (this.#table.size < MOST_CONNECTIONS) return true;
    let waiting: TcpConnection | undefined;
    this.#table.forEach((connection) => {
      if (connection.phase === 'time-wait' && (!waiting || connection.deadline < waiting.deadline))
        waiting = connection;
    });
    waiting?.abort();
    return waiting !== undefined;
  }

  /** A reset for a segment that belongs to no connection (RFC 9293, section 3.10.7.1). */
  #refuse(guestIp: number, remoteIp: number): void {
    const { sourcePort, destinationPort, sequence, acknowledgment, flags, data, end } = this.#segment;
    const { frame } = this.outlet;
    const acknowledges = (flags & TcpFlag.Ack) !== 0;
    const length = end - data + (flags & TcpFlag.Syn ? 1 : 0) + (flags & TcpFlag.Fin ? 1 : 0);
    const header = {
      sourcePort: destinationPort,
      destinationPort: sourcePort,
      sequence: acknowledges ? acknowledgment : 0,
      acknowledgment: acknowledges ? 0 : sequence + length,
      flags: acknowledges ? TcpFlag.Reset : TcpFlag.Reset | TcpFlag.Ack,
      window: 0,
    };
    writeHeader(frame, PAYLOAD, header, TCP_HEADER);
    finishSegment(frame, PAYLOAD, TCP_HEADER, remoteIp, guestIp);
    this.outlet.sendIp(remoteIp, guestIp, IpProtocol.Tcp, TCP_HEADER);
    this.#refused++;
  }

  /** A guest's address has become known: what waited for it goes on. */
  heard(guestIp: number): void {
    const now = this.now();
    this.#table.forEach((connection) => {
      if (connection.phase === 'syn-sent' && connection.guestIp === guestIp) connection.timer(now);
    });
  }

  now(): number {
    return this.#options.clock.now();
  }

  touched(connection: TcpConnection): void {
    if (connection.isTouched) return;
    connection.isTouched = true;
    if (this.#touched.push(connection) === 1) this.#options.clock.soon(() => this.#settle());
  }

  #settle(): void {
    // What settling touches comes back here: its turn is the next.
    for (const connection of this.#touched.splice(0)) {
      connection.isTouched = false;
      connection.settle();
    }
  }

  rescheduled(connection: TcpConnection): void {
    if (!this.#stopped) this.#alarm.by(connection.deadline);
  }

  closed(connection: TcpConnection): void {
    this.#table.remove(connection);
  }

  unreachable(connection: TcpConnection, code: string): void {
    this.#options.counters.drop('host-refused');
    if (code !== 'ECONNREFUSED' && code !== 'ECONNRESET') {
      return this.#options.unreachable(connection, connection.guestSequence, code);
    }
    connection.refuse();
  }

  #ring(now: number): void {
    let next = Infinity;
    this.#table.forEach((connection) => {
      if (connection.deadline <= now) connection.timer(now);
      if (connection.phase !== 'closed') next = Math.min(next, connection.deadline);
    });
    if (next !== Infinity && !this.#stopped) this.#alarm.by(next);
  }

  /** Ends every connection. */
  stop(): void {
    this.#stopped = true;
    this.#alarm.stop();
    this.#table.forEach((connection) => connection.abort());
  }

  inspect(): Record<string, unknown> {
    const connections: Record<string, unknown>[] = [];
    this.#table.forEach((connection) => {
      if (connections.length < MOST_SHOWN) connections.push(connection.inspect());
    });
    return { count: this.#table.size, opened: this.#opened, refused: this.#refused, connections };
  }
}

/** Connections that `inspect` lists. */
const MOST_SHOWN = 100;

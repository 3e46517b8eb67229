/**
 * UDP between guests and the world. Each port of a guest has one socket of the host while it is used, whomever it talks
 * to, so that a peer sees one address (an "endpoint-independent" mapping, RFC 4787); only those that the guest has sent
 * to may answer ("address-dependent" filtering).
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { NetworkClock } from '../network-clock.ts';
import { isLoopback } from '../packet/address.ts';
import { isIpv6 } from '../packet/ipv6-addresses.ts';
import { Alarm } from './alarm.ts';
import type { Counters } from './counters.ts';
import type { Outlet } from './outlet.ts';
import { type Datagram, MOST_UDP_DATA, sendDatagram, UDP_DATA } from './udp.ts';

const MOST_FLOWS = 1024;
const MOST_PEERS = 256;
/** Bytes that a flow may have on their way to the host's socket. */
const MOST_QUEUED = 1024 * 1024;
/** A mapping without traffic lives so long (RFC 4787 asks for at least two minutes). */
const LIFE_MS = 180_000;
/** One question, one answer. */
const SHORT_LIFE_MS = 20_000;
const DNS_PORT = 53;

/** Where a guest's datagram goes, and under which address its answers come. */
interface UdpRoutes {
  /** The host's address for where a guest sends to, or undefined when nothing may be reached there. */
  toHost(ip: number): number | undefined;
  /** The address that a guest knows a sender under. */
  toGuest(ip: number): number;
}

/** What the flows are constructed with. */
export interface UdpFlowsOptions {
  readonly outlet: Outlet;
  readonly counters: Counters;
  readonly clock: NetworkClock;
  readonly routes: UdpRoutes;
}

/** A socket for one port of one guest. */
interface Flow {
  readonly guest: { readonly ip: number; readonly port: number };
  readonly socket: Socket;
  /** Addresses that may answer; undefined: everybody, the flow is a forwarded port. */
  readonly peers: Set<number> | undefined;
  /** It reaches this host only. */
  readonly local: boolean;
  dies: number;
  life: number;
  queued: number;
  sent: number;
  received: number;
}

/** Addresses are numbers already: nothing is to be looked up. */
const lookup = (
  address: string,
  _options: unknown,
  found: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void => found(null, address, isIPv6(address) ? 6 : 4);

/** The UDP flows of a NAT. */
export class UdpFlows {
  readonly #options: UdpFlowsOptions;
  readonly #flows = new Map<number, Flow>();
  /** Forwarded ports, by the guest's end. They have no end of life. */
  readonly #forwards = new Map<number, Flow>();
  readonly #alarm: Alarm;

  constructor(options: UdpFlowsOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock, (now) => this.#expire(now));
  }

  /** Takes a datagram from a guest to the world. @returns whether there is a way there */
  send(datagram: Datagram): boolean {
    const { counters, routes, clock, outlet } = this.#options;
    const { bytes, source, sourcePort, destination, destinationPort, data, end } = datagram;
    const address = routes.toHost(destination);
    if (address === undefined || destinationPort === 0) {
      counters.drop('destination-address');
      return false;
    }
    const flow = this.#flowOf(source, sourcePort, address);
    if (!flow) return true;
    flow.life = destinationPort === DNS_PORT && flow.received === 0 ? SHORT_LIFE_MS : LIFE_MS;
    flow.dies = clock.now() + flow.life;
    if (flow.peers && !flow.peers.has(address)) {
      if (flow.peers.size >= MOST_PEERS) flow.peers.delete(flow.peers.values().next().value!);
      flow.peers.add(address);
    }
    const size = end - data;
    if (flow.queued + size > MOST_QUEUED) {
      counters.drop('host-refused');
      return true;
    }
    flow.queued += size;
    flow.sent++;
    flow.socket.send(
      Buffer.from(bytes.subarray(data, end)),
      destinationPort,
      outlet.addresses.format(address),
      (error) => {
        flow.queued -= size;
        if (error) counters.drop('host-refused');
      },
    );
    return true;
  }

  #flowOf(ip: number, port: number, to: number): Flow | undefined {
    const key = ip * 65_536 + port;
    const forward = this.#forwards.get(key);
    if (forward && (!forward.local || isLoopback(to))) return forward;
    const known = this.#flows.get(key);
    if (known) return known;
    if (this.#flows.size >= MOST_FLOWS && !this.#evict()) {
      this.#options.counters.drop('too-many-flows');
      return undefined;
    }
    const socket = createSocket(isIpv6(ip) ? { type: 'udp6', ipv6Only: true, lookup } : { type: 'udp4', lookup });
    const flow = this.#listen({ ip, port }, socket, new Set(), false);
    this.#flows.set(key, flow);
    socket.on('error', () => {
      this.#options.counters.drop('host-refused');
      this.#close(key, flow);
    });
    this.#alarm.by(flow.dies);
    return flow;
  }

  #listen(guest: Flow['guest'], socket: Socket, peers: Set<number> | undefined, local: boolean): Flow {
    const dies = this.#options.clock.now() + LIFE_MS;
    const flow: Flow = { guest, socket, peers, local, dies, life: LIFE_MS, queued: 0, sent: 0, received: 0 };
    socket.on('message', (message, sender) => this.#answer(flow, message, sender.address, sender.port));
    socket.unref();
    return flow;
  }

  #answer(flow: Flow, message: Uint8Array, address: string, port: number): void {
    const { outlet, routes, clock, counters } = this.#options;
    const ip = outlet.addresses.parse(address);
    if (ip === undefined || message.length > MOST_UDP_DATA) return;
    if (flow.peers && !flow.peers.has(ip)) return counters.drop('not-for-us');
    flow.received++;
    flow.dies = clock.now() + flow.life;
    outlet.frame.set(message, UDP_DATA);
    sendDatagram(outlet, { ip: routes.toGuest(ip), port }, flow.guest, message.length);
  }

  /** Makes a socket that is bound on the host a guest's port. */
  forward(socket: Socket, guest: { readonly ip: number; readonly port: number }, local: boolean): void {
    this.#forwards.set(guest.ip * 65_536 + guest.port, this.#listen(guest, socket, undefined, local));
  }

  /** Closes the flow that has been silent the longest. @returns whether there was one that may go */
  #evict(): boolean {
    let silent: [number, Flow] | undefined;
    for (const entry of this.#flows) if (!silent || entry[1].dies < silent[1].dies) silent = entry;
    if (silent) this.#close(...silent);
    return silent !== undefined;
  }

  #expire(now: number): void {
    let next = Infinity;
    for (const [key, flow] of this.#flows) {
      if (flow.dies <= now) this.#close(key, flow);
      else next = Math.min(next, flow.dies);
    }
    if (next !== Infinity) this.#alarm.by(next);
  }

  #close(key: number, flow: Flow): void {
    if (this.#flows.get(key) !== flow) return;
    this.#flows.delete(key);
    flow.socket.close();
  }

  /** Closes every flow; whoever bound a forwarded socket closes it. */
  stop(): void {
    this.#alarm.stop();
    for (const [key, flow] of this.#flows) this.#close(key, flow);
    this.#forwards.clear();
  }

  inspect(): Record<string, unknown> {
    const flows = [...this.#forwards.values(), ...this.#flows.values()].slice(0, MOST_SHOWN);
    return {
      count: this.#flows.size,
      flows: flows.map(({ guest, sent, received }) => ({
        guest: this.#options.outlet.addresses.formatEnd(guest.ip, guest.port),
        sent,
        received,
      })),
    };
  }
}

/** Flows that `inspect` lists. */
const MOST_SHOWN = 100;

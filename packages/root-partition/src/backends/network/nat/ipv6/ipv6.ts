/**
 * IPv6 of a NAT: what a guest's packets are for. TCP, UDP and the name server are those of IPv4: to them an address is a
 * number, whatever its family.
 */
import type { NetworkClock } from '../../network-clock.ts';
import { ETHERNET_HEADER } from '../../packet/ethernet.ts';
import { IpPacket } from '../../packet/ip-packet.ts';
import { IpProtocol } from '../../packet/ipv4.ts';
import { NextHeader, readIpv6 } from '../../packet/ipv6.ts';
import type { Counters } from '../counters.ts';
import { DNS_PORT } from '../dns-relay.ts';
import { Fragments } from '../fragments.ts';
import { UnreachableCode } from '../icmp.ts';
import type { NatNetwork } from '../nat-network.ts';
import type { Neighbours } from '../neighbours.ts';
import type { Outlet } from '../outlet.ts';
import { Datagram, readDatagram } from '../udp.ts';
import { Discovery } from './discovery.ts';
import { Icmp6 } from './icmp6.ts';
import { network6, type Network6, scopeOf } from './network6.ts';

/** What IPv6 is constructed with. */
export interface Ipv6Options {
  readonly network: NatNetwork;
  readonly outlet: Outlet;
  readonly counters: Counters;
  readonly neighbours: Neighbours;
  readonly clock: NetworkClock;
  readonly mtu: number;
  readonly hostAccess: boolean;
  /** A guest was heard at an address. */
  learn(ip: number, mac: number): void;
  tcp(packet: IpPacket, unfinished: boolean): void;
  /** @returns whether there is a way there */
  udp(datagram: Datagram): boolean;
  question(datagram: Datagram): void;
}

/** IPv6 of one NAT. */
export class Ipv6 {
  readonly network: Network6;
  readonly icmp: Icmp6;
  readonly #options: Ipv6Options;
  readonly #discovery: Discovery;
  readonly #fragments: Fragments;
  readonly #packet = new IpPacket();
  readonly #datagram = new Datagram();

  constructor(options: Ipv6Options) {
    const { outlet, counters, neighbours, clock, mtu } = options;
    this.#options = options;
    this.network = network6(options.network, outlet.addresses);
    this.#discovery = new Discovery({ network: this.network, outlet, counters, neighbours, clock, mtu });
    this.icmp = new Icmp6(this.network, outlet, counters, this.#discovery);
    this.#fragments = new Fragments(clock);
  }

  /** Takes a frame from a guest. */
  receive(frame: Uint8Array, mac: number, uncut: boolean, unfinished: boolean): void {
    const packet = this.#packet;
    const { counters, outlet } = this.#options;
    const { addresses } = outlet;
    const wrong = readIpv6(packet, addresses, frame, ETHERNET_HEADER, frame.length, uncut);
    if (wrong) return counters.drop(wrong);
    const { source, destination } = packet;
    const { network } = this;
    const anonymous = source === network.unspecified;
    if (!anonymous) {
      const from = scopeOf(network, addresses, source);
      if ((from !== 'inside' && from !== 'link') || this.#isOurs(source)) return counters.drop('source-address');
      this.#options.learn(source, mac);
    }
    if (packet.moreFragments || packet.fragmentOffset > 0) {
      const state = this.#fragments.take(packet);
      if (state === 'wrong') counters.drop('fragments');
      if (state !== 'whole') return;
    }
    const ours = this.#isOurs(destination);
    const scope = scopeOf(network, addresses, destination);
    if (packet.protocol === NextHeader.Icmp && (ours || scope === 'multicast')) {
      return this.icmp.receive(packet, mac, ours ? 'ours' : 'group');
    }
    if (anonymous) return counters.drop('source-address');
    if (scope === 'multicast') return counters.drop('multicast');
    if (!ours && scope !== 'world') return counters.drop('destination-address');
    if (!ours && packet.timeToLive <= 1) return this.icmp.timeExceeded(packet);
    if (packet.protocol === NextHeader.Icmp) return this.icmp.receive(packet, mac, 'theirs');
    if (packet.protocol === IpProtocol.Tcp) return this.#options.tcp(packet, unfinished);
    if (packet.protocol === IpProtocol.Udp) return this.#datagrams(packet, unfinished);
    counters.drop('ipv6-protocol');
  }

  #datagrams(packet: IpPacket, unfinished: boolean): void {
    const datagram = this.#datagram;
    const wrong = readDatagram(datagram, packet, unfinished);
    if (wrong) return this.#options.counters.drop(wrong);
    if (packet.destination === this.network.nameServer && datagram.destinationPort === DNS_PORT) {
      return this.#options.question(datagram);
    }
    if (!this.#options.udp(datagram)) this.icmp.unreachable(packet, UnreachableCode.Port);
  }

  #isOurs(ip: number): boolean {
    const { gateway, nameServer, router } = this.network;
    return ip === gateway || ip === nameServer || ip === router;
  }

  /** Where the host reaches what a guest names; undefined: nothing may be reached there. */
  toHost(ip: number): number | undefined {
    const { network } = this;
    if (ip === network.gateway) return this.#options.hostAccess ? network.loopback : undefined;
    return scopeOf(network, this.#options.outlet.addresses, ip) === 'world' ? ip : undefined;
  }

  /** The address that a guest knows a sender under. */
  toGuest(ip: number): number {
    return scopeOf(this.network, this.#options.outlet.addresses, ip) === 'world' ? ip : this.network.gateway;
  }

  /** Stops what goes on by itself. */
  stop(): void {
    this.#discovery.stop();
    this.icmp.stop();
  }

  inspect(): Record<string, unknown> {
    const { addresses } = this.#options.outlet;
    const { gateway, nameServer } = this.network;
    return {
      gateway: addresses.format(gateway),
      nameServer: addresses.format(nameServer),
      ...this.#discovery.inspect(),
      icmp: this.icmp.inspect(),
    };
  }
}

/**
 * User-mode NAT: a network inside this process, without any privilege. The guest's TCP, UDP and pings end here and go on
 * as sockets of the host; what the guest needs around them (ARP, DHCP, router advertisements, a name server, a gateway) is answered here.
 *
 *      guest ◄── frames ──► NatPort ─┬─ Ipv6 ─┬─ Discovery
 *                                    │        └─ Icmp6 ── ping          (the rest as for IPv4)
 *                                    ├─ Arp
 *                                    ├─ Icmp ─── ping
 *                                    ├─ Udp ──┬─ DhcpServer
 *                                    │        ├─ DnsRelay ─── resolvers of the host
 *                                    │        └─ UdpFlows ──┬─ the world
 *                                    └─ Tcp ────────────────┘
 */
import { HOST_CLOCK, type NetworkClock } from '../network-clock.ts';
import { FrameFinisher } from '../finish-frame.ts';
import type { FrameOffload, NetworkPort } from '../network-port.ts';
import { isGroupMac, isLoopback, isNoHost, readMac } from '../packet/address.ts';
import { isIpv6 } from '../packet/ipv6-addresses.ts';
import { read16 } from '../packet/bytes.ts';
import { ETHERNET_HEADER, EtherType, LARGEST_FRAME, LARGEST_UNCUT_FRAME } from '../packet/ethernet.ts';
import { IpPacket } from '../packet/ip-packet.ts';
import { IpProtocol, readIpv4 } from '../packet/ipv4.ts';
import { ArpOperation, readArp } from './arp.ts';
import { Counters } from './counters.ts';
import { DHCP_SERVER_PORT, DhcpServer } from './dhcp-server.ts';
import { DNS_PORT, DnsRelay, type HostResolver } from './dns-relay.ts';
import { type Forward, Forwards } from './forwards.ts';
import { Fragments } from './fragments.ts';
import { Icmp, UnreachableCode } from './icmp.ts';
import { Ipv6 } from './ipv6/ipv6.ts';
import { formatNetwork, isGuest, isInside, type NatNetwork } from './nat-network.ts';
import { Neighbours } from './neighbours.ts';
import { Outlet } from './outlet.ts';
import { connectHost, type HostStream } from './tcp/host-stream.ts';
import { Tcp } from './tcp/tcp.ts';
import { Datagram, readDatagram } from './udp.ts';
import { UdpFlows } from './udp-flows.ts';

/** What a NAT is made from, checked. */
export interface NatOptions {
  readonly network: NatNetwork;
  readonly mtu: number;
  readonly forwards: readonly Forward[];
  readonly hostname?: string | undefined;
  readonly resolvers?: readonly HostResolver[] | undefined;
  /** Guests reach services of this host at the gateway's address. */
  readonly hostAccess: boolean;
  readonly clock?: NetworkClock;
}

const LOOPBACK = 0x7f000001;
/** In a frame with an IPv4 packet, or with one of IPv6: what the packet holds. */
const IP_PROTOCOL_AT = ETHERNET_HEADER + 9;
const NEXT_HEADER_AT = ETHERNET_HEADER + 6;

/** A port of a user-mode network. Several guests can share it through a switch. */
export class NatPort implements NetworkPort {
  readonly link = { up: true, onChange: () => {} };
  readonly mtu: number;
  readonly #options: NatOptions;
  readonly #network: NatNetwork;
  readonly #counters = new Counters();
  readonly #neighbours = new Neighbours();
  readonly #outlet: Outlet;
  readonly #packet = new IpPacket();
  readonly #datagram = new Datagram();
  readonly #fragments: Fragments;
  readonly #icmp: Icmp;
  readonly #dhcp: DhcpServer;
  readonly #dns: DnsRelay;
  readonly #udp: UdpFlows;
  readonly #tcp: Tcp;
  readonly #forwards: Forwards;
  readonly #ipv6: Ipv6;
  /** For what is not TCP and is to be cut. */
  readonly #finisher = new FrameFinisher();
  #stopped = false;

  constructor(options: NatOptions) {
    const { network, mtu, clock = HOST_CLOCK } = options;
    this.#options = options;
    this.#network = network;
    this.mtu = mtu;
    const counters = this.#counters;
    const outlet = new Outlet(network, mtu, this.#neighbours, counters);
    this.#outlet = outlet;
    this.#fragments = new Fragments(clock);
    this.#icmp = new Icmp(network, outlet, counters);
    this.#dhcp = new DhcpServer(options, outlet, counters);
    this.#dns = new DnsRelay(outlet, counters, clock, options.resolvers);
    const routes = { toHost: (ip: number) => this.#toHost(ip), toGuest: (ip: number) => this.#toGuest(ip) };
    this.#udp = new UdpFlows({ outlet, counters, clock, routes });
    this.#tcp = new Tcp({
      outlet,
      counters,
      clock,
      mtu,
      connect: (ip, port) => this.#connect(ip, port),
      unreachable: (connection, sequence, code) => {
        const icmp = isIpv6(connection.guestIp) ? this.#ipv6.icmp : this.#icmp;
        const network = code === 'ENETUNREACH' ? UnreachableCode.Network : UnreachableCode.Host;
        icmp.unreachableTcp(connection, sequence, network);
      },
    });
    this.#ipv6 = new Ipv6({
      network,
      outlet,
      counters,
      neighbours: this.#neighbours,
      clock,
      mtu,
      hostAccess: options.hostAccess,
      learn: (ip, mac) => this.#learn(ip, mac),
      tcp: (packet, unfinished) => this.#tcp.receive(packet, unfinished),
      udp: (datagram) => this.#udp.send(datagram),
      question: (datagram) => this.#dns.receive(datagram),
    });
    this.#forwards = new Forwards(options.forwards, {
      udp: this.#udp,
      toGuest: routes.toGuest,
      accept: (ends, host) => this.#tcp.forward(ends, host),
    });
  }

  /** Begins to listen on the forwarded ports. @throws UserError network-port-taken, network-port-refused */
  listen(): Promise<void> {
    return this.#forwards.listen();
  }

  onReceive(sink: ((frame: Uint8Array, offload?: FrameOffload) => boolean) | undefined): void {
    this.#outlet.sink = sink;
  }

  /** Takes any frame; what it cannot use is dropped and counted, which is no reason for the guest to wait. */
  send(frame: Uint8Array, offload?: FrameOffload): boolean {
    const counters = this.#counters;
    counters.framesIn++;
    counters.bytesIn += frame.length;
    const uncut = offload !== undefined && offload.segmentSize > 0;
    if (this.#stopped) counters.drop('unplugged');
    else if (frame.length < ETHERNET_HEADER) counters.drop('frame-short');
    else if (frame.length > (uncut ? LARGEST_UNCUT_FRAME : LARGEST_FRAME)) counters.drop('frame-long');
    else if (offload?.vlan !== undefined && (offload.vlan & 0xfff) !== 0) counters.drop('vlan-tag');
    else if (uncut && !isTcp(frame)) this.#cut(frame, offload);
    else this.#receive(frame, uncut, offload?.checksumPartial === true || uncut);
    return true;
  }

  /** TCP ends here, so that its size does not matter; datagrams of UDP go on as they are. */
  #cut(frame: Uint8Array, offload: FrameOffload): void {
    const cut = this.#finisher.finish(frame, offload, (part) => this.#receive(part, false, false));
    if (cut === 0) this.#counters.drop('udp-header');
  }

  #receive(frame: Uint8Array, uncut: boolean, unfinished: boolean): void {
    const mac = readMac(frame, 6);
    const target = readMac(frame, 0);
    if (isGroupMac(mac) || (target !== this.#network.mac && !isGroupMac(target))) {
      return this.#counters.drop('not-for-us');
    }
    switch (read16(frame, 12)) {
      case EtherType.Ipv4:
        return this.#ipv4(frame, mac, uncut, unfinished);
      case EtherType.Ipv6:
        return this.#ipv6.receive(frame, mac, uncut, unfinished);
      case EtherType.Arp:
        return this.#arp(frame, mac);
      case EtherType.Vlan:
        return this.#counters.drop('vlan-tag');
      default:
        return this.#counters.drop('ether-type');
    }
  }

  #arp(frame: Uint8Array, mac: number): void {
    const arp = readArp(frame, ETHERNET_HEADER, frame.length);
    if (!arp || arp.senderMac !== mac) return this.#counters.drop('arp');
    // A probe, before an address is taken, has no sender's address and is not answered for guests (RFC 5227).
    if (isGuest(this.#network, arp.senderIp)) this.#learn(arp.senderIp, mac);
    const { gateway, nameServer } = this.#network;
    if (arp.operation === ArpOperation.Request && (arp.targetIp === gateway || arp.targetIp === nameServer)) {
      this.#outlet.sendArp(ArpOperation.Reply, mac, arp.targetIp, arp.senderIp);
    }
  }

  #learn(ip: number, mac: number): void {
    if (this.#neighbours.learn(ip, mac)) this.#tcp.heard(ip);
  }

  #ipv4(frame: Uint8Array, mac: number, uncut: boolean, unfinished: boolean): void {
    const packet = this.#packet;
    const counters = this.#counters;
    const wrong = readIpv4(packet, frame, ETHERNET_HEADER, frame.length, uncut);
    if (wrong) return counters.drop(wrong);
    const { source, destination } = packet;
    if (source !== 0) {
      if (!isGuest(this.#network, source)) return counters.drop('source-address');
      this.#learn(source, mac);
    }
    if (packet.moreFragments || packet.fragmentOffset > 0) {
      const state = this.#fragments.take(packet);
      if (state === 'wrong') counters.drop('fragments');
      if (state !== 'whole') return;
    }
    const { gateway, nameServer } = this.#network;
    const ours = destination === gateway || destination === nameServer;
    if (packet.protocol === IpProtocol.Udp) return this.#datagrams(packet, ours, unfinished);
    if (source === 0) return counters.drop('source-address');
    if (isNoHost(destination)) return counters.drop('multicast');
    if (!ours && isInside(this.#network, destination)) return counters.drop('destination-address');
    if (isLoopback(destination)) return counters.drop('destination-address');
    if (!ours && packet.timeToLive <= 1) return this.#icmp.timeExceeded(packet);
    if (packet.protocol === IpProtocol.Tcp) return this.#tcp.receive(packet, unfinished);
    if (packet.protocol === IpProtocol.Icmp) return this.#icmp.receive(packet, ours);
    counters.drop('ipv4-protocol');
  }

  #datagrams(packet: IpPacket, ours: boolean, unfinished: boolean): void {
    const datagram = this.#datagram;
    const { source, destination } = packet;
    const wrong = readDatagram(datagram, packet, unfinished);
    if (wrong) return this.#counters.drop(wrong);
    const { gateway, nameServer, broadcast } = this.#network;
    if (datagram.destinationPort === DHCP_SERVER_PORT) {
      if (isNoHost(destination) || destination === broadcast || destination === gateway) {
        return this.#dhcp.receive(datagram);
      }
    }
    if (source === 0) return this.#counters.drop('source-address');
    if (destination === nameServer && datagram.destinationPort === DNS_PORT) return this.#dns.receive(datagram);
    if (isNoHost(destination) || destination === broadcast) return this.#counters.drop('multicast');
    if (!ours && packet.timeToLive <= 1) return this.#icmp.timeExceeded(packet);
    if (!this.#udp.send(datagram)) this.#icmp.unreachable(packet, UnreachableCode.Port);
  }

  /** Where the host reaches what a guest names; undefined: nothing may be reached there. */
  #toHost(ip: number): number | undefined {
    if (isIpv6(ip)) return this.#ipv6.toHost(ip);
    if (ip === this.#network.gateway) return this.#options.hostAccess ? LOOPBACK : undefined;
    if (isInside(this.#network, ip) || isNoHost(ip) || isLoopback(ip)) return undefined;
    return ip;
  }

  #toGuest(ip: number): number {
    if (isIpv6(ip)) return this.#ipv6.toGuest(ip);
    return isLoopback(ip) || isInside(this.#network, ip) ? this.#network.gateway : ip;
  }

  #connect(ip: number, port: number): HostStream | undefined {
    if (ip === this.#network.nameServer || ip === this.#ipv6.network.nameServer) {
      const resolver = port === DNS_PORT ? this.#dns.first : undefined;
      return resolver && connectHost(resolver.address, resolver.port);
    }
    const address = this.#toHost(ip);
    return address === undefined ? undefined : connectHost(this.#outlet.addresses.format(address), port);
  }

  inspect(): Record<string, unknown> {
    return {
      kind: 'nat',
      network: formatNetwork(this.#network),
      mtu: this.mtu,
      leases: this.#dhcp.inspect(),
      ...this.#counters.inspect(),
      forwards: this.#forwards.inspect(),
      tcp: this.#tcp.inspect(),
      udp: this.#udp.inspect(),
      icmp: this.#icmp.inspect(),
      dns: this.#dns.inspect(),
      ipv6: this.#ipv6.inspect(),
    };
  }

  dispose(done: () => void): void {
    if (!this.#stopped) {
      this.#tcp.stop();
      this.#udp.stop();
      this.#dns.stop();
      this.#icmp.stop();
      this.#ipv6.stop();
      this.#forwards.stop();
      this.#stopped = true;
      this.#outlet.sink = undefined;
    }
    done();
  }
}

/** Whether a frame that is still to be cut is one of TCP. */
function isTcp(frame: Uint8Array): boolean {
  const isSix = read16(frame, ETHERNET_HEADER - 2) === EtherType.Ipv6;
  return frame[isSix ? NEXT_HEADER_AT : IP_PROTOCOL_AT] === IpProtocol.Tcp;
}

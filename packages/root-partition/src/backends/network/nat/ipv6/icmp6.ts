/**
 * ICMPv6 (RFC 4443) of a NAT: echo, answered by the gateway itself or by whom the host can ask, and errors to guests.
 * Neighbour Discovery is ICMPv6 as well, and is handed on.
 */
import { write16, write32 } from '../../packet/bytes.ts';
import { addToSum, foldSum, pseudoHeaderSum } from '../../packet/checksum.ts';
import type { IpPacket } from '../../packet/ip-packet.ts';
import { IpProtocol } from '../../packet/ipv4.ts';
import { HOP_LIMIT_LOCAL, IPV6_HEADER, NextHeader, writeIpv6 } from '../../packet/ipv6.ts';
import type { Counters } from '../counters.ts';
import { HostPing } from '../host-ping.ts';
import { UnreachableCode } from '../icmp.ts';
import { type Outlet, PAYLOAD } from '../outlet.ts';
import type { Endpoints } from '../tcp/connection-table.ts';
import { finishSegment, TCP_HEADER } from '../tcp/segment.ts';
import type { Discovery } from './discovery.ts';
import type { Network6 } from './network6.ts';

/** Types of message. */
const Icmp6Type = {
  Unreachable: 1,
  TimeExceeded: 3,
  Echo: 128,
  EchoReply: 129,
  FirstOfDiscovery: 133,
  LastOfDiscovery: 137,
} as const;
const HEADER = 8;
/** What every link carries: an error has no more (RFC 4443, section 2.4). */
const LEAST_MTU = 1280;
const MOST_QUOTED = LEAST_MTU - IPV6_HEADER - HEADER;
/** No route; address unreachable; port unreachable. */
const CODES: Readonly<Record<number, number>> = {
  [UnreachableCode.Network]: 0,
  [UnreachableCode.Host]: 3,
  [UnreachableCode.Port]: 4,
};

/** ICMPv6 of one NAT. */
export class Icmp6 {
  readonly #network: Network6;
  readonly #outlet: Outlet;
  readonly #counters: Counters;
  readonly #discovery: Discovery;
  readonly #pings = new HostPing();
  #echoes = 0;
  #errors = 0;

  constructor(network: Network6, outlet: Outlet, counters: Counters, discovery: Discovery) {
    this.#network = network;
    this.#outlet = outlet;
    this.#counters = counters;
    this.#discovery = discovery;
  }

  /**
   * Takes a packet from a guest.
   *
   * @param scope - who it is for: us, others, or a group that we may be in
   */
  receive(packet: IpPacket, mac: number, scope: 'ours' | 'theirs' | 'group'): void {
    const { bytes, payload, end, source, destination, timeToLive } = packet;
    const sum = pseudoHeaderSum(source, destination, NextHeader.Icmp, end - payload);
    if (end - payload < HEADER || foldSum(addToSum(sum, bytes, payload, end)) !== 0xffff)
      return this.#counters.drop('icmp');
    const type = bytes[payload]!;
    if (type >= Icmp6Type.FirstOfDiscovery && type <= Icmp6Type.LastOfDiscovery) {
      // Nobody beyond the link may take part.
      if (timeToLive !== HOP_LIMIT_LOCAL || bytes[payload + 1] !== 0) return this.#counters.drop('neighbour-discovery');
      return this.#discovery.receive(packet, mac);
    }
    if (scope === 'group' || source === this.#network.unspecified) return this.#counters.drop('multicast');
    if (type !== Icmp6Type.Echo || bytes[payload + 1] !== 0) return this.#counters.drop('icmp');
    this.#echoes++;
    if (scope === 'ours') return this.#answer(bytes, payload, end, source, destination);
    const question = bytes.slice(payload, end);
    const remote = this.#outlet.addresses.format(destination);
    const asked = this.#pings.ping(remote, end - payload - HEADER, () =>
      this.#answer(question, 0, question.length, source, destination),
    );
    if (!asked) this.#counters.drop('too-many-pings');
  }

  #answer(bytes: Uint8Array, start: number, end: number, guest: number, remote: number): void {
    const { frame } = this.#outlet;
    frame.set(bytes.subarray(start, end), PAYLOAD);
    frame[PAYLOAD] = Icmp6Type.EchoReply;
    this.#send(remote, guest, end - start);
  }

  /** Tells a guest that its packet went no further: its hops were over. */
  timeExceeded(packet: IpPacket): void {
    this.#quote(packet, Icmp6Type.TimeExceeded, 0);
  }

  /** Tells a guest that what its packet was for cannot be reached. @param code - an {@link UnreachableCode} */
  unreachable(packet: IpPacket, code: number): void {
    this.#quote(packet, Icmp6Type.Unreachable, CODES[code] ?? 0);
  }

  #quote({ bytes, start, end, source }: IpPacket, type: number, code: number): void {
    const quoted = Math.min(end - start, MOST_QUOTED);
    this.#outlet.frame.set(bytes.subarray(start, start + quoted), PAYLOAD + HEADER);
    this.#error(source, type, code, quoted);
  }

  /** Tells a guest that its TCP connection cannot be made: quotes the SYN, as far as a guest looks at it. */
  unreachableTcp({ guestIp, guestPort, remoteIp, remotePort }: Endpoints, sequence: number, code: number): void {
    const { frame, addresses } = this.#outlet;
    if (!addresses.knows(guestIp) || !addresses.knows(remoteIp)) return;
    const at = PAYLOAD + HEADER;
    writeIpv6(frame, at, addresses, {
      source: guestIp,
      destination: remoteIp,
      next: IpProtocol.Tcp,
      length: TCP_HEADER,
    });
    const segment = at + IPV6_HEADER;
    frame.fill(0, segment, segment + TCP_HEADER);
    write16(frame, segment, guestPort);
    write16(frame, segment + 2, remotePort);
    write32(frame, segment + 4, sequence);
    write16(frame, segment + 12, 0x5002);
    finishSegment(frame, segment, TCP_HEADER, guestIp, remoteIp);
    this.#error(guestIp, Icmp6Type.Unreachable, CODES[code] ?? 0, IPV6_HEADER + TCP_HEADER);
  }

  #error(guest: number, type: number, code: number, quoted: number): void {
    const { frame } = this.#outlet;
    write32(frame, PAYLOAD, (type << 24) | (code << 16));
    write32(frame, PAYLOAD + 4, 0);
    this.#errors++;
    this.#send(this.#network.gateway, guest, HEADER + quoted);
  }

  #send(from: number, to: number, length: number): void {
    finishIcmp6(this.#outlet.frame, PAYLOAD, length, from, to);
    this.#outlet.sendIp(from, to, NextHeader.Icmp, length);
  }

  /** Ends the pings that wait. */
  stop(): void {
    this.#pings.stop();
  }

  inspect(): Record<string, unknown> {
    return { echoes: this.#echoes, errors: this.#errors, ...(this.#pings.absent && { pingOfTheHost: 'absent' }) };
  }
}

/** Fills in the checksum of the message of `length` bytes at `at`. */
export function finishIcmp6(bytes: Uint8Array, at: number, length: number, source: number, destination: number): void {
  write16(bytes, at + 2, 0);
  const sum = pseudoHeaderSum(source, destination, NextHeader.Icmp, length);
  write16(bytes, at + 2, ~foldSum(addToSum(sum, bytes, at, at + length)) & 0xffff);
}

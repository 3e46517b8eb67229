/**
 * The way from a NAT to its guests: one frame, used again for each, that protocols write their payload into.
 *
 *      0            14           20           34           54
 *     ┌────────────┬────────────┴────────────┴────────────┬─────────────
 *     │ Ethernet   │ IPv6                                 │ payload …        written by the protocol, then sendIp()
 *     └────────────┼────────────┬────────────┬────────────┤
 *       not sent … │            │ Ethernet   │ IPv4       │
 */
import { BROADCAST_IP, BROADCAST_MAC, writeMac } from '../packet/address.ts';
import { write16 } from '../packet/bytes.ts';
import { ETHERNET_HEADER, EtherType } from '../packet/ethernet.ts';
import { IPV4_HEADER, writeIpv4 } from '../packet/ipv4.ts';
import { FRAGMENT_HEADER, IPV6_HEADER, NextHeader, writeFragment, writeIpv6 } from '../packet/ipv6.ts';
import { Ipv6Addresses, isIpv6 } from '../packet/ipv6-addresses.ts';
import { FrameViews } from '../frame-views.ts';
import type { FrameOffload } from '../network-port.ts';
import { ARP_LENGTH, ArpOperation, writeArp } from './arp.ts';
import type { Counters } from './counters.ts';
import type { NatNetwork } from './nat-network.ts';
import type { Neighbours } from './neighbours.ts';

/** Where the payload of a packet begins in {@link Outlet.frame}, whatever its family. */
export const PAYLOAD = ETHERNET_HEADER + IPV6_HEADER;
/** Where IPv4's header begins, and ARP's message. */
const IPV4_AT = PAYLOAD - IPV4_HEADER;
/** Ethernet's least payload; shorter ones are padded with zeroes. */
const LEAST_FRAME = 60;
/** Our checksums are right: the guest need not look. */
const VERIFIED: FrameOffload = { segmentSize: 0, checksumPartial: true };

/** Sends frames to guests. */
export class Outlet {
  /** What is being written. Holds the largest packet. */
  readonly frame = new Uint8Array(PAYLOAD + 65_536);
  /** Of IPv6: who the numbers are. */
  readonly addresses = new Ipv6Addresses();
  /** Asks who has an address of IPv6. */
  solicit: (ip: number) => void = () => {};
  sink: ((frame: Uint8Array, offload?: FrameOffload) => boolean) | undefined;
  readonly #network: NatNetwork;
  readonly #mtu: number;
  readonly #neighbours: Neighbours;
  readonly #counters: Counters;
  /** Holds one fragment of {@link frame}. */
  readonly #fragment: Uint8Array;
  readonly #views = new FrameViews(this.frame);
  #identification = 0;

  constructor(network: NatNetwork, mtu: number, neighbours: Neighbours, counters: Counters) {
    this.#network = network;
    this.#mtu = mtu;
    this.#neighbours = neighbours;
    this.#counters = counters;
    this.#fragment = new Uint8Array(PAYLOAD + mtu);
  }

  /**
   * Sends the packet whose payload of `length` bytes has been written at {@link PAYLOAD}, in fragments when it is
   * larger than the MTU.
   *
   * @returns false when it did not reach the guest: its address is not known yet (it is being asked for), or its buffers
   * are full
   */
  sendIp(source: number, destination: number, protocol: number, length: number): boolean {
    const mac =
      destination === BROADCAST_IP || destination === this.#network.broadcast
        ? BROADCAST_MAC
        : this.#neighbours.find(destination);
    if (mac === undefined) {
      this.#ask(destination);
      this.#counters.drop('no-neighbour');
      return false;
    }
    return this.sendIpTo(mac, source, destination, protocol, length);
  }

  /** {@link sendIp} to a guest whose MAC address the caller knows. */
  sendIpTo(
    mac: number,
    source: number,
    destination: number,
    protocol: number,
    length: number,
    hopLimit?: number,
  ): boolean {
    if (isIpv6(destination)) return this.#sendIpv6(mac, source, destination, protocol, length, hopLimit);
    const identification = this.#identification++ & 0xffff;
    const header = { source, destination, protocol, identification, length, fragmentOffset: 0, moreFragments: false };
    if (length <= this.#mtu - IPV4_HEADER) {
      writeIpv4(this.frame, IPV4_AT, header);
      return this.#send(this.frame, mac, EtherType.Ipv4, IPV4_HEADER + length, VERIFIED);
    }
    const most = (this.#mtu - IPV4_HEADER) & ~7;
    const fragment = this.#fragment;
    for (let at = 0; at < length; at += most) {
      const part = Math.min(most, length - at);
      const moreFragments = at + part < length;
      writeIpv4(fragment, IPV4_AT, { ...header, length: part, fragmentOffset: at, moreFragments });
      fragment.set(this.frame.subarray(PAYLOAD + at, PAYLOAD + at + part), PAYLOAD);
      if (!this.#send(fragment, mac, EtherType.Ipv4, IPV4_HEADER + part)) return false;
    }
    return true;
  }

  #sendIpv6(
    mac: number,
    source: number,
    destination: number,
    next: number,
    length: number,
    hopLimit: number | undefined,
  ): boolean {
    const { addresses } = this;
    if (!addresses.knows(source) || !addresses.knows(destination)) {
      this.#counters.drop('no-neighbour');
      return false;
    }
    const header = { source, destination, next, length, ...(hopLimit !== undefined && { hopLimit }) };
    if (length <= this.#mtu - IPV6_HEADER) {
      writeIpv6(this.frame, ETHERNET_HEADER, addresses, header);
      return this.#send(this.frame, mac, EtherType.Ipv6, IPV6_HEADER + length, VERIFIED);
    }
    const identification = this.#identification++;
    const most = (this.#mtu - IPV6_HEADER - FRAGMENT_HEADER) & ~7;
    const fragment = this.#fragment;
    for (let at = 0; at < length; at += most) {
      const part = Math.min(most, length - at);
      writeIpv6(fragment, ETHERNET_HEADER, addresses, {
        ...header,
        next: NextHeader.Fragment,
        length: FRAGMENT_HEADER + part,
      });
      writeFragment(fragment, PAYLOAD, { next, offset: at, more: at + part < length, identification });
      fragment.set(this.frame.subarray(PAYLOAD + at, PAYLOAD + at + part), PAYLOAD + FRAGMENT_HEADER);
      if (!this.#send(fragment, mac, EtherType.Ipv6, IPV6_HEADER + FRAGMENT_HEADER + part)) return false;
    }
    return true;
  }

  /** Answers an ARP request, or asks. */
  sendArp(operation: number, targetMac: number, senderIp: number, targetIp: number): void {
    const senderMac = this.#network.mac;
    const asked = operation === ArpOperation.Request;
    const payload = { operation, senderMac, senderIp, targetMac: asked ? 0 : targetMac, targetIp };
    writeArp(this.frame, IPV4_AT, payload);
    this.#send(this.frame, asked ? BROADCAST_MAC : targetMac, EtherType.Arp, ARP_LENGTH);
  }

  #ask(ip: number): void {
    if (isIpv6(ip)) this.solicit(ip);
    else this.sendArp(ArpOperation.Request, BROADCAST_MAC, this.#network.gateway, ip);
  }

  #send(frame: Uint8Array, mac: number, type: number, length: number, offload?: FrameOffload): boolean {
    if (!this.sink) {
      this.#counters.drop('unplugged');
      return false;
    }
    const start = type === EtherType.Ipv6 ? 0 : IPV4_AT - ETHERNET_HEADER;
    writeMac(frame, start, mac);
    writeMac(frame, start + 6, this.#network.mac);
    write16(frame, start + 12, type);
    let total = ETHERNET_HEADER + length;
    if (total < LEAST_FRAME) {
      frame.fill(0, start + total, start + LEAST_FRAME);
      total = LEAST_FRAME;
    }
    const whole = frame === this.frame ? this.#views.of(start, total) : frame.subarray(start, start + total);
    if (!this.sink(whole, offload)) {
      this.#counters.drop('guest-full');
      return false;
    }
    this.#counters.framesOut++;
    this.#counters.bytesOut += total;
    return true;
  }
}

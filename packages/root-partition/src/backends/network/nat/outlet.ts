/**
 * The way from a NAT to its guests: one frame, used again for each, that protocols write their payload into.
 *
 *      0            14           34
 *     ┌────────────┬────────────┬─────────────
 *     │ Ethernet   │ IPv4       │ payload …        written by the protocol, then sendIp()
 *     └────────────┴────────────┴─────────────
 */
import { BROADCAST_IP, BROADCAST_MAC, writeMac } from '../packet/address.ts';
import { write16 } from '../packet/bytes.ts';
import { ETHERNET_HEADER, EtherType } from '../packet/ethernet.ts';
import { IPV4_HEADER, writeIpv4 } from '../packet/ipv4.ts';
import { FrameViews } from '../frame-views.ts';
import type { FrameOffload } from '../network-port.ts';
import { ARP_LENGTH, ArpOperation, writeArp } from './arp.ts';
import type { Counters } from './counters.ts';
import type { NatNetwork } from './nat-network.ts';
import type { Neighbours } from './neighbours.ts';

/** Where the payload of an IPv4 packet begins in {@link Outlet.frame}. */
export const PAYLOAD = ETHERNET_HEADER + IPV4_HEADER;
/** Ethernet's least payload; shorter ones are padded with zeroes. */
const LEAST_FRAME = 60;
/** Our checksums are right: the guest need not look. */
const VERIFIED: FrameOffload = { segmentSize: 0, checksumPartial: true };

/** Sends frames to guests. */
export class Outlet {
  /** What is being written. Holds the largest IPv4 packet. */
  readonly frame = new Uint8Array(ETHERNET_HEADER + 65_536);
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
    this.#fragment = new Uint8Array(ETHERNET_HEADER + mtu);
  }

  /**
   * Sends the IPv4 packet whose payload of `length` bytes has been written at {@link PAYLOAD}, in fragments when it is
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
  sendIpTo(mac: number, source: number, destination: number, protocol: number, length: number): boolean {
    const identification = this.#identification++ & 0xffff;
    const header = { source, destination, protocol, identification, length, fragmentOffset: 0, moreFragments: false };
    if (length <= this.#mtu - IPV4_HEADER) {
      writeIpv4(this.frame, ETHERNET_HEADER, header);
      return this.#send(this.frame, mac, EtherType.Ipv4, IPV4_HEADER + length, VERIFIED);
    }
    const most = (this.#mtu - IPV4_HEADER) & ~7;
    const fragment = this.#fragment;
    for (let at = 0; at < length; at += most) {
      const part = Math.min(most, length - at);
      const moreFragments = at + part < length;
      writeIpv4(fragment, ETHERNET_HEADER, { ...header, length: part, fragmentOffset: at, moreFragments });
      fragment.set(this.frame.subarray(PAYLOAD + at, PAYLOAD + at + part), PAYLOAD);
      if (!this.#send(fragment, mac, EtherType.Ipv4, IPV4_HEADER + part)) return false;
    }
    return true;
  }

  /** Answers an ARP request, or asks. */
  sendArp(operation: number, targetMac: number, senderIp: number, targetIp: number): void {
    const senderMac = this.#network.mac;
    const asked = operation === ArpOperation.Request;
    const payload = { operation, senderMac, senderIp, targetMac: asked ? 0 : targetMac, targetIp };
    writeArp(this.frame, ETHERNET_HEADER, payload);
    this.#send(this.frame, asked ? BROADCAST_MAC : targetMac, EtherType.Arp, ARP_LENGTH);
  }

  #ask(ip: number): void {
    this.sendArp(ArpOperation.Request, BROADCAST_MAC, this.#network.gateway, ip);
  }

  #send(frame: Uint8Array, mac: number, type: number, length: number, offload?: FrameOffload): boolean {
    if (!this.sink) {
      this.#counters.drop('unplugged');
      return false;
    }
    writeMac(frame, 0, mac);
    writeMac(frame, 6, this.#network.mac);
    write16(frame, 12, type);
    let total = ETHERNET_HEADER + length;
    if (total < LEAST_FRAME) {
      frame.fill(0, total, LEAST_FRAME);
      total = LEAST_FRAME;
    }
    const whole = frame === this.frame ? this.#views.of(0, total) : frame.subarray(0, total);
    if (!this.sink(whole, offload)) {
      this.#counters.drop('guest-full');
      return false;
    }
    this.#counters.framesOut++;
    this.#counters.bytesOut += total;
    return true;
  }
}

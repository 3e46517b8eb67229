/**
 * IPv6 headers (RFC 8200), and the extension headers that may come before what a packet is about:
 *
 *      0   version │ class │ flow label         next header 0, 43, 60: options and routing, 8 × (1 + length) bytes
 *      4   payload length │ next │ hop limit                44: fragment, 8 bytes
 *      8   source
 *     24   destination
 */
import { read16, read32, write16, write32 } from './bytes.ts';
import type { IpPacket } from './ip-packet.ts';
import { IPV6_ADDRESS, type Ipv6Addresses } from './ipv6-addresses.ts';

/** Next headers that no IPv4 packet has. */
export const NextHeader = {
  HopByHop: 0,
  Routing: 43,
  Fragment: 44,
  Icmp: 58,
  Nothing: 59,
  DestinationOptions: 60,
} as const;
/** Bytes of the header. */
export const IPV6_HEADER = 40;
/** Bytes of a fragment header. */
export const FRAGMENT_HEADER = 8;
/** What Neighbour Discovery asks for: a packet that was not forwarded (RFC 4861, section 7.1). */
export const HOP_LIMIT_LOCAL = 255;
const HOP_LIMIT = 64;
const MOST_EXTENSIONS = 8;

/**
 * Reads and checks a packet at `start`, up to what it is about: `protocol` is the last next header.
 *
 * @param unfinished - its length is still to be filled in: segments are to be cut from it
 * @returns what is wrong with it, or undefined
 */
export function readIpv6(
  packet: IpPacket,
  addresses: Ipv6Addresses,
  bytes: Uint8Array,
  start: number,
  limit: number,
  unfinished: boolean,
): 'ipv6-header' | 'ipv6-length' | undefined {
  if (limit - start < IPV6_HEADER || bytes[start]! >>> 4 !== 6) return 'ipv6-header';
  const end = unfinished ? limit : start + IPV6_HEADER + read16(bytes, start + 4);
  if (end > limit) return 'ipv6-length';
  packet.bytes = bytes;
  packet.start = start;
  packet.end = end;
  packet.timeToLive = bytes[start + 7]!;
  packet.source = addresses.numberOf(bytes, start + 8);
  packet.destination = addresses.numberOf(bytes, start + 8 + IPV6_ADDRESS);
  packet.identification = 0;
  packet.fragmentOffset = 0;
  packet.moreFragments = false;
  let next = bytes[start + 6]!;
  let at = start + IPV6_HEADER;
  for (let seen = 0; isExtension(next); seen++) {
    if (seen === MOST_EXTENSIONS || at + 8 > end) return 'ipv6-header';
    const length = next === NextHeader.Fragment ? FRAGMENT_HEADER : 8 + bytes[at + 1]! * 8;
    if (at + length > end) return 'ipv6-header';
    // A route through others would make us one of them (RFC 5095).
    if (next === NextHeader.Routing && bytes[at + 3] !== 0) return 'ipv6-header';
    if (next === NextHeader.Fragment) {
      packet.fragmentOffset = read16(bytes, at + 2) & 0xfff8;
      packet.moreFragments = (bytes[at + 3]! & 1) !== 0;
      packet.identification = read32(bytes, at + 4);
    }
    next = bytes[at]!;
    at += length;
    // What follows belongs to the whole.
    if (packet.fragmentOffset > 0 || packet.moreFragments) break;
  }
  packet.protocol = next;
  packet.payload = at;
  return undefined;
}

const isExtension = (next: number): boolean =>
  next === NextHeader.HopByHop ||
  next === NextHeader.Routing ||
  next === NextHeader.Fragment ||
  next === NextHeader.DestinationOptions;

/** What a header says. */
export interface Ipv6Header {
  readonly source: number;
  readonly destination: number;
  readonly next: number;
  /** Bytes that follow. */
  readonly length: number;
  readonly hopLimit?: number;
}

/** Writes a header. */
export function writeIpv6(bytes: Uint8Array, at: number, addresses: Ipv6Addresses, header: Ipv6Header): void {
  write32(bytes, at, 0x6000_0000);
  write16(bytes, at + 4, header.length);
  bytes[at + 6] = header.next;
  bytes[at + 7] = header.hopLimit ?? HOP_LIMIT;
  addresses.write(bytes, at + 8, header.source);
  addresses.write(bytes, at + 8 + IPV6_ADDRESS, header.destination);
}

/** Writes a fragment header. */
export function writeFragment(
  bytes: Uint8Array,
  at: number,
  fragment: { readonly next: number; readonly offset: number; readonly more: boolean; readonly identification: number },
): void {
  bytes[at] = fragment.next;
  bytes[at + 1] = 0;
  write16(bytes, at + 2, fragment.offset | (fragment.more ? 1 : 0));
  write32(bytes, at + 4, fragment.identification);
}

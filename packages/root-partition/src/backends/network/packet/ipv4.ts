/**
 * IPv4 headers (RFC 791):
 *
 *      0   ver/ihl │ service │ total length
 *      4   identification    │ flags, fragment offset / 8
 *      8   time to live │ protocol │ header checksum
 *     12   source
 *     16   destination
 *     20   options, to 4 × ihl
 */
import { read16, read32, write16, write32 } from './bytes.ts';
import { checksum } from './checksum.ts';
import type { IpPacket } from './ip-packet.ts';

/** Protocols inside. */
export const IpProtocol = { Icmp: 1, Tcp: 6, Udp: 17 } as const;
/** Bytes of a header without options. */
export const IPV4_HEADER = 20;
const MORE_FRAGMENTS = 0x2000;
const DONT_FRAGMENT = 0x4000;

/**
 * Reads and checks a header at `start`; the packet may be followed by padding, up to `limit`.
 *
 * @param unfinished - length and checksum are still to be filled in: segments are to be cut from the packet
 * @returns what is wrong with it, or undefined
 */
export function readIpv4(
  packet: IpPacket,
  bytes: Uint8Array,
  start: number,
  limit: number,
  unfinished: boolean,
): 'ipv4-header' | 'ipv4-length' | 'ipv4-checksum' | undefined {
  if (limit - start < IPV4_HEADER || bytes[start]! >>> 4 !== 4) return 'ipv4-header';
  const header = (bytes[start]! & 0x0f) * 4;
  if (header < IPV4_HEADER || start + header > limit) return 'ipv4-header';
  const total = unfinished ? limit - start : read16(bytes, start + 2);
  if (total < header || start + total > limit) return 'ipv4-length';
  if (!unfinished && checksum(bytes, start, start + header) !== 0) return 'ipv4-checksum';
  const fragment = read16(bytes, start + 6);
  packet.bytes = bytes;
  packet.start = start;
  packet.payload = start + header;
  packet.end = start + total;
  packet.timeToLive = bytes[start + 8]!;
  packet.protocol = bytes[start + 9]!;
  packet.source = read32(bytes, start + 12);
  packet.destination = read32(bytes, start + 16);
  packet.identification = read16(bytes, start + 4);
  packet.fragmentOffset = (fragment & 0x1fff) * 8;
  packet.moreFragments = (fragment & MORE_FRAGMENTS) !== 0;
  return undefined;
}

/** What a header says. */
export interface Ipv4Header {
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly identification: number;
  /** Bytes of payload that follow. */
  readonly length: number;
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
}

const TIME_TO_LIVE = 64;

/** Writes a header without options, checksum included. */
export function writeIpv4(bytes: Uint8Array, at: number, header: Ipv4Header): void {
  const { fragmentOffset, moreFragments } = header;
  write16(bytes, at, 0x4500);
  write16(bytes, at + 2, IPV4_HEADER + header.length);
  write16(bytes, at + 4, header.identification);
  const whole = fragmentOffset === 0 && !moreFragments;
  write16(bytes, at + 6, whole ? DONT_FRAGMENT : (moreFragments ? MORE_FRAGMENTS : 0) | (fragmentOffset >>> 3));
  bytes[at + 8] = TIME_TO_LIVE;
  bytes[at + 9] = header.protocol;
  write16(bytes, at + 10, 0);
  write32(bytes, at + 12, header.source);
  write32(bytes, at + 16, header.destination);
  write16(bytes, at + 10, checksum(bytes, at, at + IPV4_HEADER));
}

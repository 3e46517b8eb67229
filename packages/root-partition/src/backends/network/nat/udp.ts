/** UDP of a NAT (RFC 768): reads and writes datagrams, and hands each to the service or flow that it is for. */
import { read16, write16 } from '../packet/bytes.ts';
import { addToSum, foldSum, pseudoHeaderSum } from '../packet/checksum.ts';
import { isIpv6 } from '../packet/ipv6-addresses.ts';
import type { IpPacket } from '../packet/ip-packet.ts';
import { IpProtocol } from '../packet/ipv4.ts';
import { type Outlet, PAYLOAD } from './outlet.ts';

const UDP_HEADER = 8;
/** Where a datagram's data is written in the outlet's frame. */
export const UDP_DATA = PAYLOAD + UDP_HEADER;
/** The most data that a datagram has. */
export const MOST_UDP_DATA = 65_507;

/** One datagram, where it lies: filled in by {@link readDatagram}, used again for the next. */
export class Datagram {
  bytes: Uint8Array = new Uint8Array(0);
  source = 0;
  destination = 0;
  sourcePort = 0;
  destinationPort = 0;
  /** Where its data begins and ends. */
  data = 0;
  end = 0;
}

/**
 * Reads and checks the datagram in a packet.
 *
 * @param unfinished - its checksum is still to be filled in
 * @returns what is wrong with it, or undefined
 */
export function readDatagram(
  datagram: Datagram,
  { bytes, payload, end, source, destination }: IpPacket,
  unfinished: boolean,
): 'udp-header' | 'udp-checksum' | undefined {
  if (end - payload < UDP_HEADER) return 'udp-header';
  const length = read16(bytes, payload + 4);
  if (length < UDP_HEADER || payload + length > end) return 'udp-header';
  const unsummed = read16(bytes, payload + 6) === 0;
  // Only IPv4 may leave it away.
  if (!unfinished && unsummed && isIpv6(source)) return 'udp-checksum';
  if (!unfinished && !unsummed) {
    const sum = pseudoHeaderSum(source, destination, IpProtocol.Udp, length);
    if (foldSum(addToSum(sum, bytes, payload, payload + length)) !== 0xffff) return 'udp-checksum';
  }
  datagram.bytes = bytes;
  datagram.source = source;
  datagram.destination = destination;
  datagram.sourcePort = read16(bytes, payload);
  datagram.destinationPort = read16(bytes, payload + 2);
  datagram.data = payload + UDP_HEADER;
  datagram.end = payload + length;
  return undefined;
}

/** One end of a datagram's way. */
export interface UdpEnd {
  readonly ip: number;
  readonly port: number;
}

/**
 * Sends the datagram whose data has been written at {@link UDP_DATA}.
 *
 * @param mac - the guest's MAC address when the caller knows it
 */
export function sendDatagram(outlet: Outlet, from: UdpEnd, to: UdpEnd, length: number, mac?: number): boolean {
  const { frame } = outlet;
  const total = UDP_HEADER + length;
  write16(frame, PAYLOAD, from.port);
  write16(frame, PAYLOAD + 2, to.port);
  write16(frame, PAYLOAD + 4, total);
  write16(frame, PAYLOAD + 6, 0);
  const sum = addToSum(pseudoHeaderSum(from.ip, to.ip, IpProtocol.Udp, total), frame, PAYLOAD, PAYLOAD + total);
  // A sum of zero would say that there is none.
  write16(frame, PAYLOAD + 6, ~foldSum(sum) & 0xffff || 0xffff);
  if (mac === undefined) return outlet.sendIp(from.ip, to.ip, IpProtocol.Udp, total);
  return outlet.sendIpTo(mac, from.ip, to.ip, IpProtocol.Udp, total);
}

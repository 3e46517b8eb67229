/** Frames of a guest with which nothing can be done, each for a reason of its own. */
import { ethernet, GATEWAY, ipv4, tcp, udp } from '../../../src/backends/network/nat/nat-fixture.ts';

const changed = (frame: Uint8Array, at: number, value: number): Uint8Array => frame.slice().fill(value, at, at + 1);
const ipv6 = (length: number, version: number): Uint8Array =>
  ethernet(0x86dd, Uint8Array.of(version << 4, 0, 0, 0, 0, length, 59, 64, ...new Uint8Array(32)));

/** By the reason that the NAT counts them by. A frame that is too short or too long Linux itself does not send. */
export const MALFORMED: readonly (readonly [reason: string, frame: Uint8Array])[] = [
  ['not-for-us', changed(tcp(1000, 80), 5, 0x99)],
  ['ether-type', ethernet(0x88cc, new Uint8Array(40))],
  ['vlan-tag', ethernet(0x8100, new Uint8Array(40).fill(5, 1, 2))],
  ['arp', ethernet(0x0806, new Uint8Array(27))],
  ['ipv4-header', changed(tcp(1000, 80), 14, 0x44)],
  ['ipv4-length', changed(tcp(1000, 80), 16, 0xff)],
  ['ipv4-checksum', changed(tcp(1000, 80), 22, 0x01)],
  ['ipv4-protocol', ipv4(41, new Uint8Array(20))],
  ['ipv6-header', ipv6(0, 5)],
  ['ipv6-length', ipv6(200, 6)],
  ['source-address', tcp(1000, 80, {}, { source: GATEWAY })],
  ['destination-address', tcp(1000, 80, {}, { target: 0x7f000001 })],
  ['udp-header', ipv4(17, new Uint8Array(7))],
  ['udp-checksum', changed(udp(5, 53, Uint8Array.of(1)), 42, 9)],
  ['tcp-header', ipv4(6, new Uint8Array(19))],
  ['tcp-checksum', changed(tcp(1000, 80), 38, 1)],
  ['icmp', ipv4(1, new Uint8Array(8).fill(1))],
  ['dhcp', udp(68, 67, new Uint8Array(239))],
];

/** Frames for a NAT's tests, written field by field, and a NAT that keeps what it answers. */
import { HOST_CLOCK, type NetworkClock } from '../network-clock.ts';
import type { NatDescription } from '../network-description.ts';
import { openNat } from '../open-nat.ts';
import { writeMac } from '../packet/address.ts';
import { write16, write32 } from '../packet/bytes.ts';
import { addToSum, checksum, foldSum, pseudoHeaderSum } from '../packet/checksum.ts';

export const GUEST_MAC = 0x52_54_00_12_34_56;
export const GATEWAY_MAC = 0x02_00_0a_00_02_02;
export const GUEST = 0x0a00020f;
export const GATEWAY = 0x0a000202;
export const NAME_SERVER = 0x0a000203;
const TCP = 6;
const UDP = 17;

/** An Ethernet frame. */
export function ethernet(type: number, payload: Uint8Array, target = GATEWAY_MAC): Uint8Array {
  const frame = new Uint8Array(14 + payload.length);
  writeMac(frame, 0, target);
  writeMac(frame, 6, GUEST_MAC);
  write16(frame, 12, type);
  frame.set(payload, 14);
  return frame;
}

/** A frame with an IPv4 packet. */
export function ipv4(
  protocol: number,
  payload: Uint8Array,
  { source = GUEST, target = GATEWAY, fragment = 0, identification = 1, timeToLive = 64 } = {},
): Uint8Array {
  const packet = new Uint8Array(20 + payload.length);
  packet[0] = 0x45;
  write16(packet, 2, packet.length);
  write16(packet, 4, identification);
  write16(packet, 6, fragment);
  packet[8] = timeToLive;
  packet[9] = protocol;
  write32(packet, 12, source);
  write32(packet, 16, target);
  write16(packet, 10, checksum(packet, 0, 20));
  packet.set(payload, 20);
  return ethernet(0x0800, packet);
}

/** A frame with a datagram. */
export function udp(sourcePort: number, port: number, data: Uint8Array, ends: Parameters<typeof ipv4>[2] = {}) {
  const datagram = new Uint8Array(8 + data.length);
  write16(datagram, 0, sourcePort);
  write16(datagram, 2, port);
  write16(datagram, 4, datagram.length);
  datagram.set(data, 8);
  return ipv4(UDP, finished(datagram, 6, UDP, ends), ends);
}

/** A frame with a TCP segment. */
export function tcp(
  sourcePort: number,
  port: number,
  { flags = 2, sequence = 1000, acknowledgment = 0, data = new Uint8Array(0) } = {},
  ends: Parameters<typeof ipv4>[2] = {},
): Uint8Array {
  const segment = new Uint8Array(20 + data.length);
  write16(segment, 0, sourcePort);
  write16(segment, 2, port);
  write32(segment, 4, sequence);
  write32(segment, 8, acknowledgment);
  write16(segment, 12, 0x5000 | flags);
  write16(segment, 14, 0xffff);
  segment.set(data, 20);
  return ipv4(TCP, finished(segment, 16, TCP, ends), ends);
}

function finished(segment: Uint8Array, at: number, protocol: number, ends: Parameters<typeof ipv4>[2]): Uint8Array {
  const { source = GUEST, target = GATEWAY } = ends ?? {};
  const sum = pseudoHeaderSum(source, target, protocol, segment.length);
  write16(segment, at, ~foldSum(addToSum(sum, segment, 0, segment.length)) & 0xffff);
  return segment;
}

/** An ARP request of the guest. */
export function arpRequest(targetIp: number): Uint8Array {
  const message = new Uint8Array(28);
  write32(message, 0, 0x00010800);
  write32(message, 4, 0x06040001);
  writeMac(message, 8, GUEST_MAC);
  write32(message, 14, GUEST);
  write32(message, 24, targetIp);
  return ethernet(0x0806, message, 0xffff_ffff_ffff);
}

/** A NAT, and the frames that it has sent. */
export function listeningNat(description: Partial<NatDescription> = {}, clock: NetworkClock = HOST_CLOCK) {
  const port = openNat({ kind: 'nat', ...description }, clock);
  const frames: Uint8Array[] = [];
  port.onReceive((frame) => frames.push(frame.slice()) > 0);
  const dropped = () => port.inspect()['dropped'] as Record<string, number>;
  return { port, frames, dropped };
}

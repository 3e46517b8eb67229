/**
 * Addresses as numbers: a MAC address is its 48 bits, an IPv4 address its 32, unsigned. They compare, hash and key maps
 * without an object.
 */
import { read16, read32, write16, write32 } from './bytes.ts';

/** The MAC address of everybody. */
export const BROADCAST_MAC = 0xffff_ffff_ffff;
/** The IPv4 address of everybody on this wire. */
export const BROADCAST_IP = 0xffff_ffff;
const TWO_TO_32 = 2 ** 32;

/** The MAC address at `at`. */
export function readMac(bytes: Uint8Array, at: number): number {
  return read16(bytes, at) * TWO_TO_32 + read32(bytes, at + 2);
}

/** Writes a MAC address. */
export function writeMac(bytes: Uint8Array, at: number, mac: number): void {
  write16(bytes, at, Math.floor(mac / TWO_TO_32));
  write32(bytes, at + 2, mac % TWO_TO_32);
}

/** Whether a MAC address is a group's: multicast or broadcast. */
export function isGroupMac(mac: number): boolean {
  return (Math.floor(mac / 2 ** 40) & 1) === 1;
}

/** `02:00:0a:00:02:02`. */
export function formatMac(mac: number): string {
  return mac
    .toString(16)
    .padStart(12, '0')
    .replace(/..(?=.)/g, '$&:');
}

/** `10.0.2.15`. */
export function formatIp(ip: number): string {
  return `${ip >>> 24}.${(ip >>> 16) & 0xff}.${(ip >>> 8) & 0xff}.${ip & 0xff}`;
}

/** The address that a dotted quad says, or undefined when it is none. */
export function parseIp(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!parts) return undefined;
  let ip = 0;
  for (const part of parts.slice(1)) {
    if (Number(part) > 255) return undefined;
    ip = ip * 256 + Number(part);
  }
  return ip;
}

/** Whether an address is of this host only (127.0.0.0/8). */
export function isLoopback(ip: number): boolean {
  return ip >>> 24 === 127;
}

/** Whether an IPv4 address cannot be one host's: "this network", multicast, reserved and broadcast. */
export function isNoHost(ip: number): boolean {
  return ip >>> 24 === 0 || ip >>> 28 >= 14;
}

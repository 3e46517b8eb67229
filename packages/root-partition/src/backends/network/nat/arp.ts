/** ARP (RFC 826) over Ethernet for IPv4: 28 bytes of payload. */
import { readMac, writeMac } from '../packet/address.ts';
import { read16, read32, write16, write32 } from '../packet/bytes.ts';
import { EtherType } from '../packet/ethernet.ts';

/** What is asked, or answered. */
export const ArpOperation = { Request: 1, Reply: 2 } as const;
/** Bytes of a message. */
export const ARP_LENGTH = 28;
const ETHERNET = 1;

/** One message. */
export interface Arp {
  operation: number;
  senderMac: number;
  senderIp: number;
  targetMac: number;
  targetIp: number;
}

/** Reads a message, or undefined when it is not about Ethernet and IPv4. */
export function readArp(bytes: Uint8Array, at: number, end: number): Arp | undefined {
  if (end - at < ARP_LENGTH) return undefined;
  if (read16(bytes, at) !== ETHERNET || read16(bytes, at + 2) !== EtherType.Ipv4) return undefined;
  if (read16(bytes, at + 4) !== 0x0604) return undefined;
  return {
    operation: read16(bytes, at + 6),
    senderMac: readMac(bytes, at + 8),
    senderIp: read32(bytes, at + 14),
    targetMac: readMac(bytes, at + 18),
    targetIp: read32(bytes, at + 24),
  };
}

/** Writes a message. */
export function writeArp(bytes: Uint8Array, at: number, arp: Arp): void {
  write16(bytes, at, ETHERNET);
  write16(bytes, at + 2, EtherType.Ipv4);
  write16(bytes, at + 4, 0x0604);
  write16(bytes, at + 6, arp.operation);
  writeMac(bytes, at + 8, arp.senderMac);
  write32(bytes, at + 14, arp.senderIp);
  writeMac(bytes, at + 18, arp.targetMac);
  write32(bytes, at + 24, arp.targetIp);
}

/** DHCP messages (RFC 2131) and options (RFC 2132). */
import { readMac, writeMac } from '../packet/address.ts';
import { read16, read32, write16, write32 } from '../packet/bytes.ts';

/** Types of messages. */
export const DhcpType = {
  Discover: 1,
  Offer: 2,
  Request: 3,
  Decline: 4,
  Acknowledge: 5,
  Refuse: 6,
  Release: 7,
  Inform: 8,
} as const;

/** Options that are read or written here. */
export const DhcpOption = {
  SubnetMask: 1,
  Router: 3,
  NameServer: 6,
  HostName: 12,
  DomainName: 15,
  Mtu: 26,
  Broadcast: 28,
  RequestedAddress: 50,
  LeaseTime: 51,
  MessageType: 53,
  Server: 54,
  Renewal: 58,
  Rebinding: 59,
} as const;

const FIXED = 236;
const MAGIC = 0x63825363;
const PAD = 0;
const END = 255;
const REQUEST = 1;
const REPLY = 2;
const ETHERNET = 1;

/** What a client says, as far as it matters. */
export interface DhcpRequest {
  readonly type: number;
  readonly transaction: number;
  readonly broadcast: boolean;
  readonly clientIp: number;
  readonly relayIp: number;
  readonly mac: number;
  readonly requestedIp: number | undefined;
  readonly server: number | undefined;
}

/** Reads a client's message, or undefined when it is not one. */
export function readDhcp(bytes: Uint8Array, start: number, end: number): DhcpRequest | undefined {
  if (end - start < FIXED + 4 || bytes[start] !== REQUEST) return undefined;
  if (bytes[start + 1] !== ETHERNET || bytes[start + 2] !== 6) return undefined;
  if (read32(bytes, start + FIXED) !== MAGIC) return undefined;
  let type = 0;
  let requestedIp: number | undefined;
  let server: number | undefined;
  for (let at = start + FIXED + 4; at < end && bytes[at] !== END;) {
    if (bytes[at] === PAD) {
      at++;
      continue;
    }
    const length = at + 1 < end ? bytes[at + 1]! : 0;
    if (at + 2 + length > end) return undefined;
    if (bytes[at] === DhcpOption.MessageType && length === 1) type = bytes[at + 2]!;
    else if (bytes[at] === DhcpOption.RequestedAddress && length === 4) requestedIp = read32(bytes, at + 2);
    else if (bytes[at] === DhcpOption.Server && length === 4) server = read32(bytes, at + 2);
    at += 2 + length;
  }
  return {
    type,
    transaction: read32(bytes, start + 4),
    broadcast: (read16(bytes, start + 10) & 0x8000) !== 0,
    clientIp: read32(bytes, start + 12),
    relayIp: read32(bytes, start + 24),
    mac: readMac(bytes, start + 28),
    requestedIp,
    server,
  };
}

/** What is answered. An option's value is a number of 1, 2 or 4 bytes, or text. */
export interface DhcpReply {
  readonly request: DhcpRequest;
  readonly yourIp: number;
  readonly serverIp: number;
  readonly options: readonly (readonly [option: number, bytes: 1 | 2 | 4, value: number] | readonly [number, string])[];
}

/** Writes a server's message. @returns its length */
export function writeDhcp(bytes: Uint8Array, at: number, { request, yourIp, serverIp, options }: DhcpReply): number {
  bytes.fill(0, at, at + FIXED);
  write32(bytes, at, (REPLY << 24) | (ETHERNET << 16) | (6 << 8));
  write32(bytes, at + 4, request.transaction);
  write16(bytes, at + 10, request.broadcast ? 0x8000 : 0);
  write32(bytes, at + 12, request.type === DhcpType.Inform ? request.clientIp : 0);
  write32(bytes, at + 16, yourIp);
  write32(bytes, at + 20, serverIp);
  writeMac(bytes, at + 28, request.mac);
  write32(bytes, at + FIXED, MAGIC);
  let end = at + FIXED + 4;
  for (const [option, size, value] of options) {
    bytes[end] = option;
    if (typeof size === 'string') {
      const text = new TextEncoder().encode(size).subarray(0, 255);
      bytes[end + 1] = text.length;
      bytes.set(text, end + 2);
      end += 2 + text.length;
      continue;
    }
    bytes[end + 1] = size;
    for (let byte = 0; byte < size; byte++) bytes[end + 2 + byte] = value! >>> (8 * (size - 1 - byte));
    end += 2 + size;
  }
  bytes[end++] = END;
  // BOOTP's least length (RFC 1542, section 2.1).
  const least = at + 300;
  if (end < least) bytes.fill(0, end, least);
  return Math.max(end, least) - at;
}

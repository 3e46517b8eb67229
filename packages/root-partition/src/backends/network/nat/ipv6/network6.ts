/**
 * The IPv6 side of a user-mode network: a prefix of its own (RFC 4193), made from the IPv4 one, so that two networks on one
 * switch differ.
 *
 *     fd52:6c::/32, the IPv4 network's 32 bits, ::/64     ::2 gateway, and this host's own services     ::3 name server
 *     fe80::                                              the router, by its MAC address
 */
import { writeMac } from '../../packet/address.ts';
import { write16, write32 } from '../../packet/bytes.ts';
import { IPV6_ADDRESS, type Ipv6Addresses } from '../../packet/ipv6-addresses.ts';
import type { NatNetwork } from '../nat-network.ts';

const LOCAL_PREFIX = 0xfd52_006c;
const LINK_LOCAL = 0xfe80_0000;
const GATEWAY = 2;
const NAME_SERVER = 3;

/** Addresses by their numbers. */
export interface Network6 {
  /** The first 64 bits of every address inside. */
  readonly prefix: readonly [number, number];
  readonly gateway: number;
  readonly nameServer: number;
  /** The gateway's address on the link. */
  readonly router: number;
  /** `::1`, `::`, `ff02::1`. */
  readonly loopback: number;
  readonly unspecified: number;
  readonly allNodes: number;
  readonly mac: number;
}

/** The IPv6 side of a network. */
export function network6({ network, mac }: NatNetwork, addresses: Ipv6Addresses): Network6 {
  const pinned = (head: readonly [number, number], tail: readonly [number, number]): number => {
    const bytes = new Uint8Array(IPV6_ADDRESS);
    [...head, ...tail].forEach((word, i) => write32(bytes, i * 4, word));
    return addresses.pin(bytes);
  };
  const prefix = [LOCAL_PREFIX, network] as const;
  return {
    prefix,
    gateway: pinned(prefix, [0, GATEWAY]),
    nameServer: pinned(prefix, [0, NAME_SERVER]),
    router: pinned([LINK_LOCAL, 0], interfaceId(mac)),
    loopback: pinned([0, 0], [0, 1]),
    unspecified: pinned([0, 0], [0, 0]),
    allNodes: pinned([0xff02_0000, 0], [0, 1]),
    mac,
  };
}

/** What a MAC address makes of an interface's half of an address (RFC 4291, appendix A). */
function interfaceId(mac: number): readonly [number, number] {
  const bytes = new Uint8Array(8);
  writeMac(bytes, 0, mac);
  bytes.copyWithin(5, 3, 6);
  bytes[0]! ^= 2;
  write16(bytes, 3, 0xfffe);
  const view = new DataView(bytes.buffer);
  return [view.getUint32(0), view.getUint32(4)];
}

/** What may be done with an address. */
export type Scope = 'inside' | 'link' | 'multicast' | 'nobody' | 'world';

/** Where an address is. */
export function scopeOf(network: Network6, addresses: Ipv6Addresses, ip: number): Scope {
  const [first, second] = addresses.head(ip);
  if (first === network.prefix[0] && second === network.prefix[1]) return 'inside';
  if (first >>> 22 === LINK_LOCAL >>> 22) return 'link';
  if (first >>> 24 === 0xff) return 'multicast';
  // ::, ::1, and all that IPv4 has there: none of it is a way around what IPv4 forbids. Site-local: nobody's any more.
  if (first === 0 || first >>> 22 === 0xfec0_0000 >>> 22) return 'nobody';
  return 'world';
}

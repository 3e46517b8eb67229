/**
 * The addresses of a user-mode network. Those of the default one are what users know from other machines of this kind:
 *
 *     10.0.2.0/24   .2  gateway, and this host's own services     .3  name server
 *                   .15 and up: guests, by DHCP
 */
import { BROADCAST_IP, formatIp } from '../packet/address.ts';

/** Offsets into the network. */
const GATEWAY = 2;
const NAME_SERVER = 3;
const FIRST_GUEST = 15;

/** One network: plain numbers. */
export interface NatNetwork {
  /** First address: the network itself. */
  readonly network: number;
  readonly mask: number;
  /** Last address: everybody in it. */
  readonly broadcast: number;
  readonly gateway: number;
  readonly nameServer: number;
  readonly firstGuest: number;
  readonly lastGuest: number;
  /** The gateway's MAC address; the name server shares it. */
  readonly mac: number;
}

/** The network with `prefix` bits at `address`. */
export function natNetwork(address: number, prefix: number): NatNetwork {
  const mask = (BROADCAST_IP << (32 - prefix)) >>> 0;
  const network = (address & mask) >>> 0;
  const broadcast = (network | ~mask) >>> 0;
  return {
    network,
    mask,
    broadcast,
    gateway: network + GATEWAY,
    nameServer: network + NAME_SERVER,
    firstGuest: network + FIRST_GUEST,
    lastGuest: broadcast - 1,
    // Locally administered; the network's own address makes it differ between networks on one switch.
    mac: 0x0200_0000_0000 + network + GATEWAY,
  };
}

/** Whether an address belongs to the network. */
export function isInside(network: NatNetwork, ip: number): boolean {
  return (ip & network.mask) >>> 0 === network.network;
}

/** Whether an address can be a guest's: inside, and not one of ours. */
export function isGuest(network: NatNetwork, ip: number): boolean {
  return (
    isInside(network, ip) &&
    ip !== network.network &&
    ip !== network.broadcast &&
    ip !== network.gateway &&
    ip !== network.nameServer
  );
}

/** `10.0.2.0/24`. */
export function formatNetwork(network: NatNetwork): string {
  return `${formatIp(network.network)}/${32 - Math.log2(network.broadcast - network.network + 1)}`;
}

/** Checks what is asked of a user-mode network, and makes it. */
import { isIPv4 } from 'node:net';
import { invalid } from './failures.ts';
import { parseResolver } from './nat/dns-relay.ts';
import type { Forward } from './nat/forwards.ts';
import { isGuest, natNetwork, type NatNetwork } from './nat/nat-network.ts';
import { NatPort } from './nat/nat-port.ts';
import type { NetworkClock } from './network-clock.ts';
import type { ForwardDescription, NatDescription } from './network-description.ts';
import { parseIp } from './packet/address.ts';

const DEFAULT_SUBNET = '10.0.2.0/24';
const LEAST_PREFIX = 8;
const MOST_PREFIX = 28;
const DEFAULT_MTU = 1500;
const MOST_FORWARDS = 256;
const MOST_RESOLVERS = 8;
/** A label of a host name (RFC 1123, section 2.1), as DHCP gives it. */
const HOST_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** Makes the NAT. It listens on its forwarded ports only when told. @throws UserError network-invalid */
export function openNat(description: NatDescription, clock?: NetworkClock): NatPort {
  const { subnet = DEFAULT_SUBNET, forwards = [], hostname, dns, mtu = DEFAULT_MTU, hostAccess = true } = description;
  const network = networkOf(subnet);
  if (hostname !== undefined && !HOST_NAME.test(hostname)) {
    throw invalid(`"${hostname}" is no name of a host`, 'letters, digits and "-", at most 63, none at the ends');
  }
  if (forwards.length > MOST_FORWARDS) {
    throw invalid(`${forwards.length} ports are too many to forward`, `at most ${MOST_FORWARDS}`);
  }
  return new NatPort({
    network,
    mtu,
    forwards: forwards.map((forward) => forwardOf(forward, network)),
    hostname,
    resolvers: dns && dns.length > 0 ? dns.slice(0, MOST_RESOLVERS).map(resolverOf) : undefined,
    hostAccess,
    ...(clock && { clock }),
  });
}

function networkOf(subnet: string): NatNetwork {
  const [address, bits, ...rest] = subnet.split('/');
  const ip = parseIp(address!);
  const prefix = bits !== undefined && /^\d{1,2}$/.test(bits) ? Number(bits) : NaN;
  if (ip === undefined || rest.length > 0 || !(prefix >= LEAST_PREFIX && prefix <= MOST_PREFIX)) {
    throw invalid(`"${subnet}" is no network`, `such as ${DEFAULT_SUBNET}: ${LEAST_PREFIX} to ${MOST_PREFIX} bits`);
  }
  const first = ip >>> 24;
  if (first === 0 || first === 127 || first >= 224) {
    throw invalid(`guests cannot have addresses in ${subnet}`, 'use a private network, such as 10.0.2.0/24');
  }
  return natNetwork(ip, prefix);
}

function forwardOf(forward: ForwardDescription, network: NatNetwork): Forward {
  const { protocol = 'tcp', hostIp = '127.0.0.1', hostPort, guestIp, guestPort } = forward;
  const ip = guestIp === undefined ? network.firstGuest : parseIp(guestIp);
  if (ip === undefined || !isGuest(network, ip)) {
    throw invalid(`no guest can have the address ${guestIp}`, 'name an address of its network, or leave it out');
  }
  if (!isIPv4(hostIp)) {
    throw invalid(`"${hostIp}" is no IPv4 address to listen at`, '127.0.0.1 is this host only, 0.0.0.0 everybody');
  }
  for (const port of [hostPort, guestPort]) {
    if (!(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
      throw invalid(`there is no port ${port}`, 'ports are 1 to 65535');
    }
  }
  return { protocol, hostIp, hostPort, guestIp: ip, guestPort };
}

function resolverOf(text: string) {
  const resolver = parseResolver(text);
  if (!resolver) throw invalid(`"${text}" is no name server`, 'an address, such as 192.0.2.53 or 192.0.2.53:5353');
  return resolver;
}

/**
 * The DHCP server of a user-mode network (RFC 2131). The first guest has the first address, and the same guest the same
 * address as long as there are others left.
 */
import { BROADCAST_IP, BROADCAST_MAC, formatIp, formatMac } from '../packet/address.ts';
import type { Counters } from './counters.ts';
import { DhcpOption, type DhcpRequest, DhcpType, readDhcp, writeDhcp } from './dhcp-options.ts';
import type { NatNetwork } from './nat-network.ts';
import type { Outlet } from './outlet.ts';
import { type Datagram, sendDatagram, UDP_DATA } from './udp.ts';

/** Where clients ask and are answered. */
export const DHCP_SERVER_PORT = 67;
const DHCP_CLIENT_PORT = 68;
const LEASE_SECONDS = 86_400;
/** Guests of one network; more than a switch has ports. */
const MOST_LEASES = 1024;

/** What guests are told. */
export interface DhcpOptions {
  readonly network: NatNetwork;
  readonly mtu: number;
  /** The name that the guest is given, if any. */
  readonly hostname?: string | undefined;
}

/** Gives addresses to guests. */
export class DhcpServer {
  readonly #options: DhcpOptions;
  readonly #outlet: Outlet;
  readonly #counters: Counters;
  /** MAC address to address, the longest unheard first. */
  readonly #leases = new Map<number, number>();
  readonly #declined = new Set<number>();

  constructor(options: DhcpOptions, outlet: Outlet, counters: Counters) {
    this.#options = options;
    this.#outlet = outlet;
    this.#counters = counters;
  }

  /** Takes a datagram for {@link DHCP_SERVER_PORT}. */
  receive({ bytes, data, end }: Datagram): void {
    const request = readDhcp(bytes, data, end);
    const { gateway } = this.#options.network;
    if (!request || request.relayIp !== 0) return this.#counters.drop('dhcp');
    const elsewhere = request.server !== undefined && request.server !== gateway;
    switch (request.type) {
      case DhcpType.Discover: {
        const ip = this.#lease(request.mac, request.requestedIp);
        return ip === undefined ? this.#counters.drop('dhcp') : this.#answer(request, DhcpType.Offer, ip);
      }
      case DhcpType.Request: {
        if (elsewhere) return;
        const wanted = request.requestedIp ?? request.clientIp;
        const ip = this.#lease(request.mac, wanted);
        if (ip === undefined || ip !== wanted) return this.#answer(request, DhcpType.Refuse, 0);
        return this.#answer(request, DhcpType.Acknowledge, ip);
      }
      case DhcpType.Inform:
        return this.#answer(request, DhcpType.Acknowledge, 0);
      case DhcpType.Decline: {
        const ip = this.#leases.get(request.mac);
        // A guest could decline everything: then the refused ones are as good as any.
        if (this.#declined.size >= MOST_LEASES) this.#declined.clear();
        if (ip !== undefined && ip === request.requestedIp) this.#declined.add(ip);
        this.#leases.delete(request.mac);
        return;
      }
      case DhcpType.Release:
        // Kept: the same guest has the same address when it comes back.
        return;
      default:
        return this.#counters.drop('dhcp');
    }
  }

  /** The address of a guest: the one it has, or wants, or the first that is free. */
  #lease(mac: number, wanted: number | undefined): number | undefined {
    const { firstGuest, lastGuest } = this.#options.network;
    const known = this.#leases.get(mac);
    if (known !== undefined) {
      this.#leases.delete(mac);
      this.#leases.set(mac, known);
      return known;
    }
    const taken = new Set(this.#leases.values());
    const free = (ip: number) => ip >= firstGuest && ip <= lastGuest && !taken.has(ip) && !this.#declined.has(ip);
    let ip = wanted !== undefined && free(wanted) ? wanted : firstGuest;
    while (ip <= lastGuest && !free(ip)) ip++;
    if (ip > lastGuest || this.#leases.size >= MOST_LEASES) {
      const oldest = this.#leases.entries().next().value;
      if (!oldest) return undefined;
      this.#leases.delete(oldest[0]);
      ip = oldest[1];
    }
    this.#leases.set(mac, ip);
    return ip;
  }

  #answer(request: DhcpRequest, type: number, yourIp: number): void {
    const { network, mtu, hostname } = this.#options;
    const refuses = type === DhcpType.Refuse;
    const leases = yourIp !== 0;
    const length = writeDhcp(this.#outlet.frame, UDP_DATA, {
      request,
      yourIp,
      serverIp: refuses ? 0 : network.gateway,
      options: [
        [DhcpOption.MessageType, 1, type],
        [DhcpOption.Server, 4, network.gateway],
        ...(refuses
          ? []
          : ([
              [DhcpOption.SubnetMask, 4, network.mask],
              [DhcpOption.Router, 4, network.gateway],
              [DhcpOption.NameServer, 4, network.nameServer],
              [DhcpOption.Broadcast, 4, network.broadcast],
              [DhcpOption.Mtu, 2, mtu],
            ] as const)),
        ...(leases
          ? ([
              [DhcpOption.LeaseTime, 4, LEASE_SECONDS],
              [DhcpOption.Renewal, 4, LEASE_SECONDS / 2],
              [DhcpOption.Rebinding, 4, (LEASE_SECONDS / 8) * 7],
            ] as const)
          : []),
        ...(hostname !== undefined && !refuses ? ([[DhcpOption.HostName, hostname]] as const) : []),
      ],
    });
    const from = { ip: network.gateway, port: DHCP_SERVER_PORT };
    // A client without an address may take no unicast (RFC 2131, section 4.1).
    const { clientIp } = request;
    if (refuses || (request.broadcast && clientIp === 0)) {
      sendDatagram(this.#outlet, from, { ip: BROADCAST_IP, port: DHCP_CLIENT_PORT }, length, BROADCAST_MAC);
    } else {
      const ip = clientIp !== 0 ? clientIp : yourIp;
      sendDatagram(this.#outlet, from, { ip, port: DHCP_CLIENT_PORT }, length, request.mac);
    }
  }

  inspect(): Record<string, string> {
    return Object.fromEntries([...this.#leases].map(([mac, ip]) => [formatMac(mac), formatIp(ip)]));
  }
}

/**
 * Neighbour Discovery (RFC 4861) of a NAT: who has which address on the link, and the router's advertisements, by which
 * guests give themselves addresses (RFC 4862) and learn of a name server (RFC 8106).
 *
 * Guests are told of a way out only where the host has one: without, they keep to IPv4 for it.
 */
import { networkInterfaces } from 'node:os';
import type { NetworkClock } from '../../network-clock.ts';
import { readMac, writeMac } from '../../packet/address.ts';
import { write16, write32 } from '../../packet/bytes.ts';
import type { IpPacket } from '../../packet/ip-packet.ts';
import { HOP_LIMIT_LOCAL, NextHeader } from '../../packet/ipv6.ts';
import { IPV6_ADDRESS } from '../../packet/ipv6-addresses.ts';
import type { Counters } from '../counters.ts';
import type { Neighbours } from '../neighbours.ts';
import { type Outlet, PAYLOAD } from '../outlet.ts';
import { finishIcmp6 } from './icmp6.ts';
import { type Network6, scopeOf } from './network6.ts';

const Type = { RouterSolicitation: 133, RouterAdvertisement: 134, Solicitation: 135, Advertisement: 136 } as const;
const Option = { SourceMac: 1, TargetMac: 2, Prefix: 3, Mtu: 5, NameServers: 25 } as const;
/** Router, solicited, override. */
const Flag = { Router: 0x8000_0000, Solicited: 0x4000_0000, Override: 0x2000_0000 } as const;
/** Of a prefix: on this link, for addresses of one's own. */
const PREFIX_FLAGS = 0xc0;
const FOR_EVER = 0xffff_ffff;
/** Seconds; the most that a router may say. */
const ROUTER_LIFETIME = 9000;
/** Before what was advertised is too old: well within the lifetime. */
const ADVERTISE_MS = 600_000;
const HOPS = 64;
/** Solicitations and advertisements of a neighbour: type, flags, target. */
const NEIGHBOUR = 8 + IPV6_ADDRESS;
/** MAC addresses of IPv6's groups. */
const GROUP_MAC = 0x3333_0000_0000;

/** What discovery is constructed with. */
export interface DiscoveryOptions {
  readonly network: Network6;
  readonly outlet: Outlet;
  readonly counters: Counters;
  readonly neighbours: Neighbours;
  readonly clock: NetworkClock;
  readonly mtu: number;
  /** Whether the host reaches the world by IPv6; asked of its interfaces when absent. */
  readonly hasWorld?: () => boolean;
}

/** Neighbour Discovery of one NAT. */
export class Discovery {
  readonly #options: DiscoveryOptions;
  #cancel: (() => void) | undefined;
  #advertised = 0;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    options.outlet.solicit = (ip) => this.#solicit(ip);
  }

  /** Takes a message whose checksum and hop limit are right. */
  receive(packet: IpPacket, mac: number): void {
    const { counters, network } = this.#options;
    const type = packet.bytes[packet.payload]!;
    if (!optionsAreWhole(packet, type)) return counters.drop('neighbour-discovery');
    if (type === Type.RouterSolicitation)
      return this.advertise(packet.source === network.unspecified ? undefined : mac);
    if (type === Type.Solicitation) return this.#answer(packet, mac);
    // An advertisement has told by whom it was sent; that was learnt before.
    if (type !== Type.Advertisement) counters.drop('neighbour-discovery');
  }

  /** Tells one guest, or all, what there is; and again later. */
  advertise(mac?: number): void {
    const { outlet, network, clock, mtu } = this.#options;
    const { frame, addresses } = outlet;
    const { hasWorld = hostHasWorld } = this.#options;
    let at = PAYLOAD;
    write32(frame, at, Type.RouterAdvertisement << 24);
    frame[at + 4] = HOPS;
    frame[at + 5] = 0;
    write16(frame, at + 6, hasWorld() ? ROUTER_LIFETIME : 0);
    write32(frame, at + 8, 0);
    write32(frame, at + 12, 0);
    at += 16;
    frame[at] = Option.SourceMac;
    frame[at + 1] = 1;
    writeMac(frame, at + 2, network.mac);
    at += 8;
    write32(frame, at, (Option.Mtu << 24) | (1 << 16));
    write32(frame, at + 4, mtu);
    at += 8;
    write32(frame, at, (Option.Prefix << 24) | (4 << 16) | (64 << 8) | PREFIX_FLAGS);
    write32(frame, at + 4, FOR_EVER);
    write32(frame, at + 8, FOR_EVER);
    write32(frame, at + 12, 0);
    write32(frame, at + 16, network.prefix[0]);
    write32(frame, at + 20, network.prefix[1]);
    write32(frame, at + 24, 0);
    write32(frame, at + 28, 0);
    at += 32;
    write32(frame, at, (Option.NameServers << 24) | (3 << 16));
    write32(frame, at + 4, FOR_EVER);
    addresses.write(frame, at + 8, network.nameServer);
    at += 24;
    this.#send(mac ?? GROUP_MAC + 1, network.router, network.allNodes, at - PAYLOAD);
    this.#advertised++;
    this.#cancel?.();
    this.#cancel = clock.after(ADVERTISE_MS, () => this.advertise());
  }

  /** Somebody asks who has an address: one of ours, or it is not our affair. */
  #answer({ bytes, payload, source }: IpPacket, mac: number): void {
    const { network, outlet } = this.#options;
    const { frame, addresses } = outlet;
    const target = addresses.numberOf(bytes, payload + 8);
    if (target !== network.gateway && target !== network.nameServer && target !== network.router) return;
    // Whoever has no address yet wants to take this one.
    const probe = source === network.unspecified;
    write32(frame, PAYLOAD, Type.Advertisement << 24);
    write32(frame, PAYLOAD + 4, Flag.Router + Flag.Override + (probe ? 0 : Flag.Solicited));
    addresses.write(frame, PAYLOAD + 8, target);
    frame[PAYLOAD + NEIGHBOUR] = Option.TargetMac;
    frame[PAYLOAD + NEIGHBOUR + 1] = 1;
    writeMac(frame, PAYLOAD + NEIGHBOUR + 2, network.mac);
    this.#send(probe ? GROUP_MAC + 1 : mac, target, probe ? network.allNodes : source, NEIGHBOUR + 8);
  }

  /** Asks who has an address. */
  #solicit(ip: number): void {
    const { network, outlet } = this.#options;
    const { frame, addresses } = outlet;
    if (!addresses.knows(ip)) return;
    write32(frame, PAYLOAD, Type.Solicitation << 24);
    write32(frame, PAYLOAD + 4, 0);
    addresses.write(frame, PAYLOAD + 8, ip);
    // The group of those whose addresses end like this one (RFC 4291, section 2.7.1).
    const group = new Uint8Array(IPV6_ADDRESS);
    write32(group, 0, 0xff02_0000);
    write32(group, 8, 1);
    group.set(frame.subarray(PAYLOAD + 8 + 13, PAYLOAD + 8 + 16), 13);
    group[12] = 0xff;
    frame[PAYLOAD + NEIGHBOUR] = Option.SourceMac;
    frame[PAYLOAD + NEIGHBOUR + 1] = 1;
    writeMac(frame, PAYLOAD + NEIGHBOUR + 2, network.mac);
    const mac = GROUP_MAC + (readMac(group, 10) % 0x1_0000_0000);
    const from = scopeOf(network, addresses, ip) === 'link' ? network.router : network.gateway;
    this.#send(mac, from, addresses.numberOf(group, 0), NEIGHBOUR + 8);
  }

  #send(mac: number, source: number, destination: number, length: number): void {
    const { outlet } = this.#options;
    finishIcmp6(outlet.frame, PAYLOAD, length, source, destination);
    outlet.sendIpTo(mac, source, destination, NextHeader.Icmp, length, HOP_LIMIT_LOCAL);
  }

  /** Advertises no more. */
  stop(): void {
    this.#cancel?.();
  }

  inspect(): Record<string, unknown> {
    return { advertised: this.#advertised };
  }
}

/** An option says how long it is, in units of 8 bytes; one of none would go on for ever (RFC 4861, section 6.1). */
function optionsAreWhole({ bytes, payload, end }: IpPacket, type: number): boolean {
  let at = payload + (type === Type.RouterSolicitation ? 8 : type === Type.RouterAdvertisement ? 16 : NEIGHBOUR);
  if (at > end) return false;
  while (at < end) {
    const length = at + 1 < end ? bytes[at + 1]! * 8 : 0;
    if (length === 0 || at + length > end) return false;
    at += length;
  }
  return true;
}

/** Whether this host has an address of the world. */
function hostHasWorld(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family, internal, address }) => family === 'IPv6' && !internal && /^[23]/.test(address)),
  );
}

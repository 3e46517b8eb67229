/**
 * A network as people write it, field by field, on the command line and in machine files; and the description that it
 * means.
 */
import { resolve } from 'node:path';
import type { NetworkDescription } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import { switchSocket } from '../control/switch-socket.ts';
import { parseForward } from './forward-flag.ts';
import type { NetworkOption } from './options.ts';

/** What an adapter can be plugged into. */
export const NETWORK_KINDS = ['none', 'nat', 'switch', 'stream', 'passt', 'tap'] as const;
export type NetworkKind = (typeof NETWORK_KINDS)[number];

/** Every field, by the name that it has in a file and in `--net`. */
export interface NetworkFields {
  readonly kind: NetworkKind;
  /** Name or path of a switch, path of a stream, name of a TAP interface. */
  readonly to?: string | undefined;
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  readonly vlan?: number | undefined;
  readonly trunk?: readonly number[] | undefined;
  readonly isolated?: boolean | undefined;
  readonly forward?: readonly string[] | undefined;
  readonly subnet?: string | undefined;
  readonly hostname?: string | undefined;
  readonly dns?: readonly string[] | undefined;
  readonly 'no-host'?: boolean | undefined;
  /** Bits a second, such as 100M. */
  readonly bandwidth?: string | undefined;
  readonly capture?: string | undefined;
  readonly loss?: number | undefined;
  readonly delay?: number | undefined;
  readonly seed?: number | undefined;
}

const ALWAYS = ['kind', 'mac', 'bandwidth', 'capture', 'loss', 'delay', 'seed'];
const OF_KIND: Readonly<Record<NetworkKind, readonly string[]>> = {
  none: [],
  nat: ['mtu', 'forward', 'subnet', 'hostname', 'dns', 'no-host'],
  switch: ['to', 'mtu', 'vlan', 'trunk', 'isolated'],
  stream: ['to', 'mtu'],
  passt: ['mtu', 'forward', 'no-host'],
  tap: ['to', 'mtu'],
};
/** What `to` is, for those that have it. */
const DESTINATION: Readonly<Partial<Record<NetworkKind, string>>> = {
  switch: 'NAME',
  stream: 'PATH',
  tap: 'INTERFACE',
};

/** Names of all fields of a kind. */
export const fieldsOf = (kind: NetworkKind): readonly string[] => [...ALWAYS, ...OF_KIND[kind]];

/**
 * The network that is meant.
 *
 * @returns its description, or what is wrong with the fields
 */
export function networkOf(fields: NetworkFields): NetworkOption | string {
  const { kind, to, mac, mtu, vlan, trunk, isolated, subnet, hostname, dns, capture } = fields;
  const stray = Object.entries(fields).find(([name, value]) => value !== undefined && !fieldsOf(kind).includes(name));
  if (stray !== undefined) {
    const has = [...OF_KIND[kind], ...ALWAYS].filter((name) => name !== 'kind' && name !== 'to');
    return `"${stray[0]}" is not something the network ${kind} has; it has ${has.join(', ')}`;
  }
  const destination = DESTINATION[kind];
  if (destination !== undefined && to === undefined)
    return `the network ${kind} leads somewhere: ${kind}=${destination}`;
  const bandwidth = bandwidthOf(fields.bandwidth);
  if (typeof bandwidth === 'string') return bandwidth;
  const forwards = fields.forward?.map(parseForward);
  const wrong = forwards?.find((forward) => typeof forward === 'string');
  if (typeof wrong === 'string') return wrong;
  const faults = present({ loss: fields.loss, delay: fields.delay, seed: fields.seed });
  const common = {
    ...present({ mac, bandwidth, capture }),
    ...(Object.keys(faults).length > 0 && { faults }),
  };
  const hostAccess = fields['no-host'] === true ? false : undefined;
  const network: Record<string, unknown> = { kind, ...common, ...present({ mtu, forwards, hostAccess }) };
  if (kind === 'nat') Object.assign(network, present({ subnet, hostname, dns }));
  if (kind === 'switch') Object.assign(network, present({ path: pathOf(to!), vlan, trunk, isolated }));
  if (kind === 'stream') network['path'] = to;
  if (kind === 'tap') network['name'] = to;
  return network as unknown as NetworkDescription & NetworkOption;
}

/** A switch's name, or the path of its socket. */
const pathOf = (to: string): string => (to.includes('/') ? to : switchSocket(to));

function bandwidthOf(text: string | undefined): number | undefined | string {
  if (text === undefined) return undefined;
  // Networks count in thousands: 100M is 100,000,000 bits a second.
  const match = /^(\d{1,9})([KMG])?$/i.exec(text);
  if (match === null) return `"${text}" is no bandwidth: bits a second, such as 100M`;
  const power = ['K', 'M', 'G'].indexOf((match[2] ?? '').toUpperCase()) + 1;
  return Number(match[1]) * 1000 ** power;
}

/** The same network, its files found from a directory. */
export function withPaths(network: NetworkOption, directory: string): NetworkOption {
  const { capture } = network;
  return {
    ...network,
    ...(capture !== undefined && { capture: resolve(directory, capture) }),
    ...('path' in network && { path: resolve(directory, network.path) }),
  };
}

/** Adds ports to the first network that can forward. @throws UserError `flag-conflict` when there is none */
export function withForwards(networks: readonly NetworkOption[], rules: readonly string[]): NetworkOption[] {
  const all: readonly NetworkOption[] = networks.length === 0 ? [{ kind: 'nat' }] : networks;
  const index = all.findIndex(({ kind }) => kind === 'nat' || kind === 'passt');
  const first = all[index];
  if (first === undefined || (first.kind !== 'nat' && first.kind !== 'passt')) {
    throw new UserError('flag-conflict', '--forward needs a network that forwards ports', {
      hint: 'add --net nat',
    });
  }
  const added = rules.map((rule) => {
    const forward = parseForward(rule);
    if (typeof forward !== 'string') return forward;
    throw new UserError('network-option-invalid', `--forward ${rule}: ${forward}`, {
      hint: 'write --forward 2222:22: the port of this host, then the port of the guest',
    });
  });
  return all.with(index, { ...first, forwards: [...(first.forwards ?? []), ...added] });
}

/** The fields that have a value. */
function present<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

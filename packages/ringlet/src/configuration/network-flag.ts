/**
 * `--net KIND[=WHERE][,option…]`: `none`, `nat`, `switch=NAME`, `stream=PATH`, `passt`, `tap=INTERFACE`. A comma in a value
 * is written twice.
 */
import { UserError } from '@ringlet/wire';
import { nearMiss } from './near-miss.ts';
import { fieldsOf, NETWORK_KINDS, type NetworkFields, type NetworkKind, networkOf } from './network-fields.ts';
import type { NetworkOption } from './options.ts';

const HINT = 'write --net nat, switch=NAME, stream=PATH, passt, tap=INTERFACE or none, then options: ,mac=… ,mtu=1500';
const FLAGS = ['isolated', 'no-host'];
const LISTS = ['forward', 'dns'];
const NUMBERS = ['mtu', 'vlan', 'delay', 'seed'];

/** Reads one `--net` value. @throws UserError `network-option-invalid` */
export function parseNetworkFlag(text: string): NetworkOption {
  const network = readNetwork(text);
  if (typeof network !== 'string') return network;
  throw new UserError('network-option-invalid', `--net ${text}: ${network}`, { hint: HINT });
}

/** The network that a text means, or what is wrong with it. */
export function readNetwork(text: string): NetworkOption | string {
  const [first = '', ...words] = text.replaceAll(',,', '\0').split(',');
  const [kind, to] = halves(first);
  if (!isKind(kind)) {
    const meant = nearMiss(kind, NETWORK_KINDS);
    return `"${kind}" is no network; ${meant === undefined ? `there are ${NETWORK_KINDS.join(', ')}` : `did you mean "${meant}"?`}`;
  }
  const fields: Record<string, unknown> = { kind, ...(to !== undefined && { to }) };
  for (const word of words) {
    const [key, value] = halves(word);
    const wrong = take(fields, kind, key, value);
    if (wrong !== undefined) return wrong;
  }
  return networkOf(fields as unknown as NetworkFields);
}

/** Takes one option. @returns what is wrong with it */
function take(fields: Record<string, unknown>, kind: NetworkKind, key: string, value: string | undefined) {
  const known = fieldsOf(kind).filter((name) => name !== 'kind' && name !== 'to');
  if (!known.includes(key)) {
    const meant = nearMiss(key, known);
    const guess = meant === undefined ? `it has ${known.join(', ')}` : `did you mean "${meant}"?`;
    return `"${key}" is not something the network ${kind} has; ${guess}`;
  }
  if (FLAGS.includes(key)) {
    if (value !== undefined) return `"${key}" takes no value`;
    fields[key] = true;
    return undefined;
  }
  if (value === undefined || value === '') return `"${key}" needs a value: ${key}=…`;
  if (LISTS.includes(key)) {
    fields[key] = [...((fields[key] as string[] | undefined) ?? []), value];
  } else if (NUMBERS.includes(key)) {
    if (!/^\d{1,10}$/.test(value)) return `"${key}" takes a whole number`;
    fields[key] = Number(value);
  } else if (key === 'trunk') {
    if (!/^\d{1,4}(?:\+\d{1,4})*$/.test(value)) return '"trunk" takes VLANs: trunk=10+20';
    fields[key] = value.split('+').map(Number);
  } else if (key === 'loss') {
    const percent = /^(\d{1,3}(?:\.\d+)?)%$/.exec(value)?.[1];
    if (percent === undefined || Number(percent) > 100) return '"loss" takes a percentage: loss=5%';
    fields[key] = Number(percent) / 100;
  } else {
    fields[key] = value;
  }
  return undefined;
}

function halves(word: string): [key: string, value: string | undefined] {
  const at = word.indexOf('=');
  if (at < 0) return [word, undefined];
  return [word.slice(0, at), word.slice(at + 1).replaceAll('\0', ',')];
}

const isKind = (text: string): text is NetworkKind => NETWORK_KINDS.some((kind) => kind === text);

/**
 * What a machine's port says first to a switch, before any frame: its name, VLANs and isolation. Its prefix is no length
 * that a frame can have, so that nothing a guest sends can be taken for it; who says nothing (QEMU, passt) is an access
 * port of VLAN 1.
 *
 *     ┌──────────────────────────┬─────────────────┬── frames …
 *     │ 0x52000000 + length, u32 │ JSON            │            big-endian
 *     └──────────────────────────┴─────────────────┴──
 */
import { write32 } from '../packet/bytes.ts';
import { Membership, type MembershipDescription } from './membership.ts';

/** The high byte of the prefix: R. */
const HELLO = 0x52;
/** The longest JSON: 4094 VLANs and a name. */
export const MOST_HELLO = 32 * 1024;

/** What is said. */
export interface Hello extends MembershipDescription {
  readonly name: string;
}

/** What is said instead by who only wants to know how things are: the answer is JSON, and the end. */
export interface Question {
  readonly ask: 'inspect';
}

/** The bytes of a hello. */
export function writeHello(hello: Hello | Question): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(hello));
  const bytes = new Uint8Array(4 + json.length);
  write32(bytes, 0, (HELLO << 24) + json.length);
  bytes.set(json, 4);
  return bytes;
}

/** The length of the JSON that follows a prefix; undefined when it is a frame's. @param prefix - 4 bytes as a number */
export function helloLength(prefix: number): number | undefined {
  return prefix >>> 24 === HELLO ? prefix & 0xffffff : undefined;
}

/** Reads the JSON of a hello, or undefined when it says what no port can be. */
export function readHello(json: Uint8Array): Hello | Question | undefined {
  let said: unknown;
  try {
    said = JSON.parse(new TextDecoder().decode(json));
  } catch {
    return undefined;
  }
  if (typeof said !== 'object' || said === null) return undefined;
  const { ask, name, vlan, trunk, isolated } = said as Record<string, unknown>;
  if (ask === 'inspect') return { ask };
  if (typeof name !== 'string' || name.length > 128) return undefined;
  if (vlan !== undefined && typeof vlan !== 'number') return undefined;
  if (isolated !== undefined && typeof isolated !== 'boolean') return undefined;
  if (trunk !== undefined && !(Array.isArray(trunk) && trunk.every((id) => typeof id === 'number'))) return undefined;
  const hello: Hello = {
    name,
    ...(vlan !== undefined && { vlan }),
    ...(trunk !== undefined && { trunk: trunk as number[] }),
    ...(isolated !== undefined && { isolated }),
  };
  return Membership.complaint(hello) === undefined ? hello : undefined;
}

/**
 * What a machine's port says first to a switch, before any frame: its name, VLANs and isolation. Its prefix is no length
 * that a frame can have, so that nothing a guest sends can be taken for it; who says nothing (QEMU, passt) is an access
 * port of VLAN 1.
 *
 *     ┌──────────────────────────┬─────────────────┬── frames …
 *     │ 0x52000000 + length, u32 │ JSON            │            big-endian
 *     └──────────────────────────┴─────────────────┴──
 *
 * Who says which address its adapter has gets an answer of the same form before any frame: it is plugged in, or another port
 * has that address.
 */
import { write32 } from '../packet/bytes.ts';
import { Membership, type MembershipDescription } from './membership.ts';

/** The high byte of the prefix: R. */
const HELLO = 0x52;
const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;
/** The longest JSON: 4094 VLANs and a name. */
export const MOST_HELLO = 32 * 1024;

/** What is said. */
export interface Hello extends MembershipDescription {
  readonly name: string;
  /** Its adapter's address, such as `02:52:6c:00:00:01`, which no other port of its VLANs may have. */
  readonly mac?: string;
}

/** What a switch answers. */
export interface HelloAnswer {
  /** Name of the port that has the address already; it is plugged in when absent. */
  readonly takenBy?: string;
}

/** What is said instead by who only wants to know how things are: the answer is JSON, and the end. */
export interface Question {
  readonly ask: 'inspect';
}

/** The bytes of a hello. */
export function writeHello(hello: Hello | Question | HelloAnswer): Uint8Array {
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
  const { ask, name, mac, vlan, trunk, isolated } = said as Record<string, unknown>;
  if (ask === 'inspect') return { ask };
  if (typeof name !== 'string' || name.length > 128) return undefined;
  if (mac !== undefined && !(typeof mac === 'string' && MAC.test(mac))) return undefined;
  if (vlan !== undefined && typeof vlan !== 'number') return undefined;
  if (isolated !== undefined && typeof isolated !== 'boolean') return undefined;
  if (trunk !== undefined && !(Array.isArray(trunk) && trunk.every((id) => typeof id === 'number'))) return undefined;
  const hello: Hello = {
    name,
    ...(mac !== undefined && { mac }),
    ...(vlan !== undefined && { vlan }),
    ...(trunk !== undefined && { trunk: trunk as number[] }),
    ...(isolated !== undefined && { isolated }),
  };
  return Membership.complaint(hello) === undefined ? hello : undefined;
}

/** Reads the JSON of an answer; undefined when it is none. */
export function readAnswer(json: Uint8Array): HelloAnswer | undefined {
  try {
    const { takenBy } = JSON.parse(new TextDecoder().decode(json)) as { takenBy?: unknown };
    return typeof takenBy === 'string' ? { takenBy } : {};
  } catch {
    return undefined;
  }
}

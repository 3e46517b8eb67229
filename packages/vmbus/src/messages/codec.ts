/**
 * Bytes to messages and back, for both ends.
 *
 * What arrives is untrusted: decoding gives a {@link Message} or a named {@link MessageFault}, and never throws. What is
 * sent is ours: encoding a body that does not fit its declaration is our own mistake and throws.
 */
import { invariant, type Struct } from '@ringlet/wire';
import {
  HEADER_BYTES,
  MAX_MESSAGE_BYTES,
  messages,
  type BodyOf,
  type Direction,
  type Message,
  type MessageName,
  type MessageRow,
  type ToChild,
  type ToRoot,
} from './catalogue.ts';
import { ContactTarget, InitiateContact } from './connection.ts';
import { FeatureFlag, Version } from './version.ts';

/** Why bytes are not a message. */
export type MessageFaultReason =
  /** Shorter than the header, or than the shortest form of its number. */
  | 'too-short'
  | 'too-long'
  /** No message has this number. */
  | 'unknown-type'
  /** The other end sends these. */
  | 'wrong-direction'
  /** Needs a newer version, or a feature, than what was negotiated. */
  | 'not-negotiated'
  /** Contradicts itself. */
  | 'malformed';

/** What decoding gives instead of a message. */
export interface MessageFault {
  /** Why it is no message. */
  readonly fault: MessageFaultReason;
  /** The number found, -1 when there was none. */
  readonly type: number;
}

/** What has been negotiated; both 0 before a connection. */
export interface Negotiated {
  /** As on the wire: the major version in the upper half. */
  readonly version: number;
  /** Feature flags that both ends have, of version 6.0 and later. */
  readonly features: number;
}

/** Nothing negotiated yet: contacts and the few messages that need no connection. */
export const NOTHING_NEGOTIATED: Negotiated = { version: 0, features: 0 };

interface NamedRow extends MessageRow {
  readonly name: MessageName;
}

/** Rows by number, the longest form first. */
const rowsByType = new Map<number, NamedRow[]>();
for (const [name, row] of Object.entries(messages) as [MessageName, MessageRow][]) {
  const rows = rowsByType.get(row.type) ?? [];
  rows.push({ ...row, name });
  rows.sort((a, b) => b.body.size - a.body.size);
  rowsByType.set(row.type, rows);
}

/** Decodes what a child sent. */
export const decodeToRoot = (data: Uint8Array, negotiated: Negotiated): Message<ToRoot> | MessageFault =>
  decode(data, 'to-root', negotiated) as Message<ToRoot> | MessageFault;

/** Decodes what the root sent. */
export const decodeToChild = (data: Uint8Array, negotiated: Negotiated): Message<ToChild> | MessageFault =>
  decode(data, 'to-child', negotiated) as Message<ToChild> | MessageFault;

/** Whether decoding failed. */
export const isFault = (result: Message | MessageFault): result is MessageFault => 'fault' in result;

/**
 * Encodes a message, header included.
 *
 * @throws Error when `body` does not fit the declaration of `name`.
 */
export function encodeMessage<N extends MessageName>(name: N, body: BodyOf<N>): Uint8Array {
  const row: MessageRow = messages[name];
  const tail = row.tail ? (body as { tail: Uint8Array }).tail : undefined;
  const size = HEADER_BYTES + row.body.size + (tail?.length ?? 0);
  invariant(size <= MAX_MESSAGE_BYTES, 'a bus message fits one SynIC message');
  invariant((tail?.length ?? 0) % 8 === 0, 'a range buffer is cut at 8-byte units');
  const data = new Uint8Array(size);
  const view = new DataView(data.buffer);
  view.setUint32(0, row.type, true);
  (row.body as Struct<any>).write(view, HEADER_BYTES, body as never);
  if (tail !== undefined) data.set(tail, HEADER_BYTES + row.body.size);
  return data;
}

/** Packs SINT, VTL and feature flags into a contact's eight bytes. */
export const packContactTarget = (target: ContactTarget): bigint =>
  BigInt(target.sint) | (BigInt(target.vtl) << 8n) | (BigInt(target.featureFlags) << 32n);

/** Unpacks what {@link packContactTarget} packs. */
export const unpackContactTarget = (packed: bigint): ContactTarget => ({
  sint: Number(packed & 0xffn),
  vtl: Number((packed >> 8n) & 0xffn),
  featureFlags: Number(packed >> 32n),
});

function decode(data: Uint8Array, direction: Direction, negotiated: Negotiated): Message | MessageFault {
  if (data.length < HEADER_BYTES) return { fault: 'too-short', type: -1 };
  // Copied before it is looked at: the caller may have handed a view of memory that its peer can write.
  const copy = data.slice(0, Math.min(data.length, MAX_MESSAGE_BYTES + 1));
  const view = new DataView(copy.buffer);
  const type = view.getUint32(0, true);
  if (copy.length > MAX_MESSAGE_BYTES) return { fault: 'too-long', type };
  const rows = rowsByType.get(type);
  if (rows === undefined) return { fault: 'unknown-type', type };
  if (rows[0]!.direction !== direction) return { fault: 'wrong-direction', type };

  const against = type === messages.InitiateContact.type ? requestedBy(copy, view) : negotiated;
  let fault: MessageFaultReason = 'not-negotiated';
  for (const row of rows) {
    const allowed = row.since <= against.version && (row.features === 0 || (row.features & against.features) !== 0);
    if (!allowed) continue;
    // A client id was promised: the short form would be read as a contact without one.
    const promised = type === messages.InitiateContact.type && (against.features & FeatureFlag.ClientId) !== 0;
    if (promised && row.name === 'InitiateContact') return { fault: 'malformed', type };
    if (copy.length < HEADER_BYTES + row.body.size) {
      fault = 'too-short';
      continue;
    }
    const body = row.body.read(view, HEADER_BYTES) as Record<string, unknown>;
    // Some firmware always sends the longest message: what does not make a whole unit is not part of the list.
    const tailAt = HEADER_BYTES + row.body.size;
    if (row.tail) body['tail'] = copy.slice(tailAt, tailAt + ((copy.length - tailAt) & ~7));
    return { name: row.name, body } as Message;
  }
  return { fault, type };
}

/** A contact is read in the version it asks for: none has been negotiated yet. */
function requestedBy(copy: Uint8Array, view: DataView): Negotiated {
  if (copy.length < HEADER_BYTES + InitiateContact.size) return NOTHING_NEGOTIATED;
  const version = view.getUint32(HEADER_BYTES + InitiateContact.at.version, true);
  const flagsAt = HEADER_BYTES + InitiateContact.at.interruptPageOrTarget + ContactTarget.at.featureFlags;
  return { version, features: version < Version.V6_0 ? 0 : view.getUint32(flagsAt, true) };
}

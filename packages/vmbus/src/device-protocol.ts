/**
 * Device protocol: what crosses the channel of a device, declared once.
 *
 *     export const Protocol = protocol({
 *       name: 'thermometer',
 *       interfaceId: '…', instanceId: '…',
 *       messages: {
 *         Read: { tag: 1, from: 'guest', about: 'asks how warm it is', fields: { sensor: u32 } },
 *         Warmth: { tag: 2, from: 'host', about: 'answers', fields: { sensor: u32, millikelvin: u32 } },
 *       },
 *     });
 *
 * The codecs of both ends, the C header, the page of the device, traces and dissectors are made of this one declaration.
 * On the wire a message is its tag, a 32-bit word, and its fields behind it.
 */
import { type Field, isGuid, type Shape, type Struct, struct, u32, type ValueOf } from '@ringlet/wire';
import type { OfferDescription } from './device.ts';

/** Who sends a message: the guest's driver, the device, or each of them. */
export type MessageSender = 'guest' | 'host' | 'both';

/** One message, as it is declared. */
export interface DeviceMessageRow<S extends Shape = Shape> {
  /** First word of the message, by which it is told from the others. */
  readonly tag: number;
  /** Which end sends it. */
  readonly from: MessageSender;
  /** What it is for, in a few words: shown in traces and on the device's page. */
  readonly about: string;
  /** What follows the tag, in wire order. */
  readonly fields: S;
}

/** One message, for whoever shows it. */
export interface DeviceMessage {
  /** As it is declared. */
  readonly name: string;
  /** The 32-bit word that it begins with. */
  readonly tag: number;
  /** Which end sends it. */
  readonly from: MessageSender;
  /** What it says, in a sentence. */
  readonly about: string;
  /** The whole message: its tag as field `tag`, then its fields. */
  readonly struct: Struct<Shape>;
}

/** What a device's channel carries, for whoever shows it. */
export interface ProtocolDescription {
  /** The device's name. */
  readonly name: string;
  /** GUID that drivers find it by. */
  readonly interfaceId: string;
  /** GUID of the one device. */
  readonly instanceId: string;
  /** In the order of their declaration. */
  readonly messages: readonly DeviceMessage[];
}

/** Messages by name, as they are declared. */
export type DeviceMessageRows = Readonly<Record<string, DeviceMessageRow>>;

/** What is declared: see {@link protocol}. */
export interface ProtocolDeclaration<Rows extends DeviceMessageRows> {
  /** For people. */
  readonly name: string;
  /** What kind of device speaks it. A GUID. */
  readonly interfaceId: string;
  /** Which device. A GUID. */
  readonly instanceId: string;
  /** Each message by its name. */
  readonly messages: Rows;
}

/** A message that was received: its name as `message`, and its fields. */
export type DecodedMessage<Rows extends DeviceMessageRows> = {
  [Name in keyof Rows]: { readonly message: Name } & ValueOf<Rows[Name]['fields']>;
}[keyof Rows];

/** A protocol: its description, and the codec made from it. */
export interface DeviceProtocol<Rows extends DeviceMessageRows> extends ProtocolDescription {
  /** What the bus announces of the device. More can be added: `{ ...Protocol.offer, maxSubchannels: 3 }`. */
  readonly offer: OfferDescription;
  /** A message, ready to be sent. */
  encode<Name extends keyof Rows>(name: Name, fields: ValueOf<Rows[Name]['fields']>): Uint8Array;
  /** What was received; `undefined` when it is no message of this protocol, or not all of one. Longer input is fine. */
  decode(data: Uint8Array): DecodedMessage<Rows> | undefined;
}

/** A protocol's declared messages: `type Request = MessageOf<typeof Protocol>`. */
export type MessageOf<P> = P extends DeviceProtocol<infer Rows> ? DecodedMessage<Rows> : never;

const TAG_BYTES = 4;

/** Declares what crosses a device's channel. @throws Error when the declaration contradicts itself: found at load time */
export function protocol<const Rows extends DeviceMessageRows>(
  declaration: ProtocolDeclaration<Rows>,
): DeviceProtocol<Rows> {
  const { name, interfaceId, instanceId } = declaration;
  for (const id of [interfaceId, instanceId]) {
    if (!isGuid(id)) throw new Error(`${name}: "${id}" is not a GUID in lower case`);
  }
  const byName = new Map<string, DeviceMessage>();
  const byTag = new Map<number, DeviceMessage>();
  for (const [message, { tag, from, about, fields }] of Object.entries(declaration.messages)) {
    const other = byTag.get(tag);
    if (other) throw new Error(`${name}: ${other.name} and ${message} have the same tag, ${tag}`);
    if ('tag' in fields || 'message' in fields) throw new Error(`${name}: ${message} has a field "tag" or "message"`);
    const shape: Record<string, Field<unknown>> = { tag: u32, ...fields };
    const size = Object.values(shape).reduce((sum, field) => sum + field.size, 0);
    const row = { name: message, tag, from, about, struct: struct(message, size, shape) };
    byName.set(message, row);
    byTag.set(tag, row);
  }
  return {
    name,
    interfaceId,
    instanceId,
    messages: [...byName.values()],
    offer: { name, interfaceId, instanceId },
    encode(message, fields) {
      const row = byName.get(message as string)!;
      return row.struct.encode({ ...fields, tag: row.tag } as ValueOf<Shape>);
    },
    decode(data) {
      if (data.length < TAG_BYTES) return undefined;
      const tag = new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(0, true);
      const row = byTag.get(tag);
      const value = row?.struct.decode(data);
      if (!row || !value) return undefined;
      const { tag: _, ...fields } = value as Record<string, unknown>;
      return { message: row.name, ...fields } as unknown as DecodedMessage<Rows>;
    },
  };
}

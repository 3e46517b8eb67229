/**
 * The catalogue: every bus message, its number, its direction, the version it needs and its layout.
 *
 * One declaration feeds both ends' codecs, the traces and the fuzzers. Two rows may share a number: forms of one message
 * that differ by size alone, the longer listed under its own name.
 */
import type { Infer, Struct } from '@ringlet/wire';
import * as channel from './channel.ts';
import * as connection from './connection.ts';
import { FeatureFlag, Version } from './version.ts';

/** Bytes of the header {type u32, zero u32} before every body. */
export const HEADER_BYTES = 8;
/** Most bytes of a message: the payload of one SynIC message. */
export const MAX_MESSAGE_BYTES = 240;
/** Type of the SynIC message that carries a bus message. */
export const SYNIC_MESSAGE_TYPE = 1;

/** Which end sends a message. */
export type Direction = 'to-root' | 'to-child';

/** One row of the catalogue. */
export interface MessageRow<
  D extends Direction = Direction,
  Body extends Struct<any> = Struct<any>,
  Tail extends boolean = boolean,
> {
  /** Message number, the first word on the wire. */
  readonly type: number;
  /** Which end sends it. */
  readonly direction: D;
  /** Lowest version that may use it; 0 when no connection is needed. */
  readonly since: number;
  /** Feature flags of which one must have been negotiated; 0 when none. */
  readonly features: number;
  /** Its fields, behind the number and a reserved word. */
  readonly body: Body;
  /** Whether whole 8-byte units may follow the body. */
  readonly tail: Tail;
}

const ANY = Version.V2_4;
const ALWAYS = 0;

function row<const D extends Direction, B extends Struct<any>>(
  type: number,
  direction: D,
  since: number,
  body: B,
  features = 0,
): MessageRow<D, B, false> {
  return { type, direction, since, features, body, tail: false };
}

function withTail<const D extends Direction, B extends Struct<any>>(
  type: number,
  direction: D,
  since: number,
  body: B,
): MessageRow<D, B, true> {
  return { type, direction, since, features: 0, body, tail: true };
}

const { V4_0, V4_1, V5_2, V5_3, V6_0 } = Version;
const { GuestSpecifiedSignal, InterruptRedirection, ModifyConnection, ClientId, PauseResume, ServerMonitorPages } =
  FeatureFlag;

/** All messages by name. Where numbers repeat, the longest form that fits and is allowed wins. */
// prettier-ignore
export const messages = {
  OfferChannel:                 row(1, 'to-child', ANY, connection.OfferChannel),
  RescindChannelOffer:          row(2, 'to-child', ANY, connection.ChannelOnly),
  RequestOffers:                row(3, 'to-root', ANY, connection.Nothing),
  AllOffersDelivered:           row(4, 'to-child', ANY, connection.Nothing),
  OpenChannel:                  row(5, 'to-root', ANY, channel.OpenChannel),
  OpenChannel2:                 row(5, 'to-root', V6_0, channel.OpenChannel2, GuestSpecifiedSignal | InterruptRedirection),
  OpenResult:                   row(6, 'to-child', ANY, channel.OpenResult),
  CloseChannel:                 row(7, 'to-root', ANY, connection.ChannelOnly),
  GpadlHeader:                  withTail(8, 'to-root', ANY, channel.GpadlHeader),
  GpadlBody:                    withTail(9, 'to-root', ANY, channel.GpadlBody),
  GpadlCreated:                 row(10, 'to-child', ANY, channel.GpadlCreated),
  GpadlTeardown:                row(11, 'to-root', ANY, channel.GpadlTeardown),
  GpadlTorndown:                row(12, 'to-child', ANY, channel.GpadlTorndown),
  RelidReleased:                row(13, 'to-root', ANY, connection.ChannelOnly),
  InitiateContact:              row(14, 'to-root', ALWAYS, connection.InitiateContact),
  InitiateContact2:             row(14, 'to-root', V6_0, connection.InitiateContact2, ClientId),
  VersionResponse:              row(15, 'to-child', ALWAYS, connection.VersionResponse),
  VersionResponse2:             row(15, 'to-child', V6_0, connection.VersionResponse2),
  VersionResponse3:             row(15, 'to-child', V6_0, connection.VersionResponse3, ServerMonitorPages),
  Unload:                       row(16, 'to-root', ALWAYS, connection.Nothing),
  UnloadResponse:               row(17, 'to-child', ALWAYS, connection.Nothing),
  OpenReservedChannel:          row(18, 'to-root', V4_0, channel.OpenReservedChannel),
  CloseReservedChannel:         row(19, 'to-root', ALWAYS, channel.CloseReservedChannel),
  CloseReservedChannelResponse: row(20, 'to-child', ALWAYS, connection.ChannelOnly),
  TlConnectRequest:             row(21, 'to-root', V4_0, channel.TlConnectRequest),
  TlConnectRequest2:            row(21, 'to-root', V5_2, channel.TlConnectRequest2),
  ModifyChannel:                row(22, 'to-root', V4_1, channel.ModifyChannel),
  TlConnectResult:              row(23, 'to-child', V4_1, channel.TlConnectResult),
  ModifyChannelResponse:        row(24, 'to-child', V5_3, channel.ModifyChannelResponse),
  ModifyConnection:             row(25, 'to-root', V6_0, connection.ModifyConnection, ModifyConnection),
  ModifyConnectionResponse:     row(26, 'to-child', V6_0, connection.ModifyConnectionResponse, ModifyConnection),
  Pause:                        row(27, 'to-root', V6_0, connection.Nothing, PauseResume),
  PauseResponse:                row(28, 'to-child', V6_0, connection.Nothing, PauseResume),
  Resume:                       row(29, 'to-root', V6_0, connection.Nothing, PauseResume),
};

/** Name of a message form. */
export type MessageName = keyof typeof messages;

/** What a message of that name carries. `tail` is absent from all but GPADL messages. */
export type BodyOf<N extends MessageName> = Infer<(typeof messages)[N]['body']> &
  ((typeof messages)[N]['tail'] extends true ? { tail: Uint8Array } : unknown);

/** A decoded message: `name` says which, `body` what it carries. */
export type Message<N extends MessageName = MessageName> = { [K in N]: { name: K; body: BodyOf<K> } }[N];

/** Names of the messages of one direction. */
export type Sent<D extends Direction> = {
  [K in MessageName]: (typeof messages)[K]['direction'] extends D ? K : never;
}[MessageName];

/** Names of the messages that a child sends. */
export type ToRoot = Sent<'to-root'>;
/** Names of the messages that the root sends. */
export type ToChild = Sent<'to-child'>;

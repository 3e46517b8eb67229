/**
 * RNDIS: the messages between a network driver and its adapter, as hv_netvsc and Windows speak them (Remote NDIS 1.0, with
 * Microsoft's per-packet information).
 *
 * Each is its type, its length, and a body. Offsets inside a body count from its first byte, at 8. Little-endian.
 *
 *     0      4        8
 *    ┌──────┬────────┬─────────────────────────────────────────────────────────────┬───────┬────────┐
 *    │ type │ length │ body: a PACKET's offsets and lengths (36 bytes), or others    │ infos │ frame  │
 *    └──────┴────────┴─────────────────────────────────────────────────────────────┴───────┴────────┘
 */
import { flags, type Infer, named, reserved, struct, u32 } from '@ringlet/wire';
import { Oid } from './oids.ts';

/** What an RNDIS message is. A peer may write any other number. */
export const RndisType = {
  Packet: 0x0000_0001,
  Initialize: 0x0000_0002,
  Halt: 0x0000_0003,
  Query: 0x0000_0004,
  Set: 0x0000_0005,
  Reset: 0x0000_0006,
  IndicateStatus: 0x0000_0007,
  KeepAlive: 0x0000_0008,
  InitializeComplete: 0x8000_0002,
  QueryComplete: 0x8000_0004,
  SetComplete: 0x8000_0005,
  ResetComplete: 0x8000_0006,
  KeepAliveComplete: 0x8000_0008,
} as const;

/** How a request ended, and what an INDICATE_STATUS tells. */
export const RndisStatus = {
  Success: 0x0000_0000,
  NetworkChange: 0x4001_0018,
  MediaConnect: 0x4001_000b,
  MediaDisconnect: 0x4001_000c,
  LinkSpeedChange: 0x4001_0013,
  Failure: 0xc000_0001,
  NotSupported: 0xc000_00bb,
  InvalidLength: 0xc001_0014,
  InvalidData: 0xc001_0015,
  BufferTooShort: 0xc001_0016,
  InvalidOid: 0xc001_0017,
  BadVersion: 0xc001_0004,
} as const;

/** Bytes of type and length, from which on offsets are counted. */
export const RNDIS_HEADER_SIZE = 8;
/** Bytes of a PACKET before its per-packet information. */
export const RNDIS_PACKET_SIZE = 44;
/** Offset that per-packet information has at least. */
export const RNDIS_PACKET_BODY_SIZE = RNDIS_PACKET_SIZE - RNDIS_HEADER_SIZE;

/** Device flag of an adapter without connections. */
export const RNDIS_CONNECTIONLESS = 1;
/** Medium 802.3. */
export const RNDIS_MEDIUM_802_3 = 0;

/** PACKET: an Ethernet frame. */
export const RndisPacket = struct('RNDIS_PACKET', RNDIS_PACKET_SIZE, {
  type: named(u32, RndisType),
  length: u32,
  dataOffset: u32,
  dataLength: u32,
  outOfBandOffset: u32,
  outOfBandLength: u32,
  outOfBandCount: u32,
  infoOffset: u32,
  infoLength: u32,
  _reserved: reserved(8),
});
export type RndisPacket = Infer<typeof RndisPacket>;

/** Guest to host: the first message of all ([MS-RNDIS] 2.2.2). */
export const RndisInitialize = struct('RNDIS_INITIALIZE_REQUEST', 24, {
  type: named(u32, RndisType),
  length: u32,
  requestId: u32,
  major: u32,
  minor: u32,
  maxTransferSize: u32,
});
/** Host to guest: what the adapter takes ([MS-RNDIS] 2.2.4). */
export const RndisInitializeComplete = struct('RNDIS_INITIALIZE_COMPLETE', 52, {
  type: named(u32, RndisType),
  length: u32,
  requestId: u32,
  status: named(u32, RndisStatus),
  major: u32,
  minor: u32,
  deviceFlags: flags(u32, { Connectionless: RNDIS_CONNECTIONLESS }),
  medium: named(u32, { Ieee8023: RNDIS_MEDIUM_802_3 }),
  /** PACKETs in one NVSP message, at most. */
  maxPackets: u32,
  maxTransferSize: u32,
  /** As a power of two: where each PACKET but the first begins. */
  alignment: u32,
  _reserved: reserved(8),
});
/** QUERY and SET; the information follows at `infoOffset`. */
export const RndisOidRequest = struct('RNDIS_OID_REQUEST', 28, {
  type: named(u32, RndisType),
  length: u32,
  requestId: u32,
  oid: named(u32, Oid),
  infoLength: u32,
  infoOffset: u32,
  _reserved: reserved(4),
});
/** Host to guest: the value that was asked for follows ([MS-RNDIS] 2.2.10). */
export const RndisQueryComplete = struct('RNDIS_QUERY_COMPLETE', 24, {
  type: named(u32, RndisType),
  length: u32,
  requestId: u32,
  status: named(u32, RndisStatus),
  infoLength: u32,
  infoOffset: u32,
});
/** SET_COMPLETE and KEEPALIVE_COMPLETE. */
export const RndisComplete = struct('RNDIS_COMPLETE', 16, {
  type: named(u32, RndisType),
  length: u32,
  requestId: u32,
  status: named(u32, RndisStatus),
});
/** HALT, KEEPALIVE: nothing but the request's number. */
export const RndisRequest = struct('RNDIS_REQUEST', 12, { type: named(u32, RndisType), length: u32, requestId: u32 });
/** Host to guest: the adapter is as after INITIALIZE ([MS-RNDIS] 2.2.12). */
export const RndisResetComplete = struct('RNDIS_RESET_COMPLETE', 16, {
  type: named(u32, RndisType),
  length: u32,
  status: named(u32, RndisStatus),
  /** 1: filters and lists must be set again. */
  addressingReset: u32,
});
/** INDICATE_STATUS; the information follows at `infoOffset`. */
export const RndisIndicateStatus = struct('RNDIS_INDICATE_STATUS', 20, {
  type: named(u32, RndisType),
  length: u32,
  status: named(u32, RndisStatus),
  infoLength: u32,
  infoOffset: u32,
});

/** What a trace has behind a QUERY_COMPLETE or SET_COMPLETE: the OID that was asked or set. No part of the message. */
export const AnsweredOid = struct('OID that is answered', 4, { oid: named(u32, Oid) });

/** RNDIS 1.0. */
export const RNDIS_VERSION = { major: 1, minor: 0 } as const;

/** QUERY's offset of its information, and that of its answer. */
export const QUERY_INFO_OFFSET = RndisOidRequest.size - RNDIS_HEADER_SIZE;
/** Where the value of a QUERY_COMPLETE begins, counted from its request id, as RNDIS counts. */
export const QUERY_COMPLETE_INFO_OFFSET = RndisQueryComplete.size - RNDIS_HEADER_SIZE;

/**
 * NVSP: the packets of a synthetic network adapter, which carry RNDIS messages and arrange where these lie.
 *
 * Follows what the Linux driver `hv_netvsc` sends and checks. A message is its type and a body of a fixed size; all
 * messages of one version are padded to the same size. Little-endian.
 *
 *     0      4                                28             40
 *    ┌──────┬────────────────────────────────┬──────────────┐
 *    │ type │ body                           │ since 6.1    │
 *    └──────┴────────────────────────────────┴──────────────┘
 */
import { array, flags, type Infer, named, reserved, struct, u16, u32, u64 } from '@ringlet/wire';

/** Interface type of a network adapter's offer. */
export const NETWORK_INTERFACE = 'f8615163-df3e-46c5-913f-f2d2f965ed0e';

/** What an NVSP message is. A peer may write any other number. */
export const NvspType = {
  Init: 1,
  InitComplete: 2,
  SendNdisVersion: 100,
  SendReceiveBuffer: 101,
  SendReceiveBufferComplete: 102,
  RevokeReceiveBuffer: 103,
  SendSendBuffer: 104,
  SendSendBufferComplete: 105,
  RevokeSendBuffer: 106,
  SendRndisPacket: 107,
  SendRndisPacketComplete: 108,
  SendNdisConfig: 125,
  SendVfAssociation: 128,
  SwitchDataPath: 129,
  Subchannel: 133,
  SendIndirectionTable: 134,
} as const;

/** Versions of the protocol, by the Windows release that introduced them. */
export const NvspVersion = {
  V1: 0x0000_0002,
  V2: 0x0003_0002,
  V4: 0x0004_0000,
  V5: 0x0005_0000,
  V6: 0x0006_0000,
  V61: 0x0006_0001,
} as const;

/** How a request ended. */
export const NvspStatus = {
  None: 0,
  Success: 1,
  Fail: 2,
  ProtocolTooNew: 3,
  ProtocolTooOld: 4,
  InvalidRndisPacket: 5,
  Busy: 6,
} as const;

/** What an RNDIS message that NVSP carries is about. */
export const RndisChannel = { Data: 0, Control: 1 } as const;

/** Capabilities in a SEND_NDIS_CONFIG, as bits of its low word. */
export const NdisCapability = {
  Vmq: 1,
  Chimney: 2,
  Sriov: 4,
  Ieee8021q: 8,
  CorrelationId: 16,
  Teaming: 32,
  Rsc: 128,
} as const;

/** Bytes of a message before version 6.1. */
export const NVSP_SIZE = 28;
/** Bytes of a message since version 6.1. */
export const NVSP_SIZE_V61 = 40;
/** The index that means "no section of the send buffer". */
export const NO_SECTION = 0xffff_ffff;
/** Id by which the receive buffer is known: its transfer page set. */
export const RECEIVE_BUFFER_ID = 0xcafe;
/** Id of the send buffer. */
export const SEND_BUFFER_ID = 0;
/** Entries of the table by which a guest chooses among channels to send by. */
export const SEND_INDIRECTION_ENTRIES = 16;
/** The one operation of a {@link NvspType.Subchannel} message: allocate. */
export const ALLOCATE_SUBCHANNELS = 1;

/** Size of all messages of a version. */
export function nvspSize(version: number): number {
  return version >= NvspVersion.V61 ? NVSP_SIZE_V61 : NVSP_SIZE;
}

/** INIT: the one version that is offered, twice. */
export const NvspInit = struct('NVSP_MESSAGE_INIT', 12, { type: u32, lowest: u32, highest: u32 });
/** INIT_COMPLETE. */
export const NvspInitComplete = struct('NVSP_MESSAGE_INIT_COMPLETE', 16, {
  type: u32,
  /** Deprecated: the version when that is 1, else all ones. */
  version: u32,
  maximumMdlChain: u32,
  status: named(u32, NvspStatus),
});
/** Guest to host: the NDIS version that its messages are of. */
export const NvspNdisVersion = struct('NVSP_1_MESSAGE_SEND_NDIS_VERSION', 12, { type: u32, major: u32, minor: u32 });
/** SEND_RECEIVE_BUFFER and SEND_SEND_BUFFER. */
export const NvspBuffer = struct('NVSP_1_MESSAGE_SEND_BUFFER', 12, {
  type: u32,
  gpadl: u32,
  id: u16,
  _reserved: reserved(2),
});
/** REVOKE_RECEIVE_BUFFER and REVOKE_SEND_BUFFER. */
export const NvspRevoke = struct('NVSP_1_MESSAGE_REVOKE_BUFFER', 8, { type: u32, id: u16, _reserved: reserved(2) });
/** Answer to SEND_RECEIVE_BUFFER, with its one section. */
export const NvspReceiveBufferComplete = struct('NVSP_1_MESSAGE_SEND_RECEIVE_BUFFER_COMPLETE', 28, {
  type: u32,
  status: named(u32, NvspStatus),
  sections: u32,
  offset: u32,
  /** Bytes of one suballocation. */
  size: u32,
  count: u32,
  endOffset: u32,
});
/** Host to guest: the answer to the send buffer, with the bytes that each message may fill of it. */
export const NvspSendBufferComplete = struct('NVSP_1_MESSAGE_SEND_SEND_BUFFER_COMPLETE', 12, {
  type: u32,
  status: named(u32, NvspStatus),
  sectionSize: u32,
});
/** Both ways: an RNDIS message, in a section of the send buffer or of the receive buffer, or beside it. */
export const NvspRndisPacket = struct('NVSP_1_MESSAGE_SEND_RNDIS_PACKET', 16, {
  type: u32,
  channel: named(u32, RndisChannel),
  section: u32,
  sectionSize: u32,
});
/** Both ways: the message was taken, and its section is free again. */
export const NvspRndisPacketComplete = struct('NVSP_1_MESSAGE_SEND_RNDIS_PACKET_COMPLETE', 8, {
  type: u32,
  status: named(u32, NvspStatus),
});
/** Guest to host: the largest frame, and what the guest can do. */
export const NvspNdisConfig = struct('NVSP_2_MESSAGE_SEND_NDIS_CONFIG', 20, {
  type: u32,
  /** MTU and Ethernet header. */
  mtu: u32,
  _reserved: reserved(4),
  capabilities: flags(u64, NdisCapability),
});
/** Guest to host: subchannels that it would like to have. */
export const NvspSubchannel = struct('NVSP_5_MESSAGE_SUBCHANNEL', 12, { type: u32, operation: u32, count: u32 });
/** Host to guest: how many subchannels will be offered. */
export const NvspSubchannelComplete = struct('NVSP_5_MESSAGE_SUBCHANNEL_COMPLETE', 12, {
  type: u32,
  status: named(u32, NvspStatus),
  count: u32,
});
/** Host to guest: which channel each hash of a frame to be sent belongs to. */
export const NvspIndirectionTable = struct('NVSP_5_MESSAGE_SEND_INDIRECTION_TABLE', 12 + 4 * SEND_INDIRECTION_ENTRIES, {
  type: u32,
  count: u32,
  /** Of the table, from the message's start. */
  offset: u32,
  table: array(u32, SEND_INDIRECTION_ENTRIES),
});
export type NvspRndisPacket = Infer<typeof NvspRndisPacket>;

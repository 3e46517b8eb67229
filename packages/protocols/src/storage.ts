/**
 * vstor: the packets of a synthetic storage controller (SCSI, or an accelerator in front of an IDE disk).
 *
 * Follows what the Linux driver `hv_storvsc` sends and checks. Every packet is a 12-byte header and a payload whose size
 * the negotiated version fixes. Little-endian, except the CDB and the data of SCSI commands, which are big-endian.
 *
 *     0           4           8          12                                   48            64
 *    ┌───────────┬───────────┬───────────┬────────────────────────────────────┬─────────────┐
 *    │ operation │ flags     │ status    │ SCSI request, version, properties… │ Win8 extras │
 *    └───────────┴───────────┴───────────┴────────────────────────────────────┴─────────────┘
 */
import { bytes, flags, type Infer, named, packed, reserved, struct, u16, u32, u64, u8 } from '@ringlet/wire';
import { ScsiStatus } from './scsi/opcodes.ts';

/** Interface type of a synthetic SCSI controller's offer. */
export const SCSI_CONTROLLER_INTERFACE = 'ba6163d9-04a1-4d29-b605-72e2ffb1dc7f';
/** Interface type of the offer that accelerates one emulated IDE disk. */
export const IDE_ACCELERATOR_INTERFACE = '32412632-86cb-44a2-9b5c-50d1417354f5';

/** What a vstor packet asks for or announces. A peer may write any other number. */
export const VstorOperation = {
  CompleteIo: 1,
  RemoveDevice: 2,
  ExecuteSrb: 3,
  ResetLun: 4,
  ResetAdapter: 5,
  ResetBus: 6,
  BeginInitialization: 7,
  EndInitialization: 8,
  QueryProtocolVersion: 9,
  QueryProperties: 10,
  EnumerateBus: 11,
  FibreChannelHbaData: 12,
  CreateSubChannels: 13,
  EventNotification: 14,
} as const;

/** Protocol versions, as `major << 8 | minor`, by the Windows release that introduced them. */
export const VstorVersion = { Win6: 0x0200, Win7: 0x0402, Win8: 0x0501, Blue: 0x0600, Threshold: 0x0602 } as const;

/** The header's status: the NT status codes that storage uses. */
export const VstorStatus = {
  Success: 0,
  BufferOverflow: 0x8000_0005,
  DeviceBusy: 0x8000_0011,
  InvalidParameter: 0xc000_000d,
  InvalidDeviceRequest: 0xc000_0010,
  RevisionMismatch: 0xc000_0059,
  DeviceNotConnected: 0xc000_009d,
  IoTimeout: 0xc000_00b5,
  DeviceDoesNotExist: 0xc000_00c0,
  Cancelled: 0xc000_0120,
  InvalidDeviceState: 0xc000_0184,
  IoDeviceError: 0xc000_0185,
} as const;

/** How the port driver's view of a request ended (`srb_status`), below the two flag bits. */
export const SrbStatus = {
  Pending: 0x00,
  Success: 0x01,
  Aborted: 0x02,
  Error: 0x04,
  Busy: 0x05,
  InvalidRequest: 0x06,
  NoDevice: 0x08,
  Timeout: 0x09,
  SelectionTimeout: 0x0a,
  CommandTimeout: 0x0b,
  BusReset: 0x0e,
  DataOverrun: 0x12,
  BadFunction: 0x22,
  InvalidLun: 0x20,
} as const;

/** Flag in `srb_status`: the sense bytes of the reply are valid. */
export const SRB_AUTOSENSE_VALID = 0x80;
/** The bits of `srb_status` that hold a {@link SrbStatus}. */
export const SRB_STATUS_MASK = 0x3f;

/** Which way data moves (`data_in`), seen from the guest. */
export const DataDirection = {
  /** The root reads guest memory: a write to the device. */
  Out: 0,
  /** The root writes guest memory: a read from the device. */
  In: 1,
  /** No data, or a direction that the guest does not know. */
  Unknown: 2,
} as const;

/** Bytes of a vstor header. */
export const VSTOR_HEADER_SIZE = 12;
/** Bytes of a packet before Windows 8 (versions 2.0 and 4.2). */
export const VSTOR_PACKET_SIZE_WIN7 = 48;
/** Bytes of a packet since Windows 8 (versions 5.1 and later). */
export const VSTOR_PACKET_SIZE = 64;
/** Bytes of CDB and of sense data in a SCSI request: a CDB is at most 16 bytes, sense 20. */
export const VSTOR_SENSE_SIZE = 20;
/** Bit 0 of the properties' flags: the controller serves subchannels. */
export const VSTOR_MULTI_CHANNEL = 1;
/** Bit 1 of the offer properties' flags: the channel is an emulated IDE disk. */
export const VSTOR_OFFER_IDE = 2;

/** Size of a packet, both ways, that a version uses. */
export function vstorPacketSize(version: number): number {
  return version >= VstorVersion.Win8 ? VSTOR_PACKET_SIZE : VSTOR_PACKET_SIZE_WIN7;
}

/** Bit 0 of a packet's flags: an answer is wanted. */
export const VSTOR_WANTS_ANSWER = 1;

/** Flags of a request, as Windows' port drivers have them. */
export const SrbFlag = {
  QueueActionEnable: 0x2,
  DisableDisconnect: 0x4,
  DisableSynchronousTransfer: 0x8,
  BypassFrozenQueue: 0x10,
  DisableAutosense: 0x20,
  DataIn: 0x40,
  DataOut: 0x80,
  NoQueueFreeze: 0x100,
  AdapterCacheEnable: 0x200,
  FreeSenseBuffer: 0x400,
} as const;

/** Which other commands of the unit a command may overtake. */
export const QueueAction = { None: 0, Simple: 0x20, HeadOfQueue: 0x21, Ordered: 0x22 } as const;

/** VSTOR_PACKET header: 12 bytes before every payload. */
export const VstorHeader = struct('VSTOR_PACKET', VSTOR_HEADER_SIZE, {
  operation: named(u32, VstorOperation),
  flags: flags(u32, { WantsAnswer: VSTOR_WANTS_ANSWER }),
  status: named(u32, VstorStatus),
});
export type VstorHeader = Infer<typeof VstorHeader>;

/** VMSCSI_REQUEST as versions 2.0 and 4.2 send it: 36 bytes. */
export const ScsiRequestWin7 = struct('VMSCSI_REQUEST (Win7)', 36, {
  length: u16,
  srbStatus: packed(u8, { srbStatus: [0, 6, SrbStatus], queueFrozen: [6, 1], autosenseValid: [7, 1] }),
  scsiStatus: named(u8, ScsiStatus),
  portNumber: u8,
  pathId: u8,
  targetId: u8,
  lun: u8,
  cdbLength: u8,
  senseInfoLength: u8,
  dataIn: named(u8, DataDirection),
  _reserved: reserved(1),
  dataTransferLength: u32,
  /** The CDB in a request, the sense data in its completion. */
  cdbOrSense: bytes(VSTOR_SENSE_SIZE),
});

/** VMSCSI_REQUEST since Windows 8: 52 bytes, the older form with queueing fields behind it. */
export const ScsiRequest = struct('VMSCSI_REQUEST', 52, {
  ...ScsiRequestWin7.shape,
  _reserved2: reserved(2),
  queueTag: u8,
  queueAction: named(u8, QueueAction),
  srbFlags: flags(u32, SrbFlag),
  timeOutValue: u32,
  queueSortKey: u32,
});
export type ScsiRequest = Infer<typeof ScsiRequest>;

/**
 * What a trace has before the data of a command: whose they are, and what the command was. It is a record of its own, and
 * crosses no channel.
 */
export const ScsiData = struct('SCSI_DATA', 32, {
  /** Transaction id of the request's packet. */
  transaction: u64,
  pathId: u8,
  targetId: u8,
  lun: u8,
  /** Bytes of CDB that its operation code stands for. */
  cdbLength: u8,
  /** Bytes of data, those that were not recorded included. */
  dataLength: u32,
  _cdb: reserved(16),
});

/** VMSTORAGE_PROTOCOL_VERSION: payload of QUERY_PROTOCOL_VERSION. */
export const VstorProtocolVersion = struct('VMSTORAGE_PROTOCOL_VERSION', 4, {
  version: named(u16, VstorVersion),
  revision: u16,
});
export type VstorProtocolVersion = Infer<typeof VstorProtocolVersion>;

/** VMSTORAGE_CHANNEL_PROPERTIES: payload of the answer to QUERY_PROPERTIES. */
export const VstorProperties = struct('VMSTORAGE_CHANNEL_PROPERTIES', 24, {
  _reserved: reserved(4),
  /** Subchannels the guest may ask for. */
  maxSubchannels: u16,
  _reserved2: reserved(2),
  flags: flags(u32, { MultiChannel: VSTOR_MULTI_CHANNEL }),
  maxTransferBytes: u32,
  _reserved3: reserved(8),
});
export type VstorProperties = Infer<typeof VstorProperties>;

/** Payload of CREATE_SUB_CHANNELS. */
export const VstorSubchannelCount = struct('VSTOR_SUB_CHANNEL_COUNT', 2, { count: u16 });

/** User-defined bytes of a storage offer, which old Windows drivers read to place an accelerated IDE disk. */
export const VstorOfferProperties = struct('VMSTORAGE_OFFER_PROPERTIES', 24, {
  _reserved: reserved(2),
  pathId: u8,
  targetId: u8,
  portNumber: u32,
  flags: u32,
  maxTransferBytes: u32,
  uniqueId: u64,
});

/** Byte offsets in a whole packet, for paths that read or write single fields in place. */
export const VstorAt = {
  operation: VstorHeader.at.operation,
  flags: VstorHeader.at.flags,
  status: VstorHeader.at.status,
  payload: VSTOR_HEADER_SIZE,
  length: VSTOR_HEADER_SIZE + ScsiRequest.at.length,
  srbStatus: VSTOR_HEADER_SIZE + ScsiRequest.at.srbStatus,
  scsiStatus: VSTOR_HEADER_SIZE + ScsiRequest.at.scsiStatus,
  portNumber: VSTOR_HEADER_SIZE + ScsiRequest.at.portNumber,
  pathId: VSTOR_HEADER_SIZE + ScsiRequest.at.pathId,
  targetId: VSTOR_HEADER_SIZE + ScsiRequest.at.targetId,
  lun: VSTOR_HEADER_SIZE + ScsiRequest.at.lun,
  cdbLength: VSTOR_HEADER_SIZE + ScsiRequest.at.cdbLength,
  senseInfoLength: VSTOR_HEADER_SIZE + ScsiRequest.at.senseInfoLength,
  dataIn: VSTOR_HEADER_SIZE + ScsiRequest.at.dataIn,
  dataTransferLength: VSTOR_HEADER_SIZE + ScsiRequest.at.dataTransferLength,
  cdb: VSTOR_HEADER_SIZE + ScsiRequest.at.cdbOrSense,
  sense: VSTOR_HEADER_SIZE + ScsiRequest.at.cdbOrSense,
} as const;

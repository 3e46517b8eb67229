/**
 * Integration components: the framing, negotiation and small payloads that heartbeat, shutdown and time sync share.
 *
 * Layouts as in Linux's `include/linux/hyperv.h` (`vmbuspipe_hdr`, `icmsg_hdr`, `icmsg_negotiate`, `shutdown_msg_data`,
 * `heartbeat_msg_data`, `ictimesync_data`, `ictimesync_ref_data`). Every message, both ways, is one in-band packet; the
 * guest answers with a packet of the same length and transaction id:
 *
 *     0        8                        28
 *     ┌────────┬────────────────────────┬─────────
 *     │ pipe   │ IC header              │ payload
 *     └────────┴────────────────────────┴─────────
 */
import { bytes, flags, type Infer, named, reserved, struct, u16, u32, u64, u8 } from '@ringlet/wire';

/** Message types of the IC header. A peer may write any other number. */
export const IcMessageType = {
  Negotiate: 0,
  Heartbeat: 1,
  KeyValueExchange: 2,
  Shutdown: 3,
  TimeSync: 4,
  Backup: 5,
  FileCopy: 7,
} as const;

/** Bits of the IC header's flags. A host sends 3, a guest answers with 5. */
export const IcFlag = { Transaction: 1, Request: 2, Response: 4 } as const;

/** Status codes that a guest writes into its answer. A guest may write any other number. */
export const IcStatus = {
  Success: 0,
  Fail: 0x80004005,
  NotSupported: 0x80070032,
  AlreadyExists: 0x80070050,
  DiskFull: 0x80070070,
  NoMoreItems: 0x80070103,
} as const;

/** Type of a pipe message that carries data. */
export const PIPE_DATA = 1;

/** A framework or message version. */
export const IcVersion = struct('ic_version', 4, { major: u16, minor: u16 });
export type IcVersion = Infer<typeof IcVersion>;

/** What precedes every payload: pipe header and IC header. */
export const IcHeader = struct('vmbuspipe_hdr + icmsg_hdr', 28, {
  /** {@link PIPE_DATA}. */
  pipeType: u32,
  /** Bytes after the pipe header. */
  pipeSize: u32,
  framework: IcVersion,
  type: named(u16, IcMessageType),
  version: IcVersion,
  /** Bytes after the IC header. */
  size: u16,
  status: named(u32, IcStatus),
  transaction: u8,
  flags: flags(u8, IcFlag),
  _reserved: reserved(2),
});
export type IcHeader = Infer<typeof IcHeader>;

/** Start of a negotiation payload; the framework versions follow, then the message versions. */
export const IcNegotiate = struct('icmsg_negotiate', 8, {
  frameworkCount: u16,
  messageCount: u16,
  _reserved: reserved(4),
});

/** Versions of each kind that a negotiation may list: Linux's bound. */
const MAX_VERSIONS = 100;

/** The versions that one side of a negotiation lists. */
export interface IcVersions {
  /** Versions of the negotiation itself. */
  readonly framework: readonly IcVersion[];
  /** Versions of what the component says after it. */
  readonly message: readonly IcVersion[];
}

/** What is constant about one integration component. */
export interface IcService extends IcVersions {
  /** GUID that guests know the component by. */
  readonly interfaceId: string;
  /** GUID of the one that a machine has. */
  readonly instanceId: string;
  /** {@link IcMessageType} of its requests. */
  readonly type: number;
}

const FRAMEWORK_VERSIONS = [
  { major: 1, minor: 0 },
  { major: 3, minor: 0 },
] as const;

/** The components this project speaks, with every version it speaks, oldest first. */
export const IntegrationService = {
  heartbeat: {
    interfaceId: '57164f39-9115-4e78-ab55-382f3bd5422d',
    instanceId: 'fd149e91-82e0-4a7d-afa6-2a4166cbd7c0',
    type: IcMessageType.Heartbeat,
    framework: FRAMEWORK_VERSIONS,
    message: [
      { major: 1, minor: 0 },
      { major: 3, minor: 0 },
    ],
  },
  shutdown: {
    interfaceId: '0e0b6031-5213-4934-818b-38d90ced39db',
    instanceId: 'b6650ff7-33bc-4840-8048-e0676786f393',
    type: IcMessageType.Shutdown,
    framework: FRAMEWORK_VERSIONS,
    message: [
      { major: 1, minor: 0 },
      { major: 3, minor: 0 },
      { major: 3, minor: 1 },
      { major: 3, minor: 2 },
    ],
  },
  timeSync: {
    interfaceId: '9527e630-d0ae-497b-adce-e80ab0175caf',
    instanceId: '2dd1ce17-079e-403c-b352-a1921ee207ee',
    type: IcMessageType.TimeSync,
    framework: FRAMEWORK_VERSIONS,
    message: [
      { major: 1, minor: 0 },
      { major: 3, minor: 0 },
      { major: 4, minor: 0 },
    ],
  },
  keyValueExchange: {
    interfaceId: 'a9a0f4e7-5a45-4d96-b827-8a841e8c03e6',
    instanceId: '242ff919-07db-4180-9c2e-b86cb68c8c55',
    type: IcMessageType.KeyValueExchange,
    framework: FRAMEWORK_VERSIONS,
    message: [
      { major: 1, minor: 0 },
      { major: 3, minor: 0 },
      { major: 4, minor: 0 },
    ],
  },
  backup: {
    interfaceId: '35fa2e29-ea23-4236-96ae-3a6ebacba440',
    instanceId: '2497f4de-e9fa-4204-80e4-4b75c46419c0',
    type: IcMessageType.Backup,
    framework: FRAMEWORK_VERSIONS,
    message: [{ major: 5, minor: 0 }],
  },
  fileCopy: {
    interfaceId: '34d14be3-dee4-41c8-9ae7-6b174977c192',
    instanceId: 'eb765408-105f-49b6-b4aa-c123b64d17d4',
    type: IcMessageType.FileCopy,
    framework: FRAMEWORK_VERSIONS,
    message: [{ major: 1, minor: 1 }],
  },
} as const satisfies Record<string, IcService>;

/** Payload of a shutdown request. */
export const IcShutdown = struct('shutdown_msg_data', 2060, {
  reason: u32,
  timeoutSeconds: u32,
  /** {@link IcShutdownFlag} bits. */
  flags: u32,
  /** Text for the guest's users, zero-terminated. */
  message: bytes(2048),
});
export type IcShutdown = Infer<typeof IcShutdown>;

/** Bits of a shutdown request's flags; neither restart nor hibernate means power off. */
export const IcShutdownFlag = { Force: 1, Restart: 2, Hibernate: 4 } as const;

/** Payload of a heartbeat. The guest answers with the sequence number plus one. */
export const IcHeartbeat = struct('heartbeat_msg_data', 40, {
  sequence: u64,
  applicationState: u32,
  _reserved: reserved(28),
});
export type IcHeartbeat = Infer<typeof IcHeartbeat>;

/** Payload of a time sync of version 4 and later. */
export const IcTimeReference = struct('ictimesync_ref_data', 22, {
  /** Host's wall clock, in 100 ns since 1601-01-01 UTC. */
  parentTime: u64,
  /** The partition's reference counter when the clock was read. */
  referenceTime: u64,
  /** {@link IcTimeFlag} bits. */
  flags: u8,
  leap: u8,
  stratum: u8,
  _reserved: reserved(3),
});
export type IcTimeReference = Infer<typeof IcTimeReference>;

/** Payload of a time sync before version 4. */
export const IcTime = struct('ictimesync_data', 25, {
  /** Host's wall clock, in 100 ns since 1601-01-01 UTC. */
  parentTime: u64,
  childTime: u64,
  roundTripTime: u64,
  /** {@link IcTimeFlag} bits. */
  flags: u8,
});
export type IcTime = Infer<typeof IcTime>;

/** Bits of a time sync's flags: set the clock, or only discipline it. */
export const IcTimeFlag = { Sync: 1, Sample: 2 } as const;

/** 1970-01-01 in units of 100 ns since 1601-01-01. */
export const UNIX_EPOCH_TICKS = 116_444_736_000_000_000n;

/** One message, whole: header and payload. Sizes in the header are filled in. */
export function encodeIc(header: Omit<IcHeader, 'pipeType' | 'pipeSize' | 'size'>, payload: Uint8Array): Uint8Array {
  const message = new Uint8Array(IcHeader.size + payload.length);
  IcHeader.write(new DataView(message.buffer), 0, {
    ...header,
    pipeType: PIPE_DATA,
    pipeSize: IcHeader.size - 8 + payload.length,
    size: payload.length,
  });
  message.set(payload, IcHeader.size);
  return message;
}

/**
 * Splits untrusted packet bytes. The payload is all that follows the header, whatever the header says of its size;
 * `undefined` when there is no whole header.
 */
export function decodeIc(packet: Uint8Array): { header: IcHeader; payload: Uint8Array } | undefined {
  const header = IcHeader.decode(packet);
  return header && { header, payload: packet.subarray(IcHeader.size) };
}

/** Payload of a negotiation. */
export function encodeIcVersions(versions: IcVersions): Uint8Array {
  const all = [...versions.framework, ...versions.message];
  const payload = new Uint8Array(IcNegotiate.size + all.length * IcVersion.size);
  const view = new DataView(payload.buffer);
  IcNegotiate.write(view, 0, { frameworkCount: versions.framework.length, messageCount: versions.message.length });
  all.forEach((version, i) => IcVersion.write(view, IcNegotiate.size + i * IcVersion.size, version));
  return payload;
}

/** Reads an untrusted negotiation payload; `undefined` when the counts are beyond what is there or allowed. */
export function decodeIcVersions(payload: Uint8Array): IcVersions | undefined {
  const counts = IcNegotiate.decode(payload);
  if (!counts || counts.frameworkCount > MAX_VERSIONS || counts.messageCount > MAX_VERSIONS) return undefined;
  const total = counts.frameworkCount + counts.messageCount;
  if (payload.length < IcNegotiate.size + total * IcVersion.size) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const all = Array.from({ length: total }, (_, i) => IcVersion.read(view, IcNegotiate.size + i * IcVersion.size));
  return { framework: all.slice(0, counts.frameworkCount), message: all.slice(counts.frameworkCount) };
}

/** The newest version that both lists hold. */
export function newestIcVersion(ours: readonly IcVersion[], theirs: readonly IcVersion[]): IcVersion | undefined {
  let newest: IcVersion | undefined;
  for (const mine of ours) {
    if (!theirs.some((version) => version.major === mine.major && version.minor === mine.minor)) continue;
    if (!newest || isNewer(mine, newest)) newest = mine;
  }
  return newest;
}

const isNewer = (a: IcVersion, b: IcVersion): boolean => (a.major !== b.major ? a.major > b.major : a.minor > b.minor);

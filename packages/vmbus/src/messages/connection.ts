/**
 * Messages that set up and end a connection, and the announcement of devices.
 *
 * Bodies only: each stands behind the 8-byte header {type u32, zero u32}, so an offset here is 8 less than in the whole
 * message (Linux `include/linux/hyperv.h`).
 */
import { bytes, guid, reserved, struct, u16, u32, u64, u8, type Infer } from '@ringlet/wire';

/** What `InitiateContact`.interruptPageOrTarget holds from version 5.0 on. */
export const ContactTarget = struct('VMBUS_CONTACT_TARGET', 8, {
  /** SINT that bus messages to the child use. */
  sint: u8,
  vtl: u8,
  _reserved: reserved(2),
  /** Optional features asked for; from version 6.0 on. */
  featureFlags: u32,
});
export type ContactTarget = Infer<typeof ContactTarget>;

/** The child asks for a connection. */
export const InitiateContact = struct('CHANNELMSG_INITIATE_CONTACT', 32, {
  version: u32,
  /** Virtual processor that bus messages to the child go to. */
  targetVp: u32,
  /** Before 5.0 the GPA of an interrupt page, which nothing uses any more; from 5.0 on a {@link ContactTarget}. */
  interruptPageOrTarget: u64,
  /** GPA of the monitor page for root → child, or 0. */
  monitorPageToChild: u64,
  /** GPA of the monitor page for child → root, whose trigger bits replace the hypercall; or 0. */
  monitorPageToRoot: u64,
});

/** The longer contact of version 6.0. */
export const InitiateContact2 = struct('CHANNELMSG_INITIATE_CONTACT_2', 48, {
  ...InitiateContact.shape,
  clientId: guid,
});

/** How a contact with a supported version ended. */
export const ConnectionState = { Success: 0, LowResources: 1, Failure: 2 } as const;

/** The answer to a contact. Never shorter than this: a guest drops a shorter one and waits forever. */
export const VersionResponse = struct('CHANNELMSG_VERSION_RESPONSE', 8, {
  supported: u8,
  /** A {@link ConnectionState}; has a meaning only when `supported`. */
  connectionState: u8,
  _reserved: reserved(2),
  /** From 5.0 on the connection id that later messages are posted to, before that the version. */
  connectionIdOrVersion: u32,
});

/** The answer of version 6.0, with feature flags. */
export const VersionResponse2 = struct('CHANNELMSG_VERSION_RESPONSE_2', 12, {
  ...VersionResponse.shape,
  featureFlags: u32,
});

/** The answer of version 6.0 when the root provides the monitor pages. */
export const VersionResponse3 = struct('CHANNELMSG_VERSION_RESPONSE_3', 32, {
  ...VersionResponse2.shape,
  _reserved2: reserved(4),
  monitorPageToChild: u64,
  monitorPageToRoot: u64,
});

/** Replaces the monitor pages of a connection (6.0). */
export const ModifyConnection = struct('CHANNELMSG_MODIFY_CONNECTION', 16, {
  monitorPageToChild: u64,
  monitorPageToRoot: u64,
});

/** The answer to {@link ModifyConnection} (6.0). */
export const ModifyConnectionResponse = struct('CHANNELMSG_MODIFY_CONNECTION_RESPONSE', 1, { connectionState: u8 });

/** Bits of {@link OfferChannel}.flags. */
export const OfferFlag = {
  EnumerateDeviceInterface: 0x1,
  /** The channel is a pipe; the first word of the user-defined bytes is a {@link PipeMode}. */
  NamedPipe: 0x10,
  /** The channel is an hv_sock connection. */
  HvSocket: 0x2000,
} as const;

/** First word of a pipe offer's user-defined bytes. */
export const PipeMode = { Byte: 0, Message: 4 } as const;

/** What {@link OfferChannel}.monitorId holds when no monitor bit is allocated. */
export const NO_MONITOR = 0xff;

/** Bytes of the device-defined part of an offer, and of what an opener passes along. */
export const USER_BYTES = 120;

/** The root announces a channel. */
export const OfferChannel = struct('CHANNELMSG_OFFERCHANNEL', 188, {
  interfaceId: guid,
  instanceId: guid,
  _reserved: reserved(16),
  /** {@link OfferFlag} bits. */
  flags: u16,
  /** Low MMIO the child must reserve for the device, in MiB. */
  mmioMegabytes: u16,
  userDefined: bytes(USER_BYTES),
  /** 0 for a primary channel. */
  subchannelIndex: u16,
  mmioMegabytesOptional: u16,
  relid: u32,
  /** Bit in the monitor page, or {@link NO_MONITOR}. */
  monitorId: u8,
  /** 1: the child rings by the monitor page alone, without a hypercall. */
  monitorAllocated: u8,
  /** 1: the child is interrupted by event flag `relid`, not by a shared interrupt page. */
  dedicatedInterrupt: u16,
  /** For HvCallSignalEvent. */
  connectionId: u32,
});
export type OfferChannel = Infer<typeof OfferChannel>;

/** A message that carries nothing. */
export const Nothing = struct('CHANNELMSG_HEADER', 0, {});

/** A message about a channel that carries nothing else. */
export const ChannelOnly = struct('CHANNELMSG_RELID', 4, { relid: u32 });

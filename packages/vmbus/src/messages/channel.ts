/**
 * Messages about one channel: open, close, GPADLs, moving to another virtual processor, sockets, reserved channels.
 *
 * Bodies only, behind the 8-byte header (Linux `include/linux/hyperv.h`; the reserved-channel and socket results as the
 * Hyper-V drivers of other systems define them).
 */
import { bytes, guid, struct, u16, u32, type Infer } from '@ringlet/wire';
import { USER_BYTES } from './connection.ts';

/** Status words of answers. A peer may send others: anything but `Success` is a failure. */
export const MessageStatus = {
  Success: 0,
  Failure: 0x8000_ffff,
  /** The one that socket clients understand. */
  ConnectionRefused: 0xc000_0236,
} as const;

/** `OpenChannel`.targetVp of an opener that wants no interrupts. */
export const NO_INTERRUPTS = 0xffff_ffff;

/** The child opens a channel on rings that it described by a GPADL. */
export const OpenChannel = struct('CHANNELMSG_OPENCHANNEL', 140, {
  relid: u32,
  /** Echoed in the result. */
  openId: u32,
  ringGpadl: u32,
  /** Virtual processor for the channel's interrupts, or {@link NO_INTERRUPTS}. */
  targetVp: u32,
  /** Pages of the child → root ring, header page included; the other ring follows. */
  downstreamPageOffset: u32,
  userData: bytes(USER_BYTES),
});
export type OpenChannel = Infer<typeof OpenChannel>;

/** The longer opening of version 6.0, where the child chooses how it is rung. */
export const OpenChannel2 = struct('CHANNELMSG_OPENCHANNEL_2', 148, {
  ...OpenChannel.shape,
  connectionId: u32,
  eventFlag: u16,
  flags: u16,
});

/** The answer to an opening. */
export const OpenResult = struct('CHANNELMSG_OPENCHANNEL_RESULT', 12, {
  relid: u32,
  openId: u32,
  /** A {@link MessageStatus}. */
  status: u32,
});

/** Starts a GPADL; `tail` holds the first bytes of its range buffer. */
export const GpadlHeader = struct('CHANNELMSG_GPADL_HEADER', 12, {
  relid: u32,
  gpadl: u32,
  /** Bytes of the range buffer in this and the following messages. */
  rangeBufferLength: u16,
  rangeCount: u16,
});

/** Continues a GPADL; `tail` holds further bytes. Names no channel: the GPADL id alone says whose it is. */
export const GpadlBody = struct('CHANNELMSG_GPADL_BODY', 8, {
  /** Always 0 in Linux; says nothing about order. */
  messageNumber: u32,
  gpadl: u32,
});

/** The answer to a complete GPADL. */
export const GpadlCreated = struct('CHANNELMSG_GPADL_CREATED', 12, { relid: u32, gpadl: u32, status: u32 });

/** The child wants its memory back. */
export const GpadlTeardown = struct('CHANNELMSG_GPADL_TEARDOWN', 8, { relid: u32, gpadl: u32 });

/** The root no longer touches the memory. */
export const GpadlTorndown = struct('CHANNELMSG_GPADL_TORNDOWN', 4, { gpadl: u32 });

/** The child moves an open channel's interrupts. */
export const ModifyChannel = struct('CHANNELMSG_MODIFYCHANNEL', 8, { relid: u32, targetVp: u32 });

/** The answer to {@link ModifyChannel}. */
export const ModifyChannelResponse = struct('CHANNELMSG_MODIFYCHANNEL_RESPONSE', 8, { relid: u32, status: u32 });

/** A guest socket connects to a service of the host. */
export const TlConnectRequest = struct('CHANNELMSG_TL_CONNECT_REQUEST', 32, { endpointId: guid, serviceId: guid });

/** The same with the silo (container) it comes from. Some peers send the short form in any version. */
export const TlConnectRequest2 = struct('CHANNELMSG_TL_CONNECT_REQUEST_2', 48, {
  ...TlConnectRequest.shape,
  siloId: guid,
});

/** The connection failed. Success is an offer, not this message. */
export const TlConnectResult = struct('CHANNELMSG_TL_CONNECT_RESULT', 36, {
  endpointId: guid,
  serviceId: guid,
  status: u32,
});

/** Opens an offered channel without interrupts, outside any connection (debuggers, crash dumps). */
export const OpenReservedChannel = struct('CHANNELMSG_OPEN_RESERVED_CHANNEL', 20, {
  relid: u32,
  /** Where answers go. */
  targetVp: u32,
  targetSint: u32,
  ringGpadl: u32,
  downstreamPageOffset: u32,
});

/** Closes a reserved channel; legal without a connection. */
export const CloseReservedChannel = struct('CHANNELMSG_CLOSE_RESERVED_CHANNEL', 12, {
  relid: u32,
  targetVp: u32,
  targetSint: u32,
});

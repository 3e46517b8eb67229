/**
 * Per-packet information: what an RNDIS PACKET says of its frame beside the frame itself.
 *
 *     0      4              8        12
 *    ┌──────┬──────────────┬────────┬───────
 *    │ size │ type         │ offset │ data …        size counts all of it; the data begin at offset, from 0
 *    │      │ bit 31: ours │ (12)   │
 *    └──────┴──────────────┴────────┴───────
 */
import { flags, named, packed, struct, u16, u32 } from '@ringlet/wire';

/** Types of information. A peer may write any other number. */
export const PacketInfo = {
  Checksum: 0,
  IpSec: 1,
  LargeSend: 2,
  Classification: 3,
  ScatterGather: 5,
  Ieee8021q: 6,
  OriginalPacket: 7,
  HashValue: 8,
} as const;

/** What each piece begins with. */
export const PacketInfoHeader = struct('RNDIS_PER_PACKET_INFO', 12, {
  infoSize: u32,
  infoType: named(u32, PacketInfo),
  infoAt: u32,
});

/** Bytes before the data, and of a whole element whose data is one word. */
export const INFO_HEADER_SIZE = PacketInfoHeader.size;
/** Bytes of one piece of information with a word of data. */
export const INFO_SIZE = INFO_HEADER_SIZE + 4;

/** Bits of {@link PacketInfo.Checksum} in a frame to be sent. */
export const TransmitChecksum = { Ipv4: 1, Ipv6: 2, Tcp: 4, Udp: 8, IpHeader: 16 } as const;
/** {@link PacketInfo.Checksum} of a frame to be sent. */
export const TransmitChecksumInfo = struct('NDIS_TCP_IP_CHECKSUM_PACKET_INFO, transmit', 4, {
  wanted: flags(u16, TransmitChecksum),
  transportOffset: u16,
});
/** Where the offset of the transport header stands in that word. */
export const TRANSMIT_CHECKSUM_OFFSET_SHIFT = 16;
/** The transport header's offset in a word of transmit checksum information, shifted right by 16. */
export const TRANSMIT_CHECKSUM_OFFSET_MASK = 0x3ff;

/** Bits of {@link PacketInfo.Checksum} in a received frame. */
export const ReceiveChecksum = {
  TcpFailed: 1,
  UdpFailed: 2,
  IpFailed: 4,
  TcpSucceeded: 8,
  UdpSucceeded: 16,
  IpSucceeded: 32,
  Loopback: 64,
} as const;

/** {@link PacketInfo.Checksum} of a received frame. */
export const ReceiveChecksumInfo = struct('NDIS_TCP_IP_CHECKSUM_PACKET_INFO, receive', 4, {
  found: flags(u32, ReceiveChecksum),
});

/** {@link PacketInfo.LargeSend}. */
export const LargeSendInfo = struct('NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO', 4, {
  word: packed(u32, {
    segmentSize: [0, 20],
    transportOffset: [20, 10],
    version: [30, 1, { V1: 0, V2: 1 }],
    ipVersion: [31, 1, { IPv4: 0, IPv6: 1 }],
  }),
});

/** {@link PacketInfo.Ieee8021q}. */
export const Ieee8021qInfo = struct('NDIS_NET_BUFFER_LIST_8021Q_INFO', 4, {
  word: packed(u32, { priority: [0, 3], dropEligible: [3, 1], vlan: [4, 12] }),
});

/** {@link PacketInfo.HashValue}. */
export const HashInfo = struct('hash of a received frame', 4, { hash: u32 });

/** A large send, as {@link PacketInfo.LargeSend} packs it. */
export interface LargeSend {
  /** Bytes of each segment's payload. */
  readonly segmentSize: number;
  /** Bytes before the TCP header. */
  readonly transportOffset: number;
  /** Version 2; version 1 knows IPv4 only, and leaves the header as the segments have it. */
  readonly version: 1 | 2;
  /** Whether it is a packet of IPv6; otherwise of IPv4. */
  readonly ipv6: boolean;
}

const SEGMENT_BITS = 0xf_ffff;
const OFFSET_SHIFT = 20;
const OFFSET_BITS = 0x3ff;
const VERSION_2 = 1 << 30;

/** Packs a large send. */
export function encodeLargeSend({ segmentSize, transportOffset, version, ipv6 }: LargeSend): number {
  const offset = (transportOffset & OFFSET_BITS) << OFFSET_SHIFT;
  return ((segmentSize & SEGMENT_BITS) | offset | (version === 2 ? VERSION_2 : 0) | (ipv6 ? 1 << 31 : 0)) >>> 0;
}

/** Bytes of each segment's payload of a large send. */
export const largeSendSegment = (word: number): number => word & SEGMENT_BITS;
/** Offset of the TCP header in the frame of a large send. */
export const largeSendTransport = (word: number): number => (word >>> OFFSET_SHIFT) & OFFSET_BITS;
/** Whether a large send is of version 2. */
export const isLargeSendV2 = (word: number): boolean => (word & VERSION_2) !== 0;
/** Whether a large send of version 2 is of an IPv6 packet. */
export const isLargeSendIpv6 = (word: number): boolean => word >>> 31 !== 0;

/**
 * {@link PacketInfo.Ieee8021q} has priority in bits 0 to 2, DEI in 3, the VLAN's number in 4 to 15; on the wire a tag has
 * them in bits 13 to 15, 12, and 0 to 11.
 */
export const tagOfInfo = (word: number): number => ((word & 7) << 13) | ((word & 8) << 9) | ((word >>> 4) & 0xfff);
/** The other way. */
export const infoOfTag = (tag: number): number => (tag >>> 13) | ((tag >>> 9) & 8) | ((tag & 0xfff) << 4);

/** NDIS objects that RNDIS carries: offloads and receive-side scaling (NDIS 6.30, `ntddndis.h`). Little-endian. */
import { type Infer, reserved, struct, u16, u32, u8 } from '@ringlet/wire';

/** Types in an NDIS object's header. */
export const NdisObjectType = {
  Default: 0x80,
  RssCapabilities: 0x88,
  RssParameters: 0x89,
  Offload: 0xa7,
  OffloadEncapsulation: 0xa8,
} as const;

/** Header of every NDIS object. */
export const NdisObjectHeader = struct('NDIS_OBJECT_HEADER', 4, { type: u8, revision: u8, size: u16 });

/** Encapsulation: Ethernet. */
export const ENCAPSULATION_802_3 = 2;

/** Bits of what checksums an adapter fills in or checks, in the two halves of an {@link NdisOffload}. */
export const ChecksumSupport = { IpOptions: 0x1, TcpOptions: 0x4, Tcp: 0x10, Udp: 0x40, Ip: 0x100 } as const;
/** Bits of what large sends of IPv6 may have. */
export const LargeSendIpv6Support = { Extensions: 1, TcpOptions: 4 } as const;

/** Bytes of an {@link NdisOffload} by its revision. */
export const NDIS_OFFLOAD_SIZES = [0, 112, 144, 156] as const;

/** NDIS_OFFLOAD, revision 3: what an adapter can do for a driver. */
export const NdisOffload = struct('NDIS_OFFLOAD', 156, {
  header: NdisObjectHeader,
  ipv4TransmitEncapsulation: u32,
  ipv4Transmit: u32,
  ipv4ReceiveEncapsulation: u32,
  ipv4Receive: u32,
  ipv6TransmitEncapsulation: u32,
  ipv6Transmit: u32,
  ipv6ReceiveEncapsulation: u32,
  ipv6Receive: u32,
  lsoV1Encapsulation: u32,
  lsoV1MaximumSize: u32,
  lsoV1MinimumSegments: u32,
  lsoV1Options: u32,
  _ipSec: reserved(28),
  lsoV2Ipv4Encapsulation: u32,
  lsoV2Ipv4MaximumSize: u32,
  lsoV2Ipv4MinimumSegments: u32,
  lsoV2Ipv6Encapsulation: u32,
  lsoV2Ipv6MaximumSize: u32,
  lsoV2Ipv6MinimumSegments: u32,
  lsoV2Ipv6Options: u32,
  flags: u32,
  _ipSecV2: reserved(32),
  coalesceIpv4: u8,
  coalesceIpv6: u8,
  _reserved: reserved(2),
  encapsulatedFlags: u32,
  encapsulatedMaximumHeader: u32,
});
export type NdisOffload = Infer<typeof NdisOffload>;

/** Values of the fields of {@link NdisOffloadParameters}; large sends and coalescing: {@link OffloadSwitch}. */
export const OffloadParameter = { NoChange: 0, Disabled: 1, Transmit: 2, Receive: 3, Both: 4 } as const;
/** What a driver wants of one offload: as it is, off, or on. */
export const OffloadSwitch = { NoChange: 0, Disabled: 1, Enabled: 2 } as const;

/** NDIS_OFFLOAD_PARAMETERS, revision 1: what a driver wants of it. Later revisions are longer. */
export const NdisOffloadParameters = struct('NDIS_OFFLOAD_PARAMETERS', 20, {
  header: NdisObjectHeader,
  ipv4Checksum: u8,
  tcpIpv4Checksum: u8,
  udpIpv4Checksum: u8,
  tcpIpv6Checksum: u8,
  udpIpv6Checksum: u8,
  lsoV1: u8,
  ipSecV1: u8,
  lsoV2Ipv4: u8,
  lsoV2Ipv6: u8,
  tcpConnectionIpv4: u8,
  tcpConnectionIpv6: u8,
  _reserved: reserved(1),
  flags: u32,
});
export type NdisOffloadParameters = Infer<typeof NdisOffloadParameters>;
/** Bytes of the whole object: revisions before 3, and 3 with its coalescing. */
export const NDIS_OFFLOAD_PARAMETERS_SIZES = [20, 22, 28] as const;

/** NDIS_RECEIVE_SCALE_CAPABILITIES, revision 2. */
export const NdisRssCapabilities = struct('NDIS_RECEIVE_SCALE_CAPABILITIES', 18, {
  header: NdisObjectHeader,
  flags: u32,
  interruptMessages: u32,
  receiveQueues: u32,
  indirectionEntries: u16,
});
/** Bytes that revision 1 has: it ends before the entries. */
export const NDIS_RSS_CAPABILITIES_V1_SIZE = 16;

/** Kinds of packets that are hashed, beside the hash function's number. */
export const RssHashType = { Ipv4: 0x100, TcpIpv4: 0x200, Ipv6: 0x400, Ipv6Extended: 0x800, TcpIpv6: 0x1000 } as const;
/** The Toeplitz hash. */
export const RSS_TOEPLITZ = 1;
/** Bytes of a hash key. */
export const RSS_KEY_SIZE = 40;
/** Flag of {@link NdisRssParameters}: no receive-side scaling. */
export const RSS_DISABLE = 0x10;
/** Flags: what the message leaves as it was. */
export const RssUnchanged = { BaseCpu: 1, HashInformation: 2, Indirection: 4, Key: 8 } as const;

/** NDIS_RECEIVE_SCALE_PARAMETERS, revision 2; table and key follow at their offsets. */
export const NdisRssParameters = struct('NDIS_RECEIVE_SCALE_PARAMETERS', 40, {
  header: NdisObjectHeader,
  flags: u16,
  baseCpu: u16,
  hashInformation: u32,
  indirectionSize: u16,
  _padding: reserved(2),
  indirectionOffset: u32,
  keySize: u16,
  _padding2: reserved(2),
  keyOffset: u32,
  processorMasksOffset: u32,
  processorMasks: u32,
  processorMasksEntry: u32,
});
export type NdisRssParameters = Infer<typeof NdisRssParameters>;

/** RNDIS_CONFIG_PARAMETER_INFO: a setting by name, both in UTF-16 at their offsets. */
export const RndisConfigParameter = struct('RNDIS_CONFIG_PARAMETER_INFO', 20, {
  nameOffset: u32,
  nameLength: u32,
  /** 2: a string. */
  type: u32,
  valueOffset: u32,
  valueLength: u32,
});
/** A value of {@link RndisConfigParameter} that is text. */
export const CONFIG_STRING = 2;

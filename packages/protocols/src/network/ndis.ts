/** NDIS objects that RNDIS carries: offloads and receive-side scaling (NDIS 6.30, `ntddndis.h`). Little-endian. */
import { bytes, flags, type Infer, named, reserved, struct, u16, u32, u8 } from '@ringlet/wire';

/** Types in an NDIS object's header. */
export const NdisObjectType = {
  Default: 0x80,
  RssCapabilities: 0x88,
  RssParameters: 0x89,
  Offload: 0xa7,
  OffloadEncapsulation: 0xa8,
} as const;

/** Header of every NDIS object. */
export const NdisObjectHeader = struct('NDIS_OBJECT_HEADER', 4, {
  type: named(u8, NdisObjectType),
  revision: u8,
  size: u16,
});

/** Encapsulation: Ethernet. */
export const ENCAPSULATION_802_3 = 2;
const encapsulation = flags(u32, { Null: 1, Ieee8023: ENCAPSULATION_802_3 });

/** Bits of what checksums an adapter fills in or checks, in the two halves of an {@link NdisOffload}. */
export const ChecksumSupport = { IpOptions: 0x1, TcpOptions: 0x4, Tcp: 0x10, Udp: 0x40, Ip: 0x100 } as const;
/** Bits of what large sends of IPv6 may have. */
export const LargeSendIpv6Support = { Extensions: 1, TcpOptions: 4 } as const;

const checksums = flags(u32, ChecksumSupport);

/** Bytes of an {@link NdisOffload} by its revision. */
export const NDIS_OFFLOAD_SIZES = [0, 112, 144, 156] as const;

/** NDIS_OFFLOAD, revision 3: what an adapter can do for a driver. */
export const NdisOffload = struct('NDIS_OFFLOAD', 156, {
  header: NdisObjectHeader,
  ipv4TransmitEncapsulation: encapsulation,
  ipv4Transmit: checksums,
  ipv4ReceiveEncapsulation: encapsulation,
  ipv4Receive: checksums,
  ipv6TransmitEncapsulation: encapsulation,
  ipv6Transmit: checksums,
  ipv6ReceiveEncapsulation: encapsulation,
  ipv6Receive: checksums,
  lsoV1Encapsulation: encapsulation,
  lsoV1MaximumSize: u32,
  lsoV1MinimumSegments: u32,
  lsoV1TcpOptions: u16,
  lsoV1IpOptions: u16,
  _ipSec: reserved(28),
  lsoV2Ipv4Encapsulation: encapsulation,
  lsoV2Ipv4MaximumSize: u32,
  lsoV2Ipv4MinimumSegments: u32,
  lsoV2Ipv6Encapsulation: encapsulation,
  lsoV2Ipv6MaximumSize: u32,
  lsoV2Ipv6MinimumSegments: u32,
  lsoV2Ipv6Options: flags(u32, LargeSendIpv6Support),
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
  ipv4Checksum: named(u8, OffloadParameter),
  tcpIpv4Checksum: named(u8, OffloadParameter),
  udpIpv4Checksum: named(u8, OffloadParameter),
  tcpIpv6Checksum: named(u8, OffloadParameter),
  udpIpv6Checksum: named(u8, OffloadParameter),
  lsoV1: named(u8, OffloadSwitch),
  ipSecV1: named(u8, OffloadSwitch),
  lsoV2Ipv4: named(u8, OffloadSwitch),
  lsoV2Ipv6: named(u8, OffloadSwitch),
  tcpConnectionIpv4: named(u8, OffloadSwitch),
  tcpConnectionIpv6: named(u8, OffloadSwitch),
  _reserved: reserved(1),
  flags: u32,
});
export type NdisOffloadParameters = Infer<typeof NdisOffloadParameters>;
/** Bytes of the whole object: revisions before 3, and 3 with its coalescing. */
export const NDIS_OFFLOAD_PARAMETERS_SIZES = [20, 22, 28] as const;

/** Kinds of packets that are hashed, beside the hash function's number. */
export const RssHashType = { Ipv4: 0x100, TcpIpv4: 0x200, Ipv6: 0x400, Ipv6Extended: 0x800, TcpIpv6: 0x1000 } as const;
/** The Toeplitz hash. */
export const RSS_TOEPLITZ = 1;
/** Bytes of a hash key. */
export const RSS_KEY_SIZE = 40;
const hashes = flags(u32, { Toeplitz: RSS_TOEPLITZ, ...RssHashType });

/** NDIS_RECEIVE_SCALE_CAPABILITIES, revision 2. */
export const NdisRssCapabilities = struct('NDIS_RECEIVE_SCALE_CAPABILITIES', 18, {
  header: NdisObjectHeader,
  capabilities: hashes,
  interruptMessages: u32,
  receiveQueues: u32,
  indirectionEntries: u16,
});
/** Bytes that revision 1 has: it ends before the entries. */
export const NDIS_RSS_CAPABILITIES_V1_SIZE = 16;

/** Flag of {@link NdisRssParameters}: no receive-side scaling. */
export const RSS_DISABLE = 0x10;
/** Flags: what the message leaves as it was. */
export const RssUnchanged = { BaseCpu: 1, HashInformation: 2, Indirection: 4, Key: 8 } as const;

/** NDIS_RECEIVE_SCALE_PARAMETERS, revision 2; table and key follow at their offsets. */
export const NdisRssParameters = struct('NDIS_RECEIVE_SCALE_PARAMETERS', 40, {
  header: NdisObjectHeader,
  flags: flags(u16, {
    BaseCpuUnchanged: RssUnchanged.BaseCpu,
    HashInformationUnchanged: RssUnchanged.HashInformation,
    IndirectionUnchanged: RssUnchanged.Indirection,
    KeyUnchanged: RssUnchanged.Key,
    Disable: RSS_DISABLE,
  }),
  baseCpu: u16,
  hashInformation: hashes,
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

/** A value of {@link RndisConfigParameter} that is text. */
export const CONFIG_STRING = 2;

/** RNDIS_CONFIG_PARAMETER_INFO: a setting by name, both in UTF-16 at their offsets. */
export const RndisConfigParameter = struct('RNDIS_CONFIG_PARAMETER_INFO', 20, {
  nameOffset: u32,
  nameLength: u32,
  type: named(u32, { Integer: 0, String: CONFIG_STRING }),
  valueOffset: u32,
  valueLength: u32,
});

/** NDIS_OFFLOAD_ENCAPSULATION: how a driver will send packets; Ethernet, and 14 bytes of header, is all that there is. */
export const NdisOffloadEncapsulation = struct('NDIS_OFFLOAD_ENCAPSULATION', 28, {
  header: NdisObjectHeader,
  ipv4Enabled: u32,
  ipv4Encapsulation: encapsulation,
  ipv4HeaderSize: u32,
  ipv6Enabled: u32,
  ipv6Encapsulation: encapsulation,
  ipv6HeaderSize: u32,
});

/** Types of addresses in a NETWORK_ADDRESS. */
const addressType = named(u16, { TcpIp: 2, TcpIp6: 23 });
/** NETWORK_ADDRESS_LIST: which protocols are bound to an adapter; one {@link NetworkAddress} each follows. */
export const NetworkAddressList = struct('NETWORK_ADDRESS_LIST', 6, { count: u32, protocol: addressType });
/** NETWORK_ADDRESS: the address of one; its bytes follow. */
export const NetworkAddress = struct('NETWORK_ADDRESS', 4, { length: u16, addressType });

/** An address of a multicast list, or the adapter's own. */
export const EthernetAddress = struct('Ethernet address', 6, { address: bytes(6) });

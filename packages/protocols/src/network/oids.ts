/** Object identifiers (OIDs): what a network driver asks and tells its adapter (NDIS 6, `ntddndis.h`). */

/** OIDs by the names that NDIS has for them, without `OID_`. A peer may write any other number. */
export const Oid = {
  GenSupportedList: 0x0001_0101,
  GenHardwareStatus: 0x0001_0102,
  GenMediaSupported: 0x0001_0103,
  GenMediaInUse: 0x0001_0104,
  GenMaximumLookahead: 0x0001_0105,
  GenMaximumFrameSize: 0x0001_0106,
  GenLinkSpeed: 0x0001_0107,
  GenTransmitBufferSpace: 0x0001_0108,
  GenReceiveBufferSpace: 0x0001_0109,
  GenTransmitBlockSize: 0x0001_010a,
  GenReceiveBlockSize: 0x0001_010b,
  GenVendorId: 0x0001_010c,
  GenVendorDescription: 0x0001_010d,
  GenCurrentPacketFilter: 0x0001_010e,
  GenCurrentLookahead: 0x0001_010f,
  GenDriverVersion: 0x0001_0110,
  GenMaximumTotalSize: 0x0001_0111,
  GenMacOptions: 0x0001_0113,
  GenMediaConnectStatus: 0x0001_0114,
  GenMaximumSendPackets: 0x0001_0115,
  GenVendorDriverVersion: 0x0001_0116,
  GenNetworkLayerAddresses: 0x0001_0118,
  GenPhysicalMedium: 0x0001_0202,
  GenReceiveScaleCapabilities: 0x0001_0203,
  GenReceiveScaleParameters: 0x0001_0204,
  GenFriendlyName: 0x0002_0216,
  GenRndisConfigParameter: 0x0001_021b,
  GenTransmitOk: 0x0002_0101,
  GenReceiveOk: 0x0002_0102,
  GenTransmitError: 0x0002_0103,
  GenReceiveError: 0x0002_0104,
  GenReceiveNoBuffer: 0x0002_0105,
  GenDirectedBytesTransmitted: 0x0002_0201,
  GenDirectedFramesTransmitted: 0x0002_0202,
  GenMulticastBytesTransmitted: 0x0002_0203,
  GenMulticastFramesTransmitted: 0x0002_0204,
  GenBroadcastBytesTransmitted: 0x0002_0205,
  GenBroadcastFramesTransmitted: 0x0002_0206,
  GenDirectedBytesReceived: 0x0002_0207,
  GenDirectedFramesReceived: 0x0002_0208,
  GenMulticastBytesReceived: 0x0002_0209,
  GenMulticastFramesReceived: 0x0002_020a,
  GenBroadcastBytesReceived: 0x0002_020b,
  GenBroadcastFramesReceived: 0x0002_020c,
  Ieee8023PermanentAddress: 0x0101_0101,
  Ieee8023CurrentAddress: 0x0101_0102,
  Ieee8023MulticastList: 0x0101_0103,
  Ieee8023MaximumListSize: 0x0101_0104,
  OffloadEncapsulation: 0x0101_010a,
  Ieee8023ReceiveErrorAlignment: 0x0102_0101,
  Ieee8023TransmitOneCollision: 0x0102_0102,
  Ieee8023TransmitMoreCollisions: 0x0102_0103,
  TcpOffloadCurrentConfig: 0xfc01_020b,
  TcpOffloadParameters: 0xfc01_020c,
  TcpOffloadHardwareCapabilities: 0xfc01_020d,
} as const;

/** Bits of the packet filter: which frames the driver wants. */
export const PacketFilter = {
  Directed: 0x01,
  Multicast: 0x02,
  AllMulticast: 0x04,
  Broadcast: 0x08,
  Promiscuous: 0x20,
} as const;

/** Bits of {@link Oid.GenMacOptions}. */
export const MacOption = {
  CopyLookaheadData: 0x1,
  ReceiveSerialized: 0x2,
  TransfersNotPend: 0x4,
  NoLoopback: 0x8,
  FullDuplex: 0x10,
  Priority8021p: 0x40,
  Vlan8021q: 0x200,
} as const;

/** Values of {@link Oid.GenHardwareStatus}. */
export const HardwareStatus = { Ready: 0, Initializing: 1, Reset: 2, Closing: 3, NotReady: 4 } as const;

/** Values of {@link Oid.GenMediaConnectStatus}. */
export const MediaState = { Connected: 0, Disconnected: 1 } as const;

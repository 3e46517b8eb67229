/** OID queries: one row for each thing that a driver may ask of its adapter. */
import {
  HardwareStatus,
  MacOption,
  MediaState,
  NDIS_RSS_CAPABILITIES_V1_SIZE,
  NdisObjectHeader,
  NdisObjectType,
  NdisRssCapabilities,
  Oid,
  RndisStatus,
  RSS_TOEPLITZ,
  RssHashType,
} from '@ringlet/protocols';
import { type Adapter, offloadCapabilities } from './adapter.ts';
import { MOST_MULTICAST } from './packet-filter.ts';
import { RSS_ENTRIES } from './receive-scaling.ts';

/** An answer: its bytes, or a status that is not success. */
export type OidAnswer = Uint8Array | number;

/** @param info - what came with the question: a header that says which revision is wanted, or nothing */
type OidQuery = (adapter: Adapter, info: Uint8Array) => OidAnswer;

const MAC_OPTIONS =
  MacOption.CopyLookaheadData |
  MacOption.ReceiveSerialized |
  MacOption.NoLoopback |
  MacOption.Priority8021p |
  MacOption.Vlan8021q;
const NDIS_6_30 = 0x061e;
const DRIVER_VERSION = 0x0001_0000;
const VENDOR = 'Ringlet network adapter';
/** Frames that the buffers are said to hold: nobody counts on it. */
const BUFFERED_FRAMES = 256;

const word = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value % 0x1_0000_0000, true);
  return bytes;
};
const long = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
};
const constant = (value: number) => (): Uint8Array => word(value);
const text = (value: string): Uint8Array => {
  const units = Uint16Array.from(value, (unit) => unit.charCodeAt(0));
  return new Uint8Array(units.buffer);
};

const queries = new Map<number, OidQuery>([
  [Oid.GenSupportedList, () => supportedList()],
  [Oid.GenHardwareStatus, constant(HardwareStatus.Ready)],
  [Oid.GenMediaSupported, constant(0)],
  [Oid.GenMediaInUse, constant(0)],
  [Oid.GenPhysicalMedium, constant(0)],
  [Oid.GenMaximumLookahead, ({ frameBytes }) => word(frameBytes - 14)],
  [Oid.GenMaximumFrameSize, ({ facts }) => word(facts.mtu)],
  [Oid.GenLinkSpeed, ({ facts }) => word(facts.linkSpeed / 100)],
  [Oid.GenTransmitBufferSpace, ({ frameBytes }) => word(BUFFERED_FRAMES * frameBytes)],
  [Oid.GenReceiveBufferSpace, ({ frameBytes }) => word(BUFFERED_FRAMES * frameBytes)],
  [Oid.GenTransmitBlockSize, ({ frameBytes }) => word(frameBytes)],
  [Oid.GenReceiveBlockSize, ({ frameBytes }) => word(frameBytes)],
  [Oid.GenVendorId, ({ facts }) => word((facts.permanentAddress[0]! << 16) | 0x526c)],
  [Oid.GenVendorDescription, () => new TextEncoder().encode(`${VENDOR}\0`)],
  [Oid.GenVendorDriverVersion, constant(DRIVER_VERSION)],
  [Oid.GenDriverVersion, () => word(NDIS_6_30).subarray(0, 2)],
  [Oid.GenFriendlyName, ({ facts }) => text(facts.friendlyName)],
  [Oid.GenCurrentPacketFilter, ({ filter }) => word(filter.wanted)],
  [Oid.GenCurrentLookahead, ({ lookahead, frameBytes }) => word(lookahead === 0 ? frameBytes - 14 : lookahead)],
  [Oid.GenMaximumTotalSize, ({ frameBytes }) => word(frameBytes)],
  [Oid.GenMacOptions, constant(MAC_OPTIONS)],
  [Oid.GenMaximumSendPackets, constant(8)],
  [Oid.GenMediaConnectStatus, connectStatus],
  [Oid.GenReceiveScaleCapabilities, scaleCapabilities],
  [Oid.Ieee8023PermanentAddress, ({ facts }) => facts.permanentAddress],
  [Oid.Ieee8023CurrentAddress, ({ filter }) => filter.address],
  [Oid.Ieee8023MulticastList, ({ filter }) => filter.multicast],
  [Oid.Ieee8023MaximumListSize, constant(MOST_MULTICAST)],
  [Oid.Ieee8023ReceiveErrorAlignment, constant(0)],
  [Oid.Ieee8023TransmitOneCollision, constant(0)],
  [Oid.Ieee8023TransmitMoreCollisions, constant(0)],
  [Oid.TcpOffloadHardwareCapabilities, (_, info) => capabilities(info)],
  [Oid.TcpOffloadCurrentConfig, (_, info) => capabilities(info)],
  [Oid.GenTransmitOk, ({ statistics }) => word(statistics.transmitted.frames)],
  [Oid.GenReceiveOk, ({ statistics }) => word(statistics.received.frames)],
  [Oid.GenTransmitError, ({ statistics }) => word(statistics.malformed + statistics.transmitDropped)],
  [Oid.GenReceiveError, ({ statistics }) => word(statistics.receiveOversize + statistics.receiveRefused)],
  [Oid.GenReceiveNoBuffer, ({ statistics }) => word(statistics.receiveNoBuffer)],
  [Oid.GenDirectedBytesTransmitted, ({ statistics }) => long(statistics.transmitted.directedBytes)],
  [Oid.GenDirectedFramesTransmitted, ({ statistics }) => long(statistics.transmitted.directedFrames)],
  [Oid.GenMulticastBytesTransmitted, ({ statistics }) => long(statistics.transmitted.multicastBytes)],
  [Oid.GenMulticastFramesTransmitted, ({ statistics }) => long(statistics.transmitted.multicastFrames)],
  [Oid.GenBroadcastBytesTransmitted, ({ statistics }) => long(statistics.transmitted.broadcastBytes)],
  [Oid.GenBroadcastFramesTransmitted, ({ statistics }) => long(statistics.transmitted.broadcastFrames)],
  [Oid.GenDirectedBytesReceived, ({ statistics }) => long(statistics.received.directedBytes)],
  [Oid.GenDirectedFramesReceived, ({ statistics }) => long(statistics.received.directedFrames)],
  [Oid.GenMulticastBytesReceived, ({ statistics }) => long(statistics.received.multicastBytes)],
  [Oid.GenMulticastFramesReceived, ({ statistics }) => long(statistics.received.multicastFrames)],
  [Oid.GenBroadcastBytesReceived, ({ statistics }) => long(statistics.received.broadcastBytes)],
  [Oid.GenBroadcastFramesReceived, ({ statistics }) => long(statistics.received.broadcastFrames)],
]);

/** Answers a query. @returns its bytes, or why there are none */
export function queryOid(oid: number, adapter: Adapter, info: Uint8Array): OidAnswer {
  const query = queries.get(oid);
  return query === undefined ? RndisStatus.NotSupported : query(adapter, info);
}

function supportedList(): Uint8Array {
  const list = new Uint8Array(4 * queries.size);
  const view = new DataView(list.buffer);
  [...queries.keys()].forEach((oid, i) => view.setUint32(4 * i, oid, true));
  return list;
}

/** From now on the driver knows. */
function connectStatus(adapter: Adapter): Uint8Array {
  adapter.toldLink = adapter.link;
  return word(adapter.link ? MediaState.Connected : MediaState.Disconnected);
}

/** Drivers that say nothing of the revision have room for the last. */
function capabilities(info: Uint8Array): OidAnswer {
  const header = NdisObjectHeader.decode(info);
  if (header === undefined) return offloadCapabilities(3);
  return header.type === NdisObjectType.Offload ? offloadCapabilities(header.revision) : RndisStatus.BadVersion;
}

function scaleCapabilities({ queues }: Adapter, info: Uint8Array): OidAnswer {
  const header = NdisObjectHeader.decode(info);
  if (header !== undefined && header.type !== NdisObjectType.RssCapabilities) return RndisStatus.BadVersion;
  const first = header?.revision === 1;
  const size = first ? NDIS_RSS_CAPABILITIES_V1_SIZE : NdisRssCapabilities.size;
  const { Ipv4, TcpIpv4, Ipv6, TcpIpv6 } = RssHashType;
  return NdisRssCapabilities.encode({
    header: { type: NdisObjectType.RssCapabilities, revision: first ? 1 : 2, size },
    capabilities: RSS_TOEPLITZ | Ipv4 | TcpIpv4 | Ipv6 | TcpIpv6,
    interruptMessages: queues,
    receiveQueues: queues,
    indirectionEntries: RSS_ENTRIES,
  }).subarray(0, size);
}

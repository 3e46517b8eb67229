/** OID settings: one row for each thing that a driver may set. Each is checked whole before anything changes. */
import {
  CONFIG_STRING,
  NDIS_OFFLOAD_PARAMETERS_SIZES,
  NdisObjectHeader,
  NdisObjectType,
  NdisOffloadParameters,
  NdisRssParameters,
  Oid,
  OffloadParameter,
  OffloadSwitch,
  RndisConfigParameter,
  RndisStatus,
  RSS_DISABLE,
  RSS_KEY_SIZE,
  RSS_TOEPLITZ,
  RssUnchanged,
} from '@ringlet/protocols';
import type { Adapter } from './adapter.ts';
import { isAddress } from './network-options.ts';
import { MOST_MULTICAST } from './packet-filter.ts';
import { RSS_ENTRIES } from './receive-scaling.ts';

/** @returns an RNDIS status */
type OidSetting = (adapter: Adapter, info: Uint8Array) => number;

const NETWORK_ADDRESS = 'NetworkAddress';

const settings = new Map<number, OidSetting>([
  [Oid.GenCurrentPacketFilter, setFilter],
  [Oid.GenCurrentLookahead, setLookahead],
  // Which protocols have which addresses helps an adapter that saves power: this one does not.
  [Oid.GenNetworkLayerAddresses, () => RndisStatus.Success],
  [Oid.Ieee8023MulticastList, setMulticast],
  [Oid.OffloadEncapsulation, (_, info) => headerStatus(info, NdisObjectType.OffloadEncapsulation)],
  [Oid.TcpOffloadParameters, setOffload],
  [Oid.GenReceiveScaleParameters, setScaling],
  [Oid.GenRndisConfigParameter, setParameter],
]);

/** Sets what a driver wants set. @returns an RNDIS status */
export function setOid(oid: number, adapter: Adapter, info: Uint8Array): number {
  const setting = settings.get(oid);
  return setting === undefined ? RndisStatus.NotSupported : setting(adapter, info);
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Part of the information; `undefined` when it is not inside. */
const part = (info: Uint8Array, offset: number, length: number): Uint8Array | undefined =>
  offset + length <= info.length ? info.subarray(offset, offset + length) : undefined;

function headerStatus(info: Uint8Array, type: number): number {
  const header = NdisObjectHeader.decode(info);
  if (header === undefined) return RndisStatus.InvalidLength;
  return header.type === type ? RndisStatus.Success : RndisStatus.BadVersion;
}

function setFilter({ filter }: Adapter, info: Uint8Array): number {
  if (info.length < 4) return RndisStatus.InvalidLength;
  filter.wanted = viewOf(info).getUint32(0, true);
  return RndisStatus.Success;
}

function setLookahead(adapter: Adapter, info: Uint8Array): number {
  if (info.length < 4) return RndisStatus.InvalidLength;
  const lookahead = viewOf(info).getUint32(0, true);
  if (lookahead > adapter.frameBytes) return RndisStatus.InvalidData;
  adapter.lookahead = lookahead;
  return RndisStatus.Success;
}

function setMulticast({ filter }: Adapter, info: Uint8Array): number {
  if (info.length % 6 !== 0) return RndisStatus.InvalidLength;
  if (info.length > 6 * MOST_MULTICAST) return RndisStatus.InvalidData;
  filter.multicast = info.slice();
  return RndisStatus.Success;
}

function setOffload(adapter: Adapter, info: Uint8Array): number {
  const status = headerStatus(info, NdisObjectType.Default);
  if (status !== RndisStatus.Success) return status;
  if (info.length < NDIS_OFFLOAD_PARAMETERS_SIZES[0]) return RndisStatus.InvalidLength;
  const wanted = NdisOffloadParameters.decode(info)!;
  const checksums = [
    wanted.ipv4Checksum,
    wanted.tcpIpv4Checksum,
    wanted.udpIpv4Checksum,
    wanted.tcpIpv6Checksum,
    wanted.udpIpv6Checksum,
  ];
  const sends = [wanted.lsoV1, wanted.lsoV2Ipv4, wanted.lsoV2Ipv6];
  if (
    checksums.some((value) => value > OffloadParameter.Both) ||
    sends.some((value) => value > OffloadSwitch.Enabled)
  ) {
    return RndisStatus.InvalidData;
  }
  adapter.offload = [...checksums, ...sends].map((value, i) => (value === 0 ? (adapter.offload[i] ?? 0) : value));
  return RndisStatus.Success;
}

function setScaling({ scaling, queues }: Adapter, info: Uint8Array): number {
  const status = headerStatus(info, NdisObjectType.RssParameters);
  if (status !== RndisStatus.Success) return status;
  const wanted = NdisRssParameters.decode(info);
  if (wanted === undefined) return RndisStatus.InvalidLength;
  const { flags, hashInformation } = wanted;
  if ((flags & RSS_DISABLE) !== 0) {
    scaling.disable();
    return RndisStatus.Success;
  }
  const newTable = (flags & RssUnchanged.Indirection) === 0;
  const newKey = (flags & RssUnchanged.Key) === 0;
  const entries = wanted.indirectionSize / 4;
  const table = part(info, wanted.indirectionOffset, wanted.indirectionSize);
  const key = part(info, wanted.keyOffset, wanted.keySize);
  if (newTable && (table === undefined || wanted.indirectionSize % 4 !== 0 || entries < 1 || entries > RSS_ENTRIES)) {
    return RndisStatus.InvalidLength;
  }
  if (newKey && (key === undefined || wanted.keySize !== RSS_KEY_SIZE)) return RndisStatus.InvalidLength;
  const queueOf = newTable ? Array.from({ length: entries }, (_, i) => viewOf(table!).getUint32(4 * i, true)) : [];
  if (queueOf.some((queue) => queue >= queues)) return RndisStatus.InvalidData;
  const newHash = (flags & RssUnchanged.HashInformation) === 0;
  if (newHash && (hashInformation & 0xff) !== RSS_TOEPLITZ && hashInformation !== 0) return RndisStatus.InvalidData;

  if (newKey) scaling.setKey(key!);
  if (newTable) scaling.setTable(Uint8Array.from(queueOf));
  if (newHash) scaling.hashTypes = hashInformation & ~0xff;
  return RndisStatus.Success;
}

/** A setting by its name, of which there is one: another address. */
function setParameter({ filter }: Adapter, info: Uint8Array): number {
  const header = RndisConfigParameter.decode(info);
  if (header === undefined) return RndisStatus.InvalidLength;
  const name = part(info, header.nameOffset, header.nameLength);
  const value = part(info, header.valueOffset, header.valueLength);
  if (name === undefined || value === undefined) return RndisStatus.InvalidLength;
  if (utf16(name) !== NETWORK_ADDRESS || header.type !== CONFIG_STRING) return RndisStatus.NotSupported;
  const digits = utf16(value);
  if (!/^[0-9a-f]{12}$/i.test(digits)) return RndisStatus.InvalidData;
  const address = Uint8Array.from(digits.match(/../g)!, (pair) => parseInt(pair, 16));
  if (!isAddress(address)) return RndisStatus.InvalidData;
  filter.address.set(address);
  return RndisStatus.Success;
}

function utf16(bytes: Uint8Array): string {
  const view = viewOf(bytes);
  const units = Array.from({ length: bytes.length >> 1 }, (_, i) => view.getUint16(2 * i, true));
  return String.fromCharCode(...units.slice(0, 64)).replace(/\0+$/, '');
}

/** Layouts of what an OID's request or answer carries: one alternative for each OID that an adapter may be asked or told. */
import { type Alternative, type Field, flags, type Layout, named, struct, u16, u32, u64 } from '@ringlet/wire';
import * as ndis from '../network/ndis.ts';
import { HardwareStatus, MacOption, MediaState, Oid, PacketFilter } from '../network/oids.ts';

const number = (name: string, field: Field<number> | Field<bigint> = u32): Layout => ({
  name: `oid.${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  head: struct(`OID value, ${8 * field.size} bits`, field.size, { [name]: field }),
});

const value = number('value');
const bytes = number('bytes');
/** Statistics have 32 or 64 bits, as the adapter likes. */
const counter: readonly Layout[] = [number('longCounter', u64), number('counter')];

const addresses: Layout = { name: 'oid.address', head: ndis.EthernetAddress };

const offload: Layout = { name: 'ndis.offload', head: ndis.NdisOffload };

const scaling: Layout = {
  name: 'ndis.rss-parameters',
  head: ndis.NdisRssParameters,
  parts: [
    [
      {
        at: { field: 'indirectionOffset' },
        length: { field: 'indirectionSize' },
        layout: { name: 'ndis.rss-table', tail: { name: 'queues', kind: 'list', element: 4 } },
      },
    ],
    [
      {
        at: { field: 'keyOffset' },
        length: { field: 'keySize' },
        layout: { name: 'ndis.rss-key', tail: { name: 'key', kind: 'bytes' } },
      },
    ],
  ],
};

const setting: Layout = {
  name: 'rndis.parameter',
  head: ndis.RndisConfigParameter,
  parts: [
    [
      {
        at: { field: 'nameOffset' },
        length: { field: 'nameLength' },
        layout: { name: 'rndis.parameter-name', tail: { name: 'parameter', kind: 'utf16' } },
      },
    ],
    [
      {
        when: { type: ndis.CONFIG_STRING },
        at: { field: 'valueOffset' },
        length: { field: 'valueLength' },
        layout: { name: 'rndis.parameter-text', tail: { name: 'text', kind: 'utf16' } },
      },
      {
        at: { field: 'valueOffset' },
        length: { field: 'valueLength' },
        layout: { name: 'rndis.parameter-value', tail: { name: 'data', kind: 'bytes' } },
      },
    ],
  ],
};

const protocolAddresses: Layout = {
  name: 'ndis.addresses',
  head: ndis.NetworkAddressList,
  parts: [
    [
      {
        times: { field: 'count' },
        layout: {
          name: 'ndis.address',
          head: ndis.NetworkAddress,
          parts: [
            [
              {
                length: { field: 'length' },
                layout: { name: 'ndis.address-data', tail: { name: 'data', kind: 'bytes' } },
              },
            ],
          ],
        },
      },
    ],
  ],
};

const text = (kind: 'ascii' | 'utf16'): Layout => ({ name: `oid.text-${kind}`, tail: { name: 'text', kind } });

const COUNTERS: readonly (keyof typeof Oid)[] = [
  'GenTransmitOk',
  'GenReceiveOk',
  'GenTransmitError',
  'GenReceiveError',
  'GenReceiveNoBuffer',
  'GenDirectedBytesTransmitted',
  'GenDirectedFramesTransmitted',
  'GenMulticastBytesTransmitted',
  'GenMulticastFramesTransmitted',
  'GenBroadcastBytesTransmitted',
  'GenBroadcastFramesTransmitted',
  'GenDirectedBytesReceived',
  'GenDirectedFramesReceived',
  'GenMulticastBytesReceived',
  'GenMulticastFramesReceived',
  'GenBroadcastBytesReceived',
  'GenBroadcastFramesReceived',
  'Ieee8023ReceiveErrorAlignment',
  'Ieee8023TransmitOneCollision',
  'Ieee8023TransmitMoreCollisions',
];

const rows: readonly (readonly [oids: readonly (keyof typeof Oid)[], layout: Layout, how?: Partial<Alternative>])[] = [
  [['GenSupportedList'], { name: 'oid.list', tail: { name: 'oids', kind: 'list', element: 4, names: Oid } }],
  [['GenHardwareStatus'], number('hardwareStatus', named(u32, HardwareStatus))],
  [['GenMediaSupported', 'GenMediaInUse'], number('medium', named(u32, { Ieee8023: 0 }))],
  [['GenPhysicalMedium'], number('physicalMedium', named(u32, { Unspecified: 0 }))],
  [
    [
      'GenMaximumLookahead',
      'GenMaximumFrameSize',
      'GenTransmitBufferSpace',
      'GenReceiveBufferSpace',
      'GenTransmitBlockSize',
      'GenReceiveBlockSize',
      'GenCurrentLookahead',
      'GenMaximumTotalSize',
    ],
    bytes,
  ],
  [['GenLinkSpeed'], number('hundredBitsPerSecond')],
  [['GenVendorId', 'GenVendorDriverVersion', 'GenMaximumSendPackets', 'Ieee8023MaximumListSize'], value],
  [['GenDriverVersion'], number('ndisVersion', u16)],
  [['GenVendorDescription'], text('ascii')],
  [['GenFriendlyName'], text('utf16')],
  [['GenCurrentPacketFilter'], number('packetFilter', flags(u32, PacketFilter))],
  [['GenMacOptions'], number('macOptions', flags(u32, MacOption))],
  [['GenMediaConnectStatus'], number('mediaState', named(u32, MediaState))],
  [['GenNetworkLayerAddresses'], protocolAddresses],
  [['Ieee8023PermanentAddress', 'Ieee8023CurrentAddress', 'Ieee8023MulticastList'], addresses, { times: 'rest' }],
  [COUNTERS, counter[0]!, { atLeast: 8 }],
  [COUNTERS, counter[1]!],
  [['GenReceiveScaleCapabilities'], { name: 'ndis.rss-capabilities', head: ndis.NdisRssCapabilities }],
  [['GenReceiveScaleParameters'], scaling],
  [['GenRndisConfigParameter'], setting],
  [['OffloadEncapsulation'], { name: 'ndis.encapsulation', head: ndis.NdisOffloadEncapsulation }],
  [['TcpOffloadParameters'], { name: 'ndis.offload-parameters', head: ndis.NdisOffloadParameters }],
  [['TcpOffloadHardwareCapabilities', 'TcpOffloadCurrentConfig'], offload],
];

/**
 * What an OID's information can be: chosen by the field `oid`.
 *
 * @param where - the fields that tell where the information is
 */
export const oidInformation = (where: Pick<Alternative, 'at' | 'length'>): Alternative[] => [
  ...rows.map(([oids, layout, how]) => ({ ...where, ...how, when: { oid: oids.map((name) => Oid[name]) }, layout })),
  { ...where, layout: { name: 'oid.data', tail: { name: 'data', kind: 'bytes' } } satisfies Layout },
];

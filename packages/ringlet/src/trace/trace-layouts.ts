/**
 * Everything that a trace can hold, as one tree of layouts: the header that each record has, and behind it what the tables
 * of the microkernel, the catalogue of the bus and the protocols of the devices declare.
 *
 *     0         1      2        3       4        6     8           12      16          18         20       24       28
 *    ┌─────────┬──────┬────────┬───────┬────────┬─────┬───────────┬───────┬───────────┬──────────┬────────┬────────┬────
 *    │ version │ kind │ sender │ cut   │ header │ vp  │ partition │ relid │ subchannel│ framing  │ lost   │ length │
 *    └─────────┴──────┴────────┴───────┴────────┴─────┴───────────┴───────┴───────────┴──────────┴────────┴────────┴────
 *     28                 44                                    80
 *    ┌──────────────────┬─────────────────────────────────────┐
 *    │ interface, GUID  │ device, UTF-8 with zeros behind it  │   then the record itself
 *    └──────────────────┴─────────────────────────────────────┘
 */
import { hypercallLayouts, MessageTrace, TraceKind, TraceSender } from '@ringlet/microkernel';
import {
  integrationLayout,
  keyboardLayout,
  memoryLayout,
  mouseLayout,
  nvspLayout,
  rndisLayout,
  scsiDataLayout,
  videoLayout,
  vstorLayout,
} from '@ringlet/protocols';
import {
  busMessageLayout,
  ChannelFraming,
  ChannelTraceRecord,
  type DeviceLayouts,
  interfaces,
  packetLayout,
  PIPE_HEADER_BYTES,
  PipePacket,
} from '@ringlet/vmbus';
import {
  guid,
  type Layout,
  layoutTable,
  type LayoutTable,
  named,
  reserved,
  struct,
  u16,
  u32,
  u64,
  u8,
  utf8,
} from '@ringlet/wire';

/** Version of the header. */
export const TRACE_VERSION = 1;
/** Name of the layout that every record begins with. */
export const TRACE_ROOT = 'trace';

/** The header of a record, in capture files, too. */
export const TraceHeader = struct('RINGLET_TRACE_HEADER', 80, {
  version: u8,
  kind: named(u8, TraceKind),
  sender: named(u8, TraceSender),
  /** 1: bytes at the end of the record were not kept. */
  cut: u8,
  headerBytes: u16,
  /** Virtual processor that did it, or whose channel it is; of the root for its own calls. */
  vp: u16,
  /** 1 is the root. */
  partition: u32,
  /** Channel id; 0 when it is no channel's. */
  relid: u32,
  subchannel: u16,
  /** How the channel's packets are framed. */
  framing: named(u16, ChannelFraming),
  /** Records that were dropped right before this one. */
  lost: u32,
  /** Bytes of the whole record, those that were not kept included. */
  length: u32,
  interfaceId: guid,
  /** Name of the device that the channel leads to. */
  device: utf8(36),
});

/** HvCallPostMessage, and where its payload begins in its input. */
const POST_MESSAGE = 0x005c;
const POSTED_AT = 16;
const VMBUS = 1;

const timer: Layout = {
  name: 'timer',
  head: struct('HV_TIMER_MESSAGE_PAYLOAD', 24, { timer: u32, _reserved: reserved(4), expiration: u64, delivery: u64 }),
};

/** The layout of each device class's packets, by interface. */
const deviceLayouts: readonly (readonly [interfaceId: string, layout: Layout])[] = [
  [interfaces.scsi.interfaceId, vstorLayout],
  [interfaces.ide.interfaceId, vstorLayout],
  [interfaces.network.interfaceId, nvspLayout],
  [interfaces.video.interfaceId, videoLayout],
  [interfaces.keyboard.interfaceId, keyboardLayout],
  [interfaces.mouse.interfaceId, mouseLayout],
  [interfaces.heartbeat.interfaceId, integrationLayout],
  [interfaces.shutdown.interfaceId, integrationLayout],
  [interfaces.timeSync.interfaceId, integrationLayout],
  [interfaces.keyValue.interfaceId, integrationLayout],
  [interfaces.fileCopy.interfaceId, integrationLayout],
  [interfaces.backup.interfaceId, integrationLayout],
  [interfaces.balloon.interfaceId, memoryLayout],
];

/** What a socket's packet begins with; the stream's bytes follow. */
const pipe: Layout = {
  name: 'pipe',
  head: struct('vmpipe_proto_header', PIPE_HEADER_BYTES, { pipePacket: named(u32, PipePacket), pipeBytes: u32 }),
};

/** The layouts of traces as plain data, with those of devices that bring their own. */
export function traceTable(devices: readonly DeviceLayouts[] = []): LayoutTable {
  const { hypercall, msr } = hypercallLayouts({
    [POST_MESSAGE]: [
      [{ when: { type: VMBUS }, at: { plus: POSTED_AT }, length: { field: 'size' }, layout: busMessageLayout }],
    ],
  });
  const message: Layout = {
    name: 'message',
    head: MessageTrace,
    parts: [
      [
        { when: { messageType: VMBUS }, length: { field: 'size' }, layout: busMessageLayout },
        { when: { messageType: 0x8000_0010 }, layout: timer },
      ],
    ],
  };
  // Named here, declared below: one for each interface, and none that has the name of one of ours.
  const roots = new Map(devices.map(({ root }) => [root, { name: root } satisfies Layout]));
  const own = devices.map(({ interfaceId, root }): readonly [string, Layout] => [interfaceId, roots.get(root)!]);
  const packet = packetLayout([
    ...[...own, ...deviceLayouts].map(([interfaceId, layout]) => ({ when: { interfaceId }, layout })),
    { when: { framing: ChannelFraming['hv-socket'] }, layout: pipe },
  ]);
  const table = layoutTable({
    name: TRACE_ROOT,
    head: TraceHeader,
    parts: [
      [
        { when: { kind: TraceKind.Hypercall }, layout: hypercall },
        { when: { kind: TraceKind.Msr }, layout: msr },
        { when: { kind: TraceKind.Message }, layout: message },
        { when: { kind: TraceKind.Channel }, layout: { name: 'channel', head: ChannelTraceRecord } },
        { when: { kind: TraceKind.Packet }, layout: packet },
        { when: { kind: TraceKind.Data, interfaceId: interfaces.network.interfaceId }, layout: rndisLayout },
        {
          when: { kind: TraceKind.Data, interfaceId: [interfaces.scsi.interfaceId, interfaces.ide.interfaceId] },
          layout: scsiDataLayout,
        },
      ],
    ],
  });
  const ours = Object.entries(table).filter(([name]) => !roots.has(name));
  return Object.assign({}, ...devices.map((device) => device.table), Object.fromEntries(ours)) as LayoutTable;
}

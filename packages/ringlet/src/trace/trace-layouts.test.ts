import { readdirSync } from 'node:fs';
import { TraceKind, TraceSender } from '@ringlet/microkernel';
import * as protocols from '@ringlet/protocols';
import { ChannelFraming, interfaces } from '@ringlet/vmbus';
import { decodeLayout, NIL_GUID } from '@ringlet/wire';
import { expect, test } from 'vitest';
import { TRACE_ROOT, TraceHeader, traceTable } from './trace-layouts.ts';

const { BalloonResponse, encodeMemoryMessage, encodePageRange, MemoryMessage } = protocols;

/** Not in packets: what SCSI commands and OIDs bring lies in the guest's pages, and offers in bus messages. */
const IN_PAGES = [
  /^(caching|control|CD\/DVD capabilities) mode page$|^mode parameter header/,
  / VPD page$|^VPD page header$|INQUIRY data$|^designation descriptor/,
  /^READ CAPACITY|^REPORT |^PERSISTENT RESERVE|^reservation descriptor$|^UNMAP /,
  /^(disc|track|DVD physical format) information$|^DVD structure|^TOC |feature|^media event status$|^mechanism status/,
  /^NDIS_|^RNDIS_CONFIG_PARAMETER_INFO$/,
  /^VMSTORAGE_OFFER_PROPERTIES$/,
];

test('each declared message is decoded in traces', () => {
  const titles = new Set(Object.values(traceTable()).map(({ title }) => title));
  const declared = Object.values(protocols).flatMap((each) =>
    typeof each === 'object' && 'shape' in each && 'encode' in each ? [each.name] : [],
  );
  expect(declared.length).toBeGreaterThan(100);
  expect(declared.filter((name) => !titles.has(name) && !IN_PAGES.some((form) => form.test(name)))).toEqual([]);
});

/** What each room of VSPs offers: a new one has no row here, and fails until it is decoded. */
const offered: Readonly<Record<string, readonly { readonly interfaceId: string }[]>> = {
  input: [],
  integration: [
    interfaces.backup,
    interfaces.fileCopy,
    interfaces.heartbeat,
    interfaces.keyValue,
    interfaces.shutdown,
    interfaces.timeSync,
  ],
  keyboard: [interfaces.keyboard],
  memory: [interfaces.balloon],
  mouse: [interfaces.mouse],
  network: [interfaces.network],
  // Sockets have an interface for each service, and are known by their framing.
  socket: [],
  storage: [interfaces.scsi, interfaces.ide],
  video: [interfaces.video],
};

test('packets of each VSP have a layout', () => {
  const rooms = readdirSync(new URL('../../../root-partition/src/vsps', import.meta.url));
  expect(rooms.toSorted()).toEqual(Object.keys(offered));
  const payloads = traceTable()
    ['vmpacket']!.parts.flat()
    .flatMap(({ when = [] }) => when);
  const known = payloads.flatMap(([field, values]) => (field === 'interfaceId' ? values : []));
  const wanted = Object.values(offered).flatMap((each) => each.map(({ interfaceId }) => interfaceId));
  expect(wanted.filter((interfaceId) => !known.includes(interfaceId))).toEqual([]);
});

/** Layouts and fields of a packet with this payload. */
function decoded(payload: Uint8Array, facts: { readonly interfaceId?: string; readonly framing?: number }) {
  const frame = new Uint8Array(TraceHeader.size + 16 + payload.length);
  TraceHeader.write(new DataView(frame.buffer), 0, {
    version: 1,
    kind: TraceKind.Packet,
    sender: TraceSender.Guest,
    cut: 0,
    headerBytes: TraceHeader.size,
    vp: 0,
    partition: 2,
    relid: 1,
    subchannel: 0,
    framing: facts.framing ?? ChannelFraming.device,
    lost: 0,
    length: 16 + payload.length,
    interfaceId: facts.interfaceId ?? NIL_GUID,
    device: 'it',
  });
  frame.set([6, 0, 2, 0, (16 + payload.length) / 8], TraceHeader.size);
  frame.set(payload, TraceHeader.size + 16);
  return decodeLayout(traceTable(), TRACE_ROOT, frame)
    .slice(2)
    .map(({ layout, fields }) => [layout, ...fields.map(({ value, text }) => text ?? value)]);
}

test('dynamic memory is decoded to the ranges of its pages', () => {
  const ranges = [
    { first: 0x1000, count: 512 },
    { first: 0x3000, count: 1 },
  ];
  const body = BalloonResponse.encode({ counts: ranges.length << 1 });
  const message = encodeMemoryMessage(MemoryMessage.BalloonResponse, 7, body, ranges);
  expect(decoded(message, { interfaceId: interfaces.balloon.interfaceId })).toEqual([
    ['memory', 'BALLOON_RESPONSE', 32, 7],
    ['memory.balloon-response', 4],
    ...ranges.map((range) => ['memory.range', encodePageRange(range)]),
  ]);
  const status = protocols.MemoryStatus.encode({
    available: 9n,
    committed: 1n,
    pageFile: 2n,
    free: 3n,
    pageFileWrites: 4,
    ioDifference: 5,
  });
  expect(
    decoded(encodeMemoryMessage(MemoryMessage.Status, 8, status), { interfaceId: interfaces.balloon.interfaceId }),
  ).toEqual([
    ['memory', 'STATUS', 48, 8],
    ['memory.status', 9n, 1n, 2n, 3n, 4, 5],
  ]);
});

test('a socket is known by its framing, whatever its service is', () => {
  const packet = new Uint8Array(16);
  packet.set([1, 0, 0, 0, 5]);
  expect(decoded(packet, { framing: ChannelFraming['hv-socket'] })).toEqual([['pipe', 'DATA', 5]]);
});

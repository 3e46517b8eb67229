import { createTraceRing, TraceKind, TraceWriter } from '@ringlet/microkernel';
import { ChannelFraming, ChannelTraceRecord } from '@ringlet/vmbus';
import { NIL_GUID } from '@ringlet/wire';
import { expect, test } from 'vitest';
import { FlightRecorder } from './flight-recorder.ts';
import { readRecord } from './raw-records.ts';

/** Rings whose writers take their times from the test. */
function rig(rings: number, bytes: number) {
  let now = 0;
  const shared = Array.from({ length: rings }, () => createTraceRing(bytes));
  const writers = shared.map((ring) => new TraceWriter({ now: () => now }, ring));
  const source = {
    epochMs: 0,
    now: () => now,
    switch: async () => shared,
    emptied: undefined as (() => void) | undefined,
  };
  const write = (ring: number, time: number, kept = 8): void => {
    now = time;
    const writer = writers[ring]!;
    writer.tick();
    if (writer.open(5, 0, ring, 2, 1, 0, kept, kept) >= 0) writer.close();
  };
  const channel = (relid: number, device: string): void => {
    const facts = { interfaceId: NIL_GUID, instanceId: NIL_GUID, device, framing: ChannelFraming.device };
    const body = ChannelTraceRecord.encode(facts);
    const [writer] = writers;
    const at = writer!.open(TraceKind.Channel, 1, 0, 2, relid, 0, body.length, body.length);
    writer!.bytes.set(body, at * 4);
    writer!.close();
  };
  return { source, write, channel };
}

const times = (records: readonly Uint8Array[]): (number | string)[] =>
  records.map((record) => (readRecord(record).kind === 7 ? 'lost' : readRecord(record).time));

test('records of several threads are kept in the order of their times', async () => {
  const { source, write } = rig(3, 4096);
  const recorder = new FlightRecorder(source);
  await recorder.look();
  write(0, 1);
  write(0, 5);
  write(1, 2);
  write(2, 4);
  write(1, 3);
  await recorder.stop();
  expect(times(recorder.page(0, 1e6).records)).toEqual([1, 2, 3, 4, 5]);
});

test('a page ends where it was told to, and the next begins there', async () => {
  const { source, write } = rig(1, 4096);
  const recorder = new FlightRecorder(source);
  await recorder.look();
  for (let time = 0; time < 5; time++) write(0, time);
  source.emptied?.();
  const first = recorder.page(0, 80);
  expect(times(first.records)).toEqual([0, 1]);
  expect(times(recorder.page(first.next, 1).records)).toEqual([2]);
  expect(recorder.page(recorder.end, 80)).toEqual({ records: [], next: 5, lost: 0 });
});

test('what did not fit into a ring is a record of its own', async () => {
  const { source, write } = rig(1, 128);
  const recorder = new FlightRecorder(source);
  await recorder.look();
  for (let time = 0; time < 10; time++) write(0, time);
  source.emptied?.();
  expect(times(recorder.page(0, 1e6).records)).toEqual([0, 1, 2, 'lost']);
  expect(recorder.dropped).toBe(7);
});

test('it keeps so much and no more, and says what is gone', async () => {
  const { source, write } = rig(1, 1 << 20);
  const recorder = new FlightRecorder(source);
  await recorder.look();
  for (let round = 0; round < 20; round++) {
    for (let each = 0; each < 500; each++) write(0, round * 500 + each, 2000);
    source.emptied?.();
  }
  const { records, lost } = recorder.page(0, 1e9);
  expect(records.reduce((sum, record) => sum + record.length, 0)).toBeLessThanOrEqual(16 * 1024 * 1024);
  expect(records.length + lost).toBe(10_000);
  expect(times(records).at(-1)).toBe(9999);
});

test('while nobody looks the rings keep what is last; who looks again is told how much he missed', async () => {
  const { source, write } = rig(1, 1 << 16);
  const recorder = new FlightRecorder(source);
  await recorder.start();
  for (let time = 0; time < 1000; time++) write(0, time, 24);
  expect(source.emptied).toBeUndefined();
  await recorder.look();
  const first = recorder.page(0, 1e6);
  expect(first.lost).toBe(0);
  expect(first.records.length).toBeGreaterThan((1 << 13) / 64 - 18);
  expect(times(first.records)).toEqual(first.records.map((_, i) => 1000 - first.records.length + i));
  // Nobody follows any more.
  await recorder.stop();
  await recorder.start();
  for (let time = 1000; time < 2000; time++) write(0, time, 24);
  await recorder.look();
  const second = recorder.page(first.next, 1e6).records;
  const [lost, ...rest] = second.map(readRecord);
  expect(lost).toMatchObject({ kind: 7 });
  expect(new DataView(lost!.body.buffer, lost!.body.byteOffset).getUint32(0, true)).toBe(1000 - rest.length);
  expect(rest.at(-1)!.time).toBe(1999);
});

test('whose a channel is stays known when its record is gone', async () => {
  const { source, write, channel } = rig(1, 1 << 20);
  const recorder = new FlightRecorder(source);
  await recorder.look();
  channel(7, 'first');
  channel(8, 'second');
  for (let round = 0; round < 20; round++) {
    for (let each = 0; each < 500; each++) write(0, round * 500 + each, 2000);
    source.emptied?.();
  }
  expect(recorder.page(0, 1e9).lost).toBeGreaterThan(2);
  expect(recorder.channels.map((record) => readRecord(record).relid)).toEqual([7, 8]);
});

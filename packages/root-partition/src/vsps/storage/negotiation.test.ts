import {
  VSTOR_HEADER_SIZE,
  VSTOR_MULTI_CHANNEL,
  VstorOperation,
  VstorProperties,
  VstorProtocolVersion,
  VstorStatus,
  VstorSubchannelCount,
  VstorVersion,
} from '@ringlet/protocols';
import { PacketType } from '@ringlet/vmbus';
import { expect, test } from 'vitest';
import { type Answer, scsiPacket, StorageBench, TestDisk } from './storage-fixture.ts';

const version = (number: number): Uint8Array => VstorProtocolVersion.encode({ version: number, revision: 0 });
const count = (number: number): Uint8Array => VstorSubchannelCount.encode({ count: number });
const properties = (answer: Answer) => VstorProperties.decode(answer.bytes.subarray(VSTOR_HEADER_SIZE))!;

test('ST1: the initialization is answered with success, step by step', () => {
  const bench = new StorageBench();
  bench.open();

  const answers = [
    bench.control(VstorOperation.BeginInitialization),
    bench.control(VstorOperation.QueryProtocolVersion, version(VstorVersion.Threshold)),
    bench.control(VstorOperation.QueryProperties),
    bench.control(VstorOperation.EndInitialization),
  ];

  expect(answers.map(({ operation, status }) => [operation, status])).toEqual(
    Array.from({ length: 4 }, () => [VstorOperation.CompleteIo, VstorStatus.Success]),
  );
  expect(bench.vsp.inspect()).toMatchObject({ state: 'ready', version: VstorVersion.Threshold });
});

test.each([
  ['END_INITIALIZATION before all else', VstorOperation.EndInitialization],
  ['QUERY_PROPERTIES before a version', VstorOperation.QueryProperties],
  ['RESET_BUS before it is ready', VstorOperation.ResetBus],
])('ST1: %s is answered with "invalid device state", and changes nothing', (_, operation) => {
  const bench = new StorageBench();
  bench.open();

  const answer = bench.control(operation);

  expect(answer.status).toBe(VstorStatus.InvalidDeviceState);
  expect(bench.vsp.inspect()).toMatchObject({ state: 'begin' });
  expect(bench.control(VstorOperation.BeginInitialization).status).toBe(VstorStatus.Success);
});

test('ST1, ST27: a request before the controller is ready is answered with "invalid device state"', () => {
  const bench = new StorageBench({ disks: [{ disk: new TestDisk() }] });
  bench.open();

  const answer = bench.run({ cdb: [0, 0, 0, 0, 0, 0] });

  expect(answer.status).toBe(VstorStatus.InvalidDeviceState);
  expect(answer.length).toBe(0);
});

test('ST2: an unsupported version is echoed with "revision mismatch", and the guest may ask for another', () => {
  const bench = new StorageBench();
  bench.open();
  bench.control(VstorOperation.BeginInitialization);

  const refused = bench.control(VstorOperation.QueryProtocolVersion, version(0x0700));
  const accepted = bench.control(VstorOperation.QueryProtocolVersion, version(VstorVersion.Blue));

  expect(refused.status).toBe(VstorStatus.RevisionMismatch);
  expect(VstorProtocolVersion.decode(refused.bytes.subarray(VSTOR_HEADER_SIZE))!.version).toBe(0x0700);
  expect(accepted.status).toBe(VstorStatus.Success);
});

test.each(Object.entries(VstorVersion))('ST2: version %s is accepted', (_, number) => {
  const bench = new StorageBench();

  bench.openReady(number);

  expect(bench.vsp.inspect()).toMatchObject({ state: 'ready', version: number });
});

test('ST3: a packet that asks for no answer is counted, and the channel lives', () => {
  const bench = new StorageBench();
  const line = bench.openReady();

  line.guest.send(scsiPacket({ cdb: [0] }));
  line.guest.flush();
  bench.settle();

  expect(line.answers).toEqual([]);
  expect(bench.vsp.inspect()).toMatchObject({ malformed: 1 });
  expect(bench.run({ cdb: [0x12, 0, 0, 0, 36, 0], length: 36 }).srbStatus).toBe(1);
});

test.each([
  [VstorVersion.Win6, 48],
  [VstorVersion.Win7, 48],
  [VstorVersion.Win8, 64],
  [VstorVersion.Blue, 64],
  [VstorVersion.Threshold, 64],
])('ST4, ST6: answers of version %i are exactly %i bytes, however long the request was', (number, size) => {
  const bench = new StorageBench({ disks: [{ disk: new TestDisk() }] });
  bench.openReady(number);

  expect(bench.control(VstorOperation.ResetBus).bytes.length).toBe(size);
  expect(bench.run({ cdb: [0, 0, 0, 0, 0, 0], packetSize: 48 }).bytes.length).toBe(size);
  expect(bench.run({ cdb: [0, 0, 0, 0, 0, 0] }).bytes.length).toBe(size);
});

test.each([48, 64])('ST5: before there is a version, an answer is as long as its request of %i bytes', (size) => {
  const bench = new StorageBench();
  bench.open();

  const answer = bench.control(VstorOperation.BeginInitialization, undefined, 0, size);

  expect(answer.bytes.length).toBe(size);
});

test('ST5: a request that is shorter than the version’s is taken as far as it goes', () => {
  const bench = new StorageBench();
  bench.open();

  const answer = bench.control(VstorOperation.BeginInitialization, undefined, 0, 16);

  expect(answer.status).toBe(VstorStatus.Success);
});

test('ST7: subchannels are offered when asked for, during the initialization and after it; never fewer', () => {
  const bench = new StorageBench({ maxSubchannels: 3 });
  bench.openReady();

  expect(bench.control(VstorOperation.CreateSubChannels, count(1)).status).toBe(VstorStatus.Success);
  expect(bench.control(VstorOperation.CreateSubChannels, count(3)).status).toBe(VstorStatus.Success);
  expect(bench.control(VstorOperation.CreateSubChannels, count(2)).status).toBe(VstorStatus.Success);

  expect(bench.offered).toEqual([1, 3]);
});

test('ST7: more subchannels than announced are refused', () => {
  const bench = new StorageBench({ maxSubchannels: 3 });
  bench.openReady();

  expect(bench.control(VstorOperation.CreateSubChannels, count(4)).status).toBe(VstorStatus.InvalidParameter);
  expect(bench.offered).toEqual([]);
});

test('ST7: a subchannel that was not asked for cannot be opened, and none can ask for more', () => {
  const bench = new StorageBench({ maxSubchannels: 3 });
  bench.openReady();

  const early = bench.open(1);
  bench.control(VstorOperation.CreateSubChannels, count(1));
  bench.open(1);

  expect(early).toBeUndefined();
  expect(bench.control(VstorOperation.CreateSubChannels, count(2), 1).status).toBe(VstorStatus.InvalidDeviceState);
});

test('ST8: what a subchannel sends before the controller is ready waits in its ring, and is not lost', () => {
  const bench = new StorageBench({ disks: [{ disk: new TestDisk() }], maxSubchannels: 1 });
  bench.open();
  bench.control(VstorOperation.BeginInitialization);
  bench.control(VstorOperation.QueryProtocolVersion, version(VstorVersion.Blue));
  bench.control(VstorOperation.QueryProperties);
  bench.control(VstorOperation.CreateSubChannels, count(1));
  bench.open(1);

  const id = bench.send({ cdb: [0, 0, 0, 0, 0, 0] }, 1);
  bench.settle();
  const early = bench.take(id, 1);
  bench.control(VstorOperation.EndInitialization);
  bench.settle();

  expect(early).toBeUndefined();
  expect(bench.take(id, 1)).toMatchObject({ srbStatus: 1, scsiStatus: 0 });
});

test.each([
  [VstorVersion.Win7, 0, 0],
  [VstorVersion.Win8, VSTOR_MULTI_CHANNEL, 5],
])('ST9: version %i announces flags %i and %i subchannels', (number, flags, maxSubchannels) => {
  const bench = new StorageBench({ maxSubchannels: 5 });
  bench.open();
  bench.control(VstorOperation.BeginInitialization);
  bench.control(VstorOperation.QueryProtocolVersion, version(number));

  const answer = properties(bench.control(VstorOperation.QueryProperties));

  expect(answer).toMatchObject({ flags, maxSubchannels, maxTransferBytes: 0x10_0000 });
});

test('a reopened channel starts its negotiation over', () => {
  const bench = new StorageBench();
  const line = bench.openReady();

  bench.vsp.closed(line.root, () => {});
  bench.open();

  expect(bench.vsp.inspect()).toMatchObject({ state: 'begin', version: 0 });
});

test('ST24: an operation that no one knows is answered with "invalid device request"', () => {
  const bench = new StorageBench();
  bench.openReady();

  expect(bench.control(99).status).toBe(VstorStatus.InvalidDeviceRequest);
  expect(bench.control(VstorOperation.FibreChannelHbaData).status).toBe(VstorStatus.InvalidDeviceRequest);
  expect(bench.vsp.inspect()).toMatchObject({ malformed: 2 });
});

test('ST24: a packet too short for a header is answered with "invalid parameter"', () => {
  const bench = new StorageBench();
  const line = bench.openReady();

  line.guest.request(new Uint8Array(8), 77, 0);
  line.guest.flush();
  bench.settle();

  expect(bench.take(77)?.status).toBe(VstorStatus.InvalidParameter);
});

test('the packets that carry answers are completions', () => {
  const bench = new StorageBench();
  const line = bench.open()!;
  const types: number[] = [];
  line.guest.packets$.subscribe(({ type }) => void types.push(type));

  bench.control(VstorOperation.BeginInitialization);

  expect(types).toEqual([PacketType.Completion]);
});

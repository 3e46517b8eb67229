import {
  DataDirection,
  ScsiOp,
  ScsiStatus,
  Sense,
  SrbStatus,
  VSTOR_SENSE_SIZE,
  VstorAt,
  VstorOperation,
  VstorStatus,
} from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { DiskOperation } from '../../backends/disk/disk.ts';
import { DATA_GPA, MISSING_GPA, READ_ONLY_GPA, scsiPacket, StorageBench, TestDisk } from './storage-fixture.ts';
import { StorageVsp } from './storage-vsp.ts';

const read10 = (block: number, count: number) => [ScsiOp.Read10, 0, 0, 0, block >> 8, block & 0xff, 0, 0, count, 0];
const write10 = (block: number, count: number) => [ScsiOp.Write10, ...read10(block, count).slice(1)];
const inquiry = (allocation = 36) => [ScsiOp.Inquiry, 0, 0, 0, allocation, 0];
const pattern = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 31 + 7) & 0xff);

const ready = (...disks: TestDisk[]): StorageBench => {
  const bench = new StorageBench({ disks: disks.map((disk, lun) => ({ disk, lun })) });
  bench.openReady();
  return bench;
};

test('ST15: a read fills the guest’s pages and says how many bytes it moved', () => {
  const disk = new TestDisk();
  disk.content.set(pattern(8192), 512 * 4);
  const bench = ready(disk);

  const answer = bench.run({ cdb: read10(4, 16), length: 8192, gpa: DATA_GPA + 100 });

  expect(answer).toMatchObject({
    operation: VstorOperation.CompleteIo,
    status: VstorStatus.Success,
    srbStatus: SrbStatus.Success,
    scsiStatus: ScsiStatus.Good,
    length: 8192,
  });
  expect(bench.data(8192, DATA_GPA + 100)).toEqual(pattern(8192));
});

test('a write takes the guest’s pages to the disk', () => {
  const disk = new TestDisk();
  const bench = ready(disk);
  bench.memory.write(DATA_GPA, pattern(4096));

  const answer = bench.run({ cdb: write10(4, 8), length: 4096, dataIn: DataDirection.Out });

  expect(answer).toMatchObject({ srbStatus: SrbStatus.Success, length: 4096 });
  expect(disk.content.slice(2048, 2048 + 4096)).toEqual(pattern(4096));
});

test('adjacent guest pages reach the disk as one run, where the guest’s memory has them', () => {
  const disk = new TestDisk();
  const bench = ready(disk);
  disk.holding = true;

  bench.send({ cdb: read10(0, 128), length: 65_536, gpa: DATA_GPA + 512 });
  bench.settle();

  const [request] = disk.held;
  expect(request!.bytes).toBe(bench.memory.bytes);
  expect(request!.runCount).toBe(1);
  expect([request!.runOffset[0], request!.runLength[0]]).toEqual([DATA_GPA + 512, 65_536]);
});

test('ST15: a failed command carries 20 sense bytes, marked valid, and moved nothing', () => {
  const bench = ready(new TestDisk());

  const answer = bench.run({ cdb: read10(5000, 1), length: 512 });

  expect(answer).toMatchObject({
    status: VstorStatus.IoDeviceError,
    srbStatus: SrbStatus.Error,
    scsiStatus: ScsiStatus.CheckCondition,
    sense: Sense.LbaOutOfRange,
    length: 0,
  });
  expect(answer.bytes[VstorAt.senseInfoLength]).toBe(VSTOR_SENSE_SIZE);
  expect(answer.bytes[VstorAt.sense]).toBe(0x70);
});

test('an answer repeats the address of its request, and its transaction id', () => {
  const bench = ready(new TestDisk());
  const { guest, answers } = bench.lines[0]!;

  guest.request(scsiPacket({ cdb: inquiry(0), path: 2, target: 1, lun: 9 }), 0x8000_0001, 0x1234);
  guest.flush();
  bench.settle();

  expect(answers[0]!.id).toBe(0x8000_0001);
  expect([...answers[0]!.bytes.subarray(VstorAt.portNumber, VstorAt.lun + 1)]).toEqual([3, 2, 1, 9]);
});

test('ST10: a data range longer than the transfer is fine; only the transfer is touched', () => {
  const disk = new TestDisk();
  disk.content.fill(9);
  const bench = ready(disk);

  const answer = bench.run({ cdb: read10(0, 1), length: 512, rangeLength: 4096 });

  expect(answer).toMatchObject({ srbStatus: SrbStatus.Success, length: 512 });
  expect(bench.data(4096).filter((byte) => byte === 9).length).toBe(512);
});

test.each([
  ['shorter than its transfer', { cdb: read10(0, 2), length: 1024, rangeLength: 1023 }],
  ['missing', { cdb: read10(0, 1), length: 512, rangeLength: 0 }],
  ['on a page that is not there', { cdb: read10(0, 1), length: 512, gpa: MISSING_GPA }],
  ['that ends on a page that is not there', { cdb: read10(0, 16), length: 8192, gpa: MISSING_GPA - 4096 }],
  ['beyond all memory', { cdb: read10(0, 1), length: 512, gpa: 2 ** 50 }],
  ['that the guest itself may not write', { cdb: read10(0, 1), length: 512, gpa: READ_ONLY_GPA }],
  ['longer than was announced', { cdb: read10(0, 1), length: 0x10_0001, rangeLength: 0x10_0001 }],
])('ST10, ST24: a request with a data range %s fails alone', (_, request) => {
  const disk = new TestDisk();
  const bench = ready(disk);

  const answer = bench.run(request);

  expect(answer).toMatchObject({
    srbStatus: SrbStatus.InvalidRequest,
    status: VstorStatus.InvalidParameter,
    length: 0,
  });
  expect(disk.log).toEqual([]);
  expect(bench.guestErrors.length).toBe(1);
  expect(bench.run({ cdb: read10(0, 1), length: 512 })).toMatchObject({ srbStatus: SrbStatus.Success });
});

test('a write may come from a page that the guest cannot write', () => {
  const bench = ready(new TestDisk());

  const answer = bench.run({ cdb: write10(0, 1), length: 512, dataIn: DataDirection.Out, gpa: READ_ONLY_GPA });

  expect(answer.srbStatus).toBe(SrbStatus.Success);
});

test('ST10: a command without data may come with a range, or without', () => {
  const bench = ready(new TestDisk());

  expect(bench.run({ cdb: [ScsiOp.TestUnitReady] })).toMatchObject({ srbStatus: SrbStatus.Success, length: 0 });
  expect(bench.run({ cdb: [ScsiOp.TestUnitReady], rangeLength: 512 })).toMatchObject({ srbStatus: SrbStatus.Success });
});

test('ST22: nothing of an earlier request shows in a later answer', () => {
  const bench = ready(new TestDisk());

  const failed = bench.run({ cdb: read10(5000, 1), length: 512, target: 0 });
  const good = bench.run({ cdb: [ScsiOp.TestUnitReady, 0, 0, 0, 0, 0], packetSize: 48 });

  expect(failed.sense).toBe(Sense.LbaOutOfRange);
  expect([...good.bytes.subarray(VstorAt.sense)].every((byte) => byte === 0)).toBe(true);
  expect(bench.vsp.inspect()).toMatchObject({ channels: [{ pooled: 1, outstanding: 0 }] });
});

test('ST23: the length of the CDB is what its operation says, whatever the packet says', () => {
  const disk = new TestDisk();
  const bench = ready(disk);
  const packet = scsiPacket({ cdb: read10(3, 1), length: 512 });
  packet[VstorAt.cdbLength] = 1;

  bench.lines[0]!.guest.requestDirect(packet, [DATA_GPA / 4096], 0, 512, 5, 0);
  bench.lines[0]!.guest.flush();
  bench.settle();

  expect(bench.take(5)).toMatchObject({ srbStatus: SrbStatus.Success, length: 512 });
  expect(disk.log).toMatchObject([{ sector: 3 }]);
});

test.each([
  [VstorOperation.ResetBus, Sense.ScsiBusReset],
  [VstorOperation.ResetAdapter, Sense.ScsiBusReset],
  [VstorOperation.ResetLun, Sense.BusDeviceReset],
])('ST20: operation %i succeeds, lets requests in flight go on, and is told to the unit’s initiators', (op, sense) => {
  const disk = new TestDisk();
  const bench = ready(disk);
  disk.holding = true;
  const id = bench.send({ cdb: read10(0, 1), length: 512 });
  bench.settle();

  const reset = bench.control(op);
  disk.release();
  bench.settle();

  expect(reset).toMatchObject({ operation: VstorOperation.CompleteIo, status: VstorStatus.Success });
  expect(bench.take(id)).toMatchObject({ srbStatus: SrbStatus.Success, length: 512 });
  expect(bench.run({ cdb: [ScsiOp.TestUnitReady] }).sense).toBe(sense);
  expect(bench.run({ cdb: [ScsiOp.TestUnitReady] }).srbStatus).toBe(SrbStatus.Success);
});

test('ST25: closing waits until no disk touches the guest’s memory any more, and answers nothing after that', () => {
  const disk = new TestDisk();
  const bench = ready(disk);
  const { root, answers } = bench.lines[0]!;
  disk.holding = true;
  bench.send({ cdb: read10(0, 1), length: 512 });
  bench.settle();
  const steps: string[] = [];

  bench.vsp.closed(root, () => void steps.push('closed'));
  steps.push('asked');
  disk.release();
  bench.settle();

  expect(steps).toEqual(['asked', 'closed']);
  expect(answers).toEqual([]);
});

test('ST25: a channel without requests in flight closes at once, and requests that only waited are not started', () => {
  const disk = new TestDisk();
  const bench = new StorageBench({ disks: [{ disk }], queueDepth: 1 });
  const { root } = bench.openReady();
  disk.holding = true;
  bench.send({ cdb: read10(0, 1), length: 512 });
  bench.send({ cdb: read10(1, 1), length: 512 });
  bench.settle();
  let closed = 0;

  bench.vsp.closed(root, () => void closed++);
  disk.release();

  expect(closed).toBe(1);
  expect(disk.log.length).toBe(1);
});

test('answers of one batch are published at once, with one signal', () => {
  const bench = ready(new TestDisk());
  const { root } = bench.lines[0]!;
  const before = root.statistics.signalsSent;

  for (let i = 0; i < 20; i++) bench.send({ cdb: read10(i, 1), length: 512 });
  bench.settle();

  expect(root.statistics.packetsSent).toBeGreaterThanOrEqual(20);
  expect(root.statistics.signalsSent - before).toBe(1);
});

test('answers that come later than their batch are published without another packet', () => {
  const disk = new TestDisk();
  const bench = ready(disk);
  const { root, guest } = bench.lines[0]!;
  disk.holding = true;
  const id = bench.send({ cdb: read10(0, 1), length: 512 });
  while (root.poll(64));

  disk.release();
  guest.poll(64);

  expect(bench.take(id)).toMatchObject({ srbStatus: SrbStatus.Success });
});

test('a subchannel serves the same units, and answers on itself', () => {
  const bench = ready(new TestDisk());
  bench.control(VstorOperation.CreateSubChannels, Uint8Array.of(1, 0));
  bench.open(1);

  const answer = bench.run({ cdb: read10(0, 1), length: 512 }, 1);

  expect(answer).toMatchObject({ srbStatus: SrbStatus.Success, length: 512 });
  expect(bench.vsp.inspect()).toMatchObject({ channels: [{ index: 0 }, { index: 1 }], units: [{ reads: 1 }] });
});

test('inspect counts by unit, and measures how long requests took', () => {
  const disk = new TestDisk();
  const bench = ready(disk);
  disk.holding = true;
  bench.send({ cdb: read10(0, 2), length: 1024 });
  bench.settle();
  bench.now += 2500;
  disk.release();
  disk.holding = false;
  bench.run({ cdb: write10(0, 1), length: 512, dataIn: DataDirection.Out });
  bench.run({ cdb: read10(9999, 1), length: 512 });

  expect(bench.vsp.inspect()).toMatchObject({
    state: 'ready',
    units: [
      {
        requests: 3,
        reads: 1,
        writes: 1,
        bytesRead: 1024,
        bytesWritten: 512,
        checkConditions: 1,
        inFlight: 0,
        latency: { samples: 1, meanMicroseconds: 250, slowestMicroseconds: 250 },
      },
    ],
  });
});

test('a request of a block command makes no further disk request than its own', () => {
  const disk = new TestDisk();
  const bench = ready(disk);

  for (let i = 0; i < 5; i++) bench.run({ cdb: read10(i, 1), length: 512 });

  expect(disk.log.map(({ operation, sector }) => [operation, sector])).toEqual(
    [0, 1, 2, 3, 4].map((sector) => [DiskOperation.Read, sector]),
  );
});

test('dispose waits for the disks, and closes them', () => {
  const [busy, idle] = [new TestDisk(), new TestDisk()];
  const bench = ready(busy, idle);
  busy.holding = true;
  bench.send({ cdb: read10(0, 1), length: 512 });
  bench.settle();
  const steps: string[] = [];

  bench.vsp.dispose(() => void steps.push('disposed'));
  steps.push('asked');
  busy.release();

  expect(steps).toEqual(['asked', 'disposed']);
  expect([busy.closed, idle.closed]).toEqual([true, true]);
});

test('a controller without disks is disposed at once', () => {
  const bench = new StorageBench();
  let done = 0;

  new StorageVsp(bench.world).dispose(() => void done++);

  expect(done).toBe(1);
});

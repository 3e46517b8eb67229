import { ScsiOp, Sense, SrbStatus, VstorAt, VstorOperation, VstorVersion } from '@ringlet/protocols';
import { UserError } from '@ringlet/wire';
import { expect, test } from 'vitest';
import { DiskOperation, DiskStatus } from '../../backends/disk/disk.ts';
import { type Line, StorageBench, TestDisk } from './storage-fixture.ts';

const TEST_READY = [ScsiOp.TestUnitReady, 0, 0, 0, 0, 0];
const read = (lun = 0) => ({ cdb: [ScsiOp.Read10, 0, 0, 0, 0, 0, 0, 0, 1, 0], length: 512, lun });
const told = (line: Line): number[] => line.unasked.splice(0).map((bytes) => bytes[VstorAt.operation]!);
const done = () => {};

test('ST16, ST3: a disk that is added is told by an unasked ENUMERATE_BUS, and can be used', () => {
  const bench = new StorageBench({ disks: [{ disk: new TestDisk() }] });
  const line = bench.openReady();

  bench.vsp.attach({ disk: new TestDisk(), lun: 1 });
  bench.settle();

  expect(line.unasked[0]!.length).toBe(64);
  expect(told(line)).toEqual([VstorOperation.EnumerateBus]);
  expect(bench.run(read(1))).toMatchObject({ srbStatus: SrbStatus.Success });
  expect(bench.run({ cdb: TEST_READY }).sense).toBe(Sense.ReportedLunsDataChanged);
  expect(bench.run({ cdb: TEST_READY }).srbStatus).toBe(SrbStatus.Success);
});

test('ST16: guests before Windows 7 are not told', () => {
  const bench = new StorageBench();
  const line = bench.openReady(VstorVersion.Win6);

  bench.vsp.attach({ disk: new TestDisk() });
  bench.settle();

  expect(told(line)).toEqual([]);
});

test('ST16: a change before the initialization ended is not told: the guest looks anyway then', () => {
  const bench = new StorageBench();
  const line = bench.open()!;

  bench.vsp.attach({ disk: new TestDisk() });
  bench.vsp.closed(line.root, done);
  const again = bench.openReady();
  bench.settle();

  expect(told(again)).toEqual([]);
  expect(bench.run(read())).toMatchObject({ srbStatus: SrbStatus.Success });
});

test('ST16, ST17: with no room for it the message waits for room, and stands for all changes meanwhile', () => {
  const disk = new TestDisk();
  const bench = new StorageBench({ disks: [{ disk }] });
  const line = bench.openReady();
  // The guest reads nothing until the controller has no room left.
  for (let i = 0; i < 1500; i++) {
    bench.send(read());
    while (line.root.poll(64));
  }
  disk.holding = true;
  bench.vsp.attach({ disk: new TestDisk(), lun: 1 });
  bench.vsp.attach({ disk: new TestDisk(), lun: 2 });
  bench.vsp.detach({ lun: 1 }, done);

  const answersBefore = line.answers.length;
  bench.settle();
  disk.holding = false;
  disk.release();
  bench.settle();

  expect(answersBefore).toBeLessThan(line.answers.length);
  expect(told(line)).toEqual([VstorOperation.EnumerateBus]);
  expect(line.root.state).toBe('open');
});

test('a disk that is taken away fails new requests so that the guest drops it, and is free when the last has ended', () => {
  const disk = new TestDisk();
  const bench = new StorageBench({ disks: [{ disk }], queueDepth: 1 });
  const line = bench.openReady();
  disk.holding = true;
  const inFlight = bench.send(read());
  const waiting = bench.send(read());
  bench.settle();
  const steps: string[] = [];

  bench.vsp.detach({}, () => void steps.push('free'));
  steps.push('asked');
  const late = bench.run(read());
  disk.holding = false;
  disk.release();
  bench.settle();

  expect(steps).toEqual(['asked', 'free']);
  expect(late.srbStatus).toBe(SrbStatus.InvalidLun);
  expect(bench.take(waiting)).toMatchObject({ srbStatus: SrbStatus.InvalidLun });
  expect(bench.take(inFlight)).toMatchObject({ srbStatus: SrbStatus.Success, length: 512 });
  expect(told(line)).toEqual([VstorOperation.EnumerateBus]);
  expect(disk.closed).toBe(false);
});

const SYNCHRONIZE = { cdb: [ScsiOp.SynchronizeCache10, 0, 0, 0, 0, 0, 0, 0, 0, 0] };

test('Linux makes the cache of a disk durable that has just gone: it has been, and the answer is good', () => {
  const disk = new TestDisk();
  const bench = new StorageBench({ disks: [{ disk, lun: 3 }] });
  bench.openReady();
  disk.holding = true;
  const steps: string[] = [];
  bench.vsp.detach({ lun: 3 }, () => void steps.push('free'));
  const early = bench.send({ ...SYNCHRONIZE, lun: 3 });
  bench.settle();
  expect(steps).toEqual([]);

  disk.release();
  bench.settle();

  expect(disk.log.map(({ operation }) => operation)).toEqual([DiskOperation.Flush]);
  expect(steps).toEqual(['free']);
  expect(bench.take(early)?.srbStatus).toBe(SrbStatus.Success);
  expect(bench.run({ ...SYNCHRONIZE, lun: 3 }).srbStatus).toBe(SrbStatus.Success);
  expect(bench.run({ ...SYNCHRONIZE, lun: 4 }).srbStatus).toBe(SrbStatus.InvalidLun);
  expect(bench.run(read(3)).srbStatus).toBe(SrbStatus.InvalidLun);
});

test('a disk that could not be made durable when it went says so', () => {
  const disk = new TestDisk();
  const bench = new StorageBench({ disks: [{ disk }] });
  bench.openReady();
  disk.failing = DiskStatus.IoError;
  bench.vsp.detach({}, done);

  expect(bench.run(SYNCHRONIZE).srbStatus).toBe(SrbStatus.InvalidLun);
});

test('a disk that comes to the place of another answers for itself', () => {
  const bench = new StorageBench({ disks: [{ disk: new TestDisk() }] });
  bench.openReady();
  bench.vsp.detach({}, done);
  const next = new TestDisk();
  bench.vsp.attach({ disk: next });

  bench.run({ cdb: TEST_READY });
  bench.run(SYNCHRONIZE);
  expect(next.log.map(({ operation }) => operation)).toEqual([DiskOperation.Flush]);
});

test('the place of a disk that was taken away can be used again', () => {
  const bench = new StorageBench({ disks: [{ disk: new TestDisk() }] });
  bench.openReady();

  bench.vsp.detach({}, done);
  bench.vsp.attach({ disk: new TestDisk({ sectors: 77 }) });

  expect(bench.run({ cdb: [ScsiOp.ReadCapacity10, 0, 0, 0, 0, 0, 0, 0, 0, 0], length: 8 }).length).toBe(8);
  expect(bench.data(4)[3]).toBe(76);
});

test('ST32: a disk that grows is told as capacity change, and the guest is made to look', () => {
  const disk = new TestDisk();
  const bench = new StorageBench({ disks: [{ disk }] });
  const line = bench.openReady();

  disk.setSize(5000);
  bench.settle();

  expect(told(line)).toEqual([VstorOperation.EnumerateBus]);
  expect(bench.run({ cdb: TEST_READY }).sense).toBe(Sense.CapacityDataChanged);
  expect(bench.run({ cdb: [ScsiOp.Read10, 0, 0, 0, 0x10, 0, 0, 0, 1, 0], length: 512 }).srbStatus).toBe(1);
});

test('ST35: a disc is changed in its drive while the guest runs', () => {
  const bench = new StorageBench({ disks: [{}] });
  bench.openReady();
  const empty = bench.run({ cdb: TEST_READY }).sense;

  bench.vsp.changeMedium({}, new TestDisk({ optical: true, sectorSize: 2048, sectors: 10 }), done);

  expect(empty).toBe(Sense.MediumNotPresent);
  expect(bench.run({ cdb: TEST_READY }).sense).toBe(Sense.MediumMayHaveChanged);
  expect(bench.run({ cdb: [ScsiOp.Read10, 0, 0, 0, 0, 9, 0, 0, 1, 0], length: 2048 }).length).toBe(2048);
});

test.each([
  ['taking away what is not there', (bench: StorageBench) => bench.vsp.detach({ lun: 9 }, done), 'no-such-lun'],
  ['putting a disc into a disk', (bench: StorageBench) => bench.vsp.changeMedium({}, undefined, done), 'not-a-drive'],
  ['adding to a taken place', (bench: StorageBench) => bench.vsp.attach({ disk: new TestDisk() }), 'lun-taken'],
])('%s is an error of the operator', (_, run, code) => {
  const bench = new StorageBench({ disks: [{ disk: new TestDisk() }] });

  const attempt = () => run(bench);

  expect(attempt).toThrow(UserError);
  expect(attempt).toThrow(expect.objectContaining({ code }));
});

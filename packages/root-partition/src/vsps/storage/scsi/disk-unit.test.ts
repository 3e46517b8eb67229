import {
  MODE_DPOFUA,
  MODE_WRITE_PROTECT,
  putBe32,
  putBe64,
  ReadCapacity10,
  ReadCapacity16,
  ScsiOp,
  Sense,
} from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { DiskOperation, DiskStatus } from '../../../backends/disk/disk.ts';
import { TestDisk } from '../storage-fixture.ts';
import { DiskUnit } from './disk-unit.ts';
import { command, GOOD, makeTask, outcomeOf, refusedFor } from './unit-fixture.ts';

const MAX_TRANSFER = 64 * 1024;
const unitOf = (disk: TestDisk): DiskUnit => {
  const unit = new DiskUnit(disk, MAX_TRANSFER);
  unit.attentions.attach(0);
  return unit;
};

const transfer6 = (op: number, block: number, count: number) => [op, block >> 16, block >> 8, block, count, 0];
const transfer10 = (op: number, block: number, count: number, flags = 0) => {
  const cdb = new Uint8Array(10);
  cdb[0] = op;
  cdb[1] = flags;
  putBe32(cdb, 2, block);
  cdb[7] = count >> 8;
  cdb[8] = count;
  return cdb;
};
const transfer12 = (op: number, block: number, count: number) => {
  const cdb = new Uint8Array(12);
  cdb[0] = op;
  putBe32(cdb, 2, block);
  putBe32(cdb, 6, count);
  return cdb;
};
const transfer16 = (op: number, block: number, count: number) => {
  const cdb = new Uint8Array(16);
  cdb[0] = op;
  putBe64(cdb, 2, block);
  putBe32(cdb, 10, count);
  return cdb;
};
const inquiry = (page?: number, allocation = 255) => [0x12, page === undefined ? 0 : 1, page ?? 0, 0, allocation, 0];
const pattern = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 31 + 7) & 0xff);

test.each([
  ['READ (6)', transfer6(ScsiOp.Read6, 3, 2)],
  ['READ (10)', transfer10(ScsiOp.Read10, 3, 2)],
  ['READ (12)', transfer12(ScsiOp.Read12, 3, 2)],
  ['READ (16)', transfer16(ScsiOp.Read16, 3, 2)],
])('%s gives the blocks it names', (_, cdb) => {
  const disk = new TestDisk();
  disk.content.set(pattern(1024), 3 * 512);

  const outcome = command(unitOf(disk), cdb, { room: 1024 });

  expect(outcome).toMatchObject({ ...GOOD, transferred: 1024 });
  expect(outcome.data).toEqual(pattern(1024));
});

test.each([
  ['WRITE (6)', transfer6(ScsiOp.Write6, 3, 2)],
  ['WRITE (10)', transfer10(ScsiOp.Write10, 3, 2)],
  ['WRITE (12)', transfer12(ScsiOp.Write12, 3, 2)],
  ['WRITE (16)', transfer16(ScsiOp.Write16, 3, 2)],
])('%s puts the blocks where it says', (_, cdb) => {
  const disk = new TestDisk();

  const outcome = command(unitOf(disk), cdb, { out: pattern(1024) });

  expect(outcome).toMatchObject({ ...GOOD, transferred: 1024 });
  expect(disk.content.slice(3 * 512, 5 * 512)).toEqual(pattern(1024));
  expect(disk.content.every((byte, i) => byte === 0 || (i >= 1536 && i < 2560))).toBe(true);
});

test('a READ (6) of zero blocks means 256', () => {
  const disk = new TestDisk();
  const unit = new DiskUnit(disk, 256 * 512);

  expect(command(unit, transfer6(ScsiOp.Read6, 0, 0), { room: 256 * 512 })).toMatchObject({ transferred: 256 * 512 });
});

test.each([ScsiOp.Read10, ScsiOp.Write10])('ST34: operation %i of zero blocks does nothing, successfully', (op) => {
  const disk = new TestDisk();

  expect(command(unitOf(disk), transfer10(op, 5, 0))).toMatchObject({ ...GOOD, transferred: 0 });
  expect(disk.log).toEqual([]);
});

test.each([
  ['one block too far', transfer10(ScsiOp.Read10, 2047, 2)],
  ['beyond the end', transfer10(ScsiOp.Read10, 2048, 1)],
  ['beyond 32 bits when added', transfer16(ScsiOp.Read16, 0xffff_ffff, 0xffff_ffff)],
  ['at the largest address there is', [ScsiOp.Read16, 0, ...Array.from({ length: 12 }, () => 0xff), 0, 0]],
  ['zero blocks beyond the end', transfer10(ScsiOp.Read10, 5000, 0)],
])('ST34: a read %s is out of range', (_, cdb) => {
  const disk = new TestDisk();

  expect(command(unitOf(disk), cdb)).toMatchObject(refusedFor(Sense.LbaOutOfRange));
  expect(disk.log).toEqual([]);
});

test('ST34: a read of more blocks than its buffer holds is refused', () => {
  expect(command(unitOf(new TestDisk()), transfer10(ScsiOp.Read10, 0, 2), { room: 1023 })).toMatchObject(
    refusedFor(Sense.LbaOutOfRange),
  );
});

test('ST15: a read of fewer blocks than its buffer holds says how much it moved, and leaves the rest alone', () => {
  const disk = new TestDisk();
  disk.content.fill(9);
  const task = makeTask(transfer10(ScsiOp.Read10, 0, 1), { room: 2048 });

  unitOf(disk).execute(task);

  expect(outcomeOf(task)).toMatchObject({ ...GOOD, transferred: 512 });
  expect(task.bytes.filter((byte) => byte === 9).length).toBe(512);
});

test('a read of more than the announced maximum is refused', () => {
  const outcome = command(unitOf(new TestDisk()), transfer10(ScsiOp.Read10, 0, 129), { room: 2 * MAX_TRANSFER });

  expect(outcome).toMatchObject(refusedFor(Sense.InvalidFieldInCdb));
});

test('a command whose data goes the other way than its packet says is refused', () => {
  const unit = unitOf(new TestDisk());

  expect(command(unit, transfer10(ScsiOp.Read10, 0, 1), { out: pattern(512) })).toMatchObject(
    refusedFor(Sense.InvalidFieldInCdb),
  );
  expect(command(unit, transfer10(ScsiOp.Write10, 0, 1), { room: 512 })).toMatchObject(
    refusedFor(Sense.InvalidFieldInCdb),
  );
});

test('protection information is not offered', () => {
  expect(command(unitOf(new TestDisk()), transfer10(ScsiOp.Read10, 0, 1, 0x20))).toMatchObject(
    refusedFor(Sense.InvalidFieldInCdb),
  );
});

test('a write with FUA asks the disk to write through, one without does not', () => {
  const disk = new TestDisk();

  command(unitOf(disk), transfer10(ScsiOp.Write10, 0, 1, 0x08), { out: pattern(512) });
  command(unitOf(disk), transfer10(ScsiOp.Write10, 0, 1), { out: pattern(512) });

  expect(disk.log.map(({ forceUnitAccess }) => forceUnitAccess)).toEqual([true, false]);
});

test.each([
  [DiskStatus.IoError, ScsiOp.Read10, Sense.UnrecoveredReadError],
  [DiskStatus.IoError, ScsiOp.Write10, Sense.WriteError],
  [DiskStatus.NoSpace, ScsiOp.Write10, Sense.SpaceAllocationFailed],
  [DiskStatus.ReadOnly, ScsiOp.Write10, Sense.WriteProtected],
  [DiskStatus.OutOfRange, ScsiOp.Read10, Sense.LbaOutOfRange],
  [DiskStatus.Closed, ScsiOp.Read10, Sense.CommandsClearedByDevice],
])('a disk that answers %i to operation %i makes sense data %i', (failing, op, sense) => {
  const disk = new TestDisk();
  disk.failing = failing;
  const data = op === ScsiOp.Write10 ? { out: pattern(512) } : { room: 512 };

  expect(command(unitOf(disk), transfer10(op, 0, 1), data)).toMatchObject(refusedFor(sense));
});

test.each([
  ['WRITE (10)', transfer10(ScsiOp.Write10, 0, 1)],
  ['WRITE SAME (16)', transfer16(ScsiOp.WriteSame16, 0, 1)],
  ['UNMAP', [ScsiOp.Unmap, 0, 0, 0, 0, 0, 0, 0, 24, 0]],
])('a read-only disk refuses %s as write protected', (_, cdb) => {
  const disk = new TestDisk({ readOnly: true });

  expect(command(unitOf(disk), cdb, { out: pattern(512) })).toMatchObject(refusedFor(Sense.WriteProtected));
  expect(disk.log).toEqual([]);
});

test('ST30: a read-only disk is a disk whose medium is write protected, not a CD-ROM', () => {
  const unit = unitOf(new TestDisk({ readOnly: true }));

  expect(command(unit, inquiry()).data[0]).toBe(0);
  expect(command(unit, [ScsiOp.ModeSense6, 0, 0x3f, 0, 255, 0]).data[2]).toBe(MODE_WRITE_PROTECT | MODE_DPOFUA);
});

test.each([
  ['SYNCHRONIZE CACHE (10)', transfer10(ScsiOp.SynchronizeCache10, 0, 0)],
  ['SYNCHRONIZE CACHE (16)', transfer16(ScsiOp.SynchronizeCache16, 0, 2048)],
])('%s flushes the disk', (_, cdb) => {
  const disk = new TestDisk();

  expect(command(unitOf(disk), cdb)).toMatchObject({ ...GOOD, transferred: 0 });
  expect(disk.log.map(({ operation }) => operation)).toEqual([DiskOperation.Flush]);
});

test('a SYNCHRONIZE CACHE beyond the end is out of range', () => {
  expect(command(unitOf(new TestDisk()), transfer10(ScsiOp.SynchronizeCache10, 2048, 1))).toMatchObject(
    refusedFor(Sense.LbaOutOfRange),
  );
});

test('TEST UNIT READY is good; an unknown operation is refused as such', () => {
  expect(command(unitOf(new TestDisk()), [0, 0, 0, 0, 0, 0])).toMatchObject(GOOD);
  expect(command(unitOf(new TestDisk()), [0xc1])).toMatchObject(refusedFor(Sense.InvalidOperationCode));
});

test('READ CAPACITY (10) and (16) give the last block; (10) saturates', () => {
  const disk = new TestDisk();
  const huge = new TestDisk({ sectors: 1 });
  huge.sectorCount = 2 ** 33;

  const ten = (of: TestDisk) => ReadCapacity10.decode(command(unitOf(of), [0x25]).data);
  const sixteen = (of: TestDisk) =>
    ReadCapacity16.decode(command(unitOf(of), [0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32]).data);

  expect(ten(disk)).toEqual({ lastBlock: 2047, blockLength: 512 });
  expect(sixteen(disk)).toMatchObject({ lastBlock: 2047n, physicalExponent: 3, provisioning: 0xc000 });
  expect(ten(huge)?.lastBlock).toBe(0xffff_ffff);
  expect(sixteen(huge)?.lastBlock).toBe(2n ** 33n - 1n);
});

test('another service action than READ CAPACITY (16) is refused', () => {
  expect(command(unitOf(new TestDisk()), [0x9e, 0x1f])).toMatchObject(refusedFor(Sense.InvalidFieldInCdb));
});

test('ST32: a capacity change is told once, and not to INQUIRY', () => {
  const disk = new TestDisk();
  const unit = unitOf(disk);

  unit.resized();
  unit.resized();

  expect(command(unit, inquiry())).toMatchObject(GOOD);
  expect(command(unit, [0])).toMatchObject(refusedFor(Sense.CapacityDataChanged));
  expect(command(unit, [0])).toMatchObject(GOOD);
});

test('ST32: each initiator is told of a capacity change for itself', () => {
  const unit = unitOf(new TestDisk());
  unit.attentions.attach(1);

  unit.resized();

  expect(command(unit, [0], { initiator: 1 })).toMatchObject(refusedFor(Sense.CapacityDataChanged));
  expect(command(unit, [0], { initiator: 0 })).toMatchObject(refusedFor(Sense.CapacityDataChanged));
  expect(command(unit, [0], { initiator: 1 })).toMatchObject(GOOD);
});

test('REQUEST SENSE tells what is pending as data, and takes it away', () => {
  const unit = unitOf(new TestDisk());
  unit.reset(Sense.ScsiBusReset);

  const first = command(unit, [0x03, 0, 0, 0, 255, 0]).data;
  const second = command(unit, [0x03, 0, 0, 0, 255, 0]).data;

  expect([first[0], first[2], first[12], first[13]]).toEqual([0x70, 6, 0x29, 0x02]);
  expect(first.length).toBe(18);
  expect([second[2], second[12]]).toEqual([0, 0]);
});

test('REQUEST SENSE in descriptor format is refused', () => {
  expect(command(unitOf(new TestDisk()), [0x03, 1, 0, 0, 255, 0])).toMatchObject(refusedFor(Sense.InvalidFieldInCdb));
});

test('a stopped disk flushed, is not ready until it is started, and a reset starts it', () => {
  const disk = new TestDisk();
  const unit = unitOf(disk);

  expect(command(unit, [0x1b, 0, 0, 0, 0, 0])).toMatchObject(GOOD);
  expect(disk.log.map(({ operation }) => operation)).toEqual([DiskOperation.Flush]);
  for (const cdb of [[0], transfer10(ScsiOp.Read10, 0, 1), transfer16(ScsiOp.WriteSame16, 0, 1)]) {
    expect(command(unit, cdb)).toMatchObject(refusedFor(Sense.NotReadyStopped));
  }
  expect(command(unit, [0x1b, 0, 0, 0, 1, 0])).toMatchObject(GOOD);
  expect(command(unit, [0])).toMatchObject(GOOD);
  command(unit, [0x1b, 0, 0, 0, 0, 0]);
  unit.reset(Sense.BusDeviceReset);
  expect(command(unit, [0])).toMatchObject(refusedFor(Sense.BusDeviceReset));
  expect(command(unit, [0])).toMatchObject(GOOD);
});

test('START STOP UNIT with power conditions or a tray is refused by a disk', () => {
  expect(command(unitOf(new TestDisk()), [0x1b, 0, 0, 0, 0x30, 0])).toMatchObject(refusedFor(Sense.InvalidFieldInCdb));
  expect(command(unitOf(new TestDisk()), [0x1b, 0, 0, 0, 0x02, 0])).toMatchObject(refusedFor(Sense.InvalidFieldInCdb));
});

test('PREVENT ALLOW MEDIUM REMOVAL is good: there is nothing to remove', () => {
  expect(command(unitOf(new TestDisk()), [0x1e, 0, 0, 0, 1, 0])).toMatchObject(GOOD);
});

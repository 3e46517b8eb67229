import { putBe16, putBe32, putBe64, ScsiOp, Sense } from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { DiskOperation, DiskStatus } from '../../../backends/disk/disk.ts';
import { TestDisk } from '../storage-fixture.ts';
import { DiskUnit } from './disk-unit.ts';
import { command, GOOD, makeTask, outcomeOf, refusedFor } from './unit-fixture.ts';

const unitOf = (disk: TestDisk): DiskUnit => new DiskUnit(disk, 64 * 1024);
const full = (sectors = 4096): TestDisk => {
  const disk = new TestDisk({ sectors });
  disk.content.fill(0xff);
  return disk;
};
const isZero = (disk: TestDisk, sector: number, count: number): boolean =>
  disk.content.subarray(sector * 512, (sector + count) * 512).every((byte) => byte === 0);

const unmapCdb = (length: number) => [ScsiOp.Unmap, 0, 0, 0, 0, 0, 0, length >> 8, length & 0xff, 0];
const unmapList = (...runs: [sector: number, count: number][]) => {
  const list = new Uint8Array(8 + 16 * runs.length);
  putBe16(list, 0, list.length - 2);
  putBe16(list, 2, 16 * runs.length);
  runs.forEach(([sector, count], i) => {
    putBe64(list, 8 + 16 * i, sector);
    putBe32(list, 16 + 16 * i, count);
  });
  return list;
};
const unmap = (disk: TestDisk, list: Uint8Array) => command(unitOf(disk), unmapCdb(list.length), { out: list });
const same16 = (sector: number, count: number, flags = 0) => {
  const cdb = new Uint8Array(16);
  cdb[0] = ScsiOp.WriteSame16;
  cdb[1] = flags;
  putBe64(cdb, 2, sector);
  putBe32(cdb, 10, count);
  return cdb;
};
const verify10 = (sector: number, count: number, flags = 0) => {
  const cdb = new Uint8Array(10);
  cdb[0] = ScsiOp.Verify10;
  cdb[1] = flags;
  putBe32(cdb, 2, sector);
  putBe16(cdb, 7, count);
  return cdb;
};

test('UNMAP frees each run of its list', () => {
  const disk = full();

  const outcome = unmap(disk, unmapList([8, 16], [100, 0], [200, 8]));

  expect(outcome).toMatchObject(GOOD);
  expect(disk.log.map(({ operation, sector, count }) => [operation, sector, count])).toEqual([
    [DiskOperation.Unmap, 8, 16],
    [DiskOperation.Unmap, 200, 8],
  ]);
});

test('an UNMAP of nothing is good', () => {
  expect(command(unitOf(full()), unmapCdb(0))).toMatchObject(GOOD);
  expect(unmap(full(), unmapList())).toMatchObject(GOOD);
});

test('an UNMAP with one run outside the disk frees nothing', () => {
  const disk = full();

  expect(unmap(disk, unmapList([8, 8], [4090, 8]))).toMatchObject(refusedFor(Sense.LbaOutOfRange));
  expect(disk.log).toEqual([]);
});

test('UNMAP is an unknown operation to a disk that cannot, so that guests stop asking', () => {
  const disk = new TestDisk({ unmaps: false });

  expect(unmap(disk, unmapList([0, 8]))).toMatchObject(refusedFor(Sense.InvalidOperationCode));
});

test.each([
  ['shorter than its header', 7, Sense.ParameterListLength],
  ['of more runs than announced', 8 + 16 * 257, Sense.InvalidFieldInParameterList],
])('an UNMAP list %s is refused', (_, length, sense) => {
  const list = new Uint8Array(length);
  putBe16(list, 2, Math.min(0xffff, Math.max(0, length - 8)));

  expect(unmap(full(), list)).toMatchObject(refusedFor(sense));
});

test('an UNMAP that ends in the middle stops at the first error, which is told', () => {
  const disk = full();
  disk.holding = true;
  const list = unmapList([0, 8], [16, 8], [32, 8]);
  const task = makeTask(unmapCdb(list.length), { out: list });

  unitOf(disk).execute(task);
  disk.release();
  disk.failing = DiskStatus.IoError;
  disk.release();

  expect(outcomeOf(task)).toMatchObject(refusedFor(Sense.WriteError));
  expect(disk.log.length).toBe(2);
});

test('256 runs on a disk that answers at once need no deep stack, and end once', () => {
  const disk = full();

  const outcome = unmap(disk, unmapList(...Array.from({ length: 256 }, (_, i): [number, number] => [i * 16, 8])));

  expect(outcome).toMatchObject(GOOD);
  expect(disk.log.length).toBe(256);
});

test.each([
  ['with UNMAP', 0x08],
  ['without UNMAP', 0],
])('WRITE SAME of zeroes %s makes the blocks read as zeroes, in one request', (_, flags) => {
  const disk = full();

  const outcome = command(unitOf(disk), same16(10, 20, flags), { out: new Uint8Array(512) });

  expect(outcome).toMatchObject(GOOD);
  expect(isZero(disk, 10, 20)).toBe(true);
  expect([disk.content[10 * 512 - 1], disk.content[30 * 512]]).toEqual([0xff, 0xff]);
  expect(disk.log.map(({ operation }) => operation)).toEqual([DiskOperation.WriteZeroes]);
});

test('WRITE SAME without a data buffer writes zeroes', () => {
  const disk = full();

  expect(command(unitOf(disk), same16(0, 4096, 0x01), { room: 0 })).toMatchObject(GOOD);
  expect(isZero(disk, 0, 4096)).toBe(true);
});

test('WRITE SAME repeats a block, in pieces', () => {
  const disk = full();
  const block = Uint8Array.from({ length: 512 }, (_, i) => i & 0xff);

  const outcome = command(unitOf(disk), same16(5, 300), { out: block });

  expect(outcome).toMatchObject({ ...GOOD, transferred: 512 });
  expect(disk.log.map(({ count }) => count)).toEqual([128, 128, 44]);
  for (const sector of [5, 6, 132, 133, 304]) {
    expect(disk.content.slice(sector * 512, (sector + 1) * 512)).toEqual(block);
  }
  expect(disk.content[305 * 512]).toBe(0xff);
});

test('WRITE SAME (10) is the same with shorter fields', () => {
  const disk = full();
  const cdb = verify10(7, 3);
  cdb[0] = ScsiOp.WriteSame10;

  expect(command(unitOf(disk), cdb, { out: new Uint8Array(512) })).toMatchObject(GOOD);
  expect(isZero(disk, 7, 3)).toBe(true);
});

test.each([
  ['of zero blocks, which would mean "all"', same16(0, 0), Sense.InvalidFieldInCdb],
  ['of more blocks than announced', same16(0, 0x1_0001), Sense.InvalidFieldInCdb],
  ['with an anchor', same16(0, 1, 0x10), Sense.InvalidFieldInCdb],
  ['beyond the end', same16(4090, 8), Sense.LbaOutOfRange],
])('a WRITE SAME %s is refused', (_, cdb, sense) => {
  expect(command(unitOf(full()), cdb, { out: new Uint8Array(512) })).toMatchObject(refusedFor(sense));
});

test('a WRITE SAME whose buffer is shorter than a block is refused', () => {
  expect(command(unitOf(full()), same16(0, 1), { out: new Uint8Array(511) })).toMatchObject(
    refusedFor(Sense.InvalidFieldInCdb),
  );
});

test('VERIFY really reads: an error of the medium is told', () => {
  const disk = full();

  expect(command(unitOf(disk), verify10(3, 4))).toMatchObject({ ...GOOD, transferred: 0 });
  expect(disk.log).toMatchObject([{ operation: DiskOperation.Read, sector: 3, count: 4 }]);
  disk.failing = DiskStatus.IoError;
  expect(command(unitOf(disk), verify10(3, 4))).toMatchObject(refusedFor(Sense.UnrecoveredReadError));
});

test('VERIFY with data compares it', () => {
  const disk = full();
  const equal = new Uint8Array(1024).fill(0xff);
  const other = equal.slice();
  other[1000] = 1;

  expect(command(unitOf(disk), verify10(3, 2, 0x02), { out: equal })).toMatchObject({ ...GOOD, transferred: 1024 });
  expect(command(unitOf(disk), verify10(3, 2, 0x02), { out: other })).toMatchObject(refusedFor(Sense.Miscompare));
  expect(command(unitOf(disk), verify10(3, 3, 0x02), { out: equal })).toMatchObject(
    refusedFor(Sense.InvalidFieldInCdb),
  );
});

test('VERIFY (16) of nothing is good; beyond the end, or of too much, it is refused', () => {
  const cdb = (sector: number, count: number) => {
    const bytes = same16(sector, count);
    bytes[0] = ScsiOp.Verify16;
    return bytes;
  };

  expect(command(unitOf(full()), cdb(0, 0))).toMatchObject(GOOD);
  expect(command(unitOf(full()), cdb(4095, 2))).toMatchObject(refusedFor(Sense.LbaOutOfRange));
  expect(command(unitOf(full()), cdb(0, 129))).toMatchObject(refusedFor(Sense.InvalidFieldInCdb));
});

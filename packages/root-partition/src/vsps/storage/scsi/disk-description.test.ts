/** What a disk says of itself: INQUIRY and mode pages. */
import {
  BlockLimits,
  BlockProvisioning,
  CACHING_WRITE_CACHE,
  ScsiOp,
  Sense,
  StandardInquiry,
} from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { TestDisk } from '../storage-fixture.ts';
import { DiskUnit } from './disk-unit.ts';
import { command, GOOD, refusedFor } from './unit-fixture.ts';

const unitOf = (disk: TestDisk): DiskUnit => new DiskUnit(disk, 64 * 1024);
const inquiry = (page?: number, allocation = 255) => [0x12, page === undefined ? 0 : 1, page ?? 0, 0, allocation, 0];
const ascii = (bytes: Uint8Array) => String.fromCharCode(...bytes);

test('INQUIRY describes a disk as Hyper-V does, and gives no more than was asked for', () => {
  const unit = unitOf(new TestDisk());

  const whole = StandardInquiry.decode(command(unit, inquiry()).data)!;

  expect(whole).toMatchObject({ peripheral: 0, removable: 0, version: 5, format: 2, additionalLength: 31, flags7: 2 });
  expect([ascii(whole.vendor), ascii(whole.product), ascii(whole.revision)]).toEqual([
    'Msft    ',
    'Virtual Disk    ',
    '1.0 ',
  ]);
  expect(command(unit, inquiry(undefined, 5)).transferred).toBe(5);
});

test('INQUIRY of a page without EVPD, and of a page that is not there, are refused', () => {
  expect(command(unitOf(new TestDisk()), [0x12, 0, 0x80, 0, 255, 0])).toMatchObject(
    refusedFor(Sense.InvalidFieldInCdb),
  );
  expect(command(unitOf(new TestDisk()), inquiry(0xc0))).toMatchObject(refusedFor(Sense.InvalidFieldInCdb));
});

test('every page that VPD 00h lists is there, says its number, and its length is right', () => {
  const unit = unitOf(new TestDisk());

  const listed = Array.from(command(unit, inquiry(0)).data.subarray(4));
  const pages = listed.map((page) => command(unit, inquiry(page)).data);

  expect(listed).toEqual([0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2]);
  expect(pages.map((data) => data[1])).toEqual(listed);
  expect(pages.map((data) => data.length)).toEqual(pages.map((data) => 4 + ((data[2]! << 8) | data[3]!)));
});

test('ST33: serial number and identification come from the image alone, and differ between images', () => {
  const [first, again, other] = [new TestDisk({ id: 0x1f }), new TestDisk({ id: 0x1f }), new TestDisk({ id: 0x2e })];

  const identity = (disk: TestDisk) => [0x80, 0x83].map((page) => ascii(command(unitOf(disk), inquiry(page)).data));

  expect(identity(first)).toEqual(identity(again));
  expect(identity(first)[0]).not.toBe(identity(other)[0]);
  expect(identity(first)[1]).not.toBe(identity(other)[1]);
  expect(identity(first)[0]!.slice(4)).toBe('1f'.repeat(16));
});

test('ST29: a disk that unmaps says so with a granularity that is not zero; another does not say so', () => {
  const limits = (disk: TestDisk) => BlockLimits.decode(command(unitOf(disk), inquiry(0xb0)).data)!;
  const provisioning = (disk: TestDisk) => BlockProvisioning.decode(command(unitOf(disk), inquiry(0xb2)).data)!;
  const [thin, thick] = [new TestDisk(), new TestDisk({ unmaps: false })];

  expect(limits(thin)).toMatchObject({
    maxTransfer: 128,
    maxUnmapBlocks: 0xffff_ffff,
    maxUnmapDescriptors: 256,
    optimalUnmapGranularity: 8,
    maxWriteSame: 0x1_0000n,
  });
  expect(provisioning(thin)).toMatchObject({ flags: 0xe4, type: 2 });
  expect(limits(thick)).toMatchObject({ maxUnmapBlocks: 0, maxUnmapDescriptors: 0, optimalUnmapGranularity: 0 });
  expect(provisioning(thick)).toMatchObject({ flags: 0, type: 0 });
});

test.each([
  ['(6)', [ScsiOp.ModeSense6, 0, 0x08, 0, 255, 0], 4],
  ['(10)', [ScsiOp.ModeSense10, 0, 0x08, 0, 0, 0, 0, 0, 255, 0], 8],
])('MODE SENSE %s shows a write cache, so that guests flush', (_, cdb, header) => {
  const { data } = command(unitOf(new TestDisk()), cdb);

  expect(data[header]).toBe(0x08);
  expect(data[header + 2]! & CACHING_WRITE_CACHE).toBe(CACHING_WRITE_CACHE);
  expect(data.length).toBe(header + 20);
  expect(header === 4 ? data[0]! + 1 : ((data[0]! << 8) | data[1]!) + 2).toBe(data.length);
});

test('MODE SENSE of all pages gives each; changeable values are none; saved ones do not exist', () => {
  const unit = unitOf(new TestDisk());

  const all = command(unit, [ScsiOp.ModeSense6, 0, 0x3f, 0, 255, 0]).data;
  const changeable = command(unit, [ScsiOp.ModeSense6, 0, 0x40 | 0x08, 0, 255, 0]).data;

  expect(all.length).toBe(4 + 20 + 12);
  expect(changeable.subarray(6).every((byte) => byte === 0)).toBe(true);
  expect(command(unit, [ScsiOp.ModeSense6, 0, 0xc0 | 0x08, 0, 255, 0])).toMatchObject(
    refusedFor(Sense.SavingParametersNotSupported),
  );
  expect(command(unit, [ScsiOp.ModeSense6, 0, 0x1c, 0, 255, 0])).toMatchObject(refusedFor(Sense.InvalidFieldInCdb));
});

test('ST31: MODE SELECT that turns the write cache off fails; one that changes nothing is good', () => {
  const unit = unitOf(new TestDisk());
  const page = command(unit, [ScsiOp.ModeSense6, 0, 0x08, 0, 255, 0]).data.slice(4);
  const select = (caching: Uint8Array) =>
    command(unit, [ScsiOp.ModeSelect6, 0x10, 0, 0, 4 + caching.length, 0], {
      out: Uint8Array.of(0, 0, 0, 0, ...caching),
    });
  const off = page.slice();
  off[2] = 0;

  expect(select(page)).toMatchObject({ ...GOOD, transferred: 24 });
  expect(select(off)).toMatchObject(refusedFor(Sense.InvalidFieldInParameterList));
});

test.each([
  ['that saves pages', [ScsiOp.ModeSelect6, 0x11, 0, 0, 4, 0], [0, 0, 0, 0], Sense.InvalidFieldInCdb],
  ['shorter than its header', [ScsiOp.ModeSelect6, 0x10, 0, 0, 3, 0], [0, 0, 0], Sense.ParameterListLength],
  ['longer than its data', [ScsiOp.ModeSelect6, 0x10, 0, 0, 9, 0], [0, 0, 0, 0], Sense.ParameterListLength],
  ['with a block descriptor', [ScsiOp.ModeSelect6, 0x10, 0, 0, 4, 0], [0, 0, 0, 8], Sense.InvalidFieldInParameterList],
  ['cut in a page', [ScsiOp.ModeSelect6, 0x10, 0, 0, 6, 0], [0, 0, 0, 0, 8, 18], Sense.ParameterListLength],
  ['of an unknown page', [ScsiOp.ModeSelect6, 0x10, 0, 0, 6, 0], [0, 0, 0, 0, 1, 0], Sense.InvalidFieldInParameterList],
])('a MODE SELECT %s is refused', (_, cdb, out, sense) => {
  expect(command(unitOf(new TestDisk()), cdb, { out: Uint8Array.from(out) })).toMatchObject(refusedFor(sense));
});

import {
  ConfigurationHeader,
  DvdFeature,
  DvdProfile,
  MediaEvent,
  ReadCapacity10,
  ScsiOp,
  Sense,
  StandardInquiry,
  TrackInformation,
} from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { TestDisk } from '../storage-fixture.ts';
import { DvdUnit } from './dvd-unit.ts';
import { command, GOOD, refusedFor } from './unit-fixture.ts';

const ID = new Uint8Array(16).fill(5);
const disc = (blocks = 100, sectorSize = 2048): TestDisk => {
  const disk = new TestDisk({ sectors: (blocks * 2048) / sectorSize, sectorSize, optical: true, readOnly: true });
  disk.content.forEach((_, i) => (disk.content[i] = (i * 13 + (i >> 11)) & 0xff));
  return disk;
};
const drive = (medium?: TestDisk): DvdUnit => {
  const unit = new DvdUnit(ID, 64 * 1024, medium);
  unit.attentions.attach(0);
  return unit;
};

const READY = [0, 0, 0, 0, 0, 0];
const read10 = (block: number, count: number) => [ScsiOp.Read10, 0, 0, 0, 0, block, 0, 0, count, 0];
const event = (classes = 0x10, flags = 1) => [ScsiOp.GetEventStatusNotification, flags, 0, 0, classes, 0, 0, 0, 255, 0];
const configuration = (requested = 0, start = 0) => [0x46, requested, 0, start, 0, 0, 0, 1, 0, 0];
const toc = (flags: number, format: number, first: number) => [
  ScsiOp.ReadToc,
  flags,
  format,
  0,
  0,
  0,
  first,
  0,
  255,
  0,
];
const eject = [ScsiOp.StartStopUnit, 0, 0, 0, 0x02, 0];
const load = [ScsiOp.StartStopUnit, 0, 0, 0, 0x03, 0];

test('INQUIRY describes a removable CD/DVD device', () => {
  const inquiry = StandardInquiry.decode(command(drive(), [0x12, 0, 0, 0, 255, 0]).data)!;

  expect(inquiry).toMatchObject({ peripheral: 0x05, removable: 0x80 });
  expect(String.fromCharCode(...inquiry.product)).toBe('Virtual DVD-ROM ');
});

test.each([512, 2048])('blocks are 2048 bytes, whatever the image’s sectors of %i are', (sectorSize) => {
  const medium = disc(100, sectorSize);
  const unit = drive(medium);

  const capacity = ReadCapacity10.decode(command(unit, [ScsiOp.ReadCapacity10]).data);
  const { data } = command(unit, read10(3, 2), { room: 4096 });

  expect(capacity).toEqual({ lastBlock: 99, blockLength: 2048 });
  expect(data).toEqual(medium.content.slice(3 * 2048, 5 * 2048));
});

test('READ (12) reads too; READ beyond the end is out of range; WRITE is unknown to a DVD-ROM', () => {
  const unit = drive(disc());

  expect(command(unit, [ScsiOp.Read12, 0, 0, 0, 0, 99, 0, 0, 0, 1, 0, 0], { room: 2048 })).toMatchObject(GOOD);
  expect(command(unit, read10(99, 2))).toMatchObject(refusedFor(Sense.LbaOutOfRange));
  expect(command(unit, [ScsiOp.Write10, 0, 0, 0, 0, 0, 0, 0, 1, 0], { out: new Uint8Array(2048) })).toMatchObject(
    refusedFor(Sense.InvalidOperationCode),
  );
});

test.each([
  ['TEST UNIT READY', READY],
  ['READ (10)', read10(0, 1)],
  ['READ CAPACITY', [ScsiOp.ReadCapacity10]],
  ['READ TOC', toc(0, 0, 0)],
  ['READ DISC INFORMATION', [ScsiOp.ReadDiscInformation, 0, 0, 0, 0, 0, 0, 0, 34, 0]],
])('ST35: an empty drive answers %s with "medium not present"', (_, cdb) => {
  expect(command(drive(), cdb)).toMatchObject(refusedFor(Sense.MediumNotPresent));
});

test('ST35: a new medium is told as unit attention and as event, each once', () => {
  const unit = drive();

  unit.change(disc());

  const events = [command(unit, event()).data, command(unit, event()).data];
  expect(events.map((data) => [data[2], data[4], data[5]])).toEqual([
    [4, MediaEvent.NewMedia, 0x02],
    [4, MediaEvent.None, 0x02],
  ]);
  expect(command(unit, READY)).toMatchObject(refusedFor(Sense.MediumMayHaveChanged));
  expect(command(unit, READY)).toMatchObject(GOOD);
});

test('ST35: a medium that was taken out is told as event, and is not there', () => {
  const unit = drive(disc());

  unit.change(undefined);

  expect([...command(unit, event()).data.subarray(4, 6)]).toEqual([MediaEvent.MediaRemoval, 0]);
  expect(command(unit, READY)).toMatchObject(refusedFor(Sense.MediumNotPresent));
});

test('an event waits until its class is asked for; waiting for one is not offered', () => {
  const unit = drive();
  unit.change(disc());

  const other = command(unit, event(0x02)).data;

  expect([...other]).toEqual([0, 2, 0x80, 0x10]);
  expect(command(unit, event()).data[4]).toBe(MediaEvent.NewMedia);
  expect(command(unit, event(0x10, 0))).toMatchObject(refusedFor(Sense.InvalidFieldInCdb));
});

test('the guest opens the tray, finds it open, closes it, and finds the medium changed', () => {
  const unit = drive(disc());

  expect(command(unit, eject)).toMatchObject(GOOD);
  expect(command(unit, READY)).toMatchObject(refusedFor(Sense.MediumNotPresentTrayOpen));
  expect(command(unit, [ScsiOp.MechanismStatus, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0]).data[1]! & 0x10).toBe(0x10);
  expect(command(unit, load)).toMatchObject(GOOD);
  expect(command(unit, READY)).toMatchObject(refusedFor(Sense.MediumMayHaveChanged));
  expect(command(unit, read10(0, 1), { room: 2048 })).toMatchObject(GOOD);
});

test('a locked tray stays closed until it is unlocked, or the unit is reset', () => {
  const unit = drive(disc());
  const lock = (prevent: number) => command(unit, [ScsiOp.PreventAllowMediumRemoval, 0, 0, 0, prevent, 0]);

  lock(1);
  expect(command(unit, eject)).toMatchObject(refusedFor(Sense.MediumRemovalPrevented));
  lock(0);
  expect(command(unit, eject)).toMatchObject(GOOD);
  command(unit, load);
  lock(1);
  unit.reset(Sense.ScsiBusReset);
  command(unit, READY);
  command(unit, READY);
  expect(command(unit, eject)).toMatchObject(GOOD);
});

test('GET CONFIGURATION lists features by rising number; the profile is current with a medium only', () => {
  const empty = command(drive(), configuration()).data;
  const full = command(drive(disc()), configuration()).data;
  const codes: number[] = [];
  for (let at = ConfigurationHeader.size; at < full.length; at += 4 + full[at + 3]!) {
    codes.push((full[at]! << 8) | full[at + 1]!);
  }

  expect(codes).toEqual(Object.values(DvdFeature));
  expect(ConfigurationHeader.decode(empty)).toEqual({ length: empty.length - 4, currentProfile: DvdProfile.None });
  expect(ConfigurationHeader.decode(full)).toEqual({ length: full.length - 4, currentProfile: DvdProfile.DvdRom });
});

test('GET CONFIGURATION gives current features alone, one alone, or from a number on', () => {
  const unit = drive();

  expect(command(unit, configuration(1)).data.length).toBeLessThan(command(unit, configuration(0)).data.length);
  expect(command(unit, configuration(2, DvdFeature.Core)).data.length).toBe(8 + 12);
  expect(command(unit, configuration(2, 0x77)).data.length).toBe(8);
  expect(command(unit, configuration(0, DvdFeature.DvdRead)).data.length).toBe(8 + 4);
  expect(command(unit, configuration(3))).toMatchObject(refusedFor(Sense.InvalidFieldInCdb));
});

test('READ TOC gives one data track and the lead-out, as blocks or as time', () => {
  const unit = drive(disc(1000));

  const blocks = command(unit, toc(0, 0, 0)).data;
  const times = command(unit, toc(0x02, 0, 1)).data;

  expect([...blocks]).toEqual([0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 0, 0x03, 0xe8]);
  // 1000 blocks and 150 before them are 15 seconds and 25 frames.
  expect([...times.subarray(8)]).toEqual([0, 0, 2, 0, 0, 0x14, 0xaa, 0, 0, 0, 15, 25]);
  expect(command(unit, toc(0, 1, 0)).data.length).toBe(12);
  expect(command(unit, toc(0, 0, 0xaa)).data.length).toBe(12);
});

test.each([toc(0, 2, 0), toc(0, 0, 2)])('a READ TOC for what a DVD-ROM has not is refused', (...cdb) => {
  expect(command(drive(disc()), cdb)).toMatchObject(refusedFor(Sense.InvalidFieldInCdb));
});

test('READ DISC INFORMATION says that the disc is complete', () => {
  const { data } = command(drive(disc()), [ScsiOp.ReadDiscInformation, 0, 0, 0, 0, 0, 0, 0, 255, 0]);

  expect([data[1], data[2], data.length]).toEqual([32, 0x0e, 34]);
});

test('READ TRACK INFORMATION describes the track by block and by number, and no other', () => {
  const unit = drive(disc());
  const ask = (kind: number, which: number) =>
    command(unit, [ScsiOp.ReadTrackInformation, kind, 0, 0, 0, which, 0, 0, 255, 0]);

  expect(TrackInformation.decode(ask(0, 99).data)).toMatchObject({ track: 1, size: 100, lastRecorded: 99 });
  expect(ask(1, 1)).toMatchObject(GOOD);
  expect(ask(0, 100)).toMatchObject(refusedFor(Sense.InvalidFieldInCdb));
  expect(ask(1, 2)).toMatchObject(refusedFor(Sense.InvalidFieldInCdb));
});

test('READ DVD STRUCTURE gives the physical format, copyright and manufacturer; others are refused', () => {
  const unit = drive(disc());
  const ask = (format: number) =>
    command(unit, [ScsiOp.ReadDvdStructure, 0, 0, 0, 0, 0, 0, format, 0x10, 0, 0, 0], { room: 4096 });

  const physical = ask(0).data;

  expect(physical.length).toBe(4 + 2048);
  expect([...physical.subarray(9, 12)]).toEqual([0x03, 0, 0]);
  expect([...physical.subarray(13, 16)]).toEqual([0x03, 0, 99]);
  expect(ask(1).data.length).toBe(8);
  expect(ask(4).data.length).toBe(4 + 2048);
  expect(ask(2)).toMatchObject(refusedFor(Sense.InvalidFieldInCdb));
});

test('MODE SENSE page 2Ah says that it reads DVDs and that the tray can be locked', () => {
  const { data } = command(drive(), [ScsiOp.ModeSense10, 0, 0x2a, 0, 0, 0, 0, 0, 128, 0]);

  expect([data[8], data[10], data[14]]).toEqual([0x2a, 0x08, 0x29]);
});

test('the identity of a drive stays when the medium changes', () => {
  const unit = drive(disc());
  const serial = () => [...command(unit, [0x12, 1, 0x80, 0, 255, 0]).data];
  const before = serial();

  unit.change(disc(7));

  expect(serial()).toEqual(before);
});

test('what a drive keeps survives as plain data', () => {
  const unit = drive(disc());
  command(unit, eject);
  const restored = drive(disc());

  restored.restore(JSON.parse(JSON.stringify(unit.save())));

  expect(restored.save()).toEqual(unit.save());
  expect(command(restored, READY)).toMatchObject(refusedFor(Sense.MediumNotPresentTrayOpen));
});

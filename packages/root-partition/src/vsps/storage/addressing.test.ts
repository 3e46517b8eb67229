/** Which unit a request is for: present ones, absent ones, and those behind an IDE accelerator. */
import {
  IDE_ACCELERATOR_INTERFACE,
  LUN_ENTRY_SIZE,
  ScsiOp,
  ScsiStatus,
  Sense,
  SrbStatus,
  VstorOfferProperties,
  VstorStatus,
  VstorVersion,
} from '@ringlet/protocols';
import { UserError } from '@ringlet/wire';
import { expect, test } from 'vitest';
import { StorageBench, TestDisk } from './storage-fixture.ts';

const read10 = (block: number, count: number) => [ScsiOp.Read10, 0, 0, 0, block >> 8, block & 0xff, 0, 0, count, 0];
const inquiry = (allocation = 36) => [ScsiOp.Inquiry, 0, 0, 0, allocation, 0];
const reportLuns = [ScsiOp.ReportLuns, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0];
const ready = (disk: TestDisk): StorageBench => {
  const bench = new StorageBench({ disks: [{ disk }] });
  bench.openReady();
  return bench;
};

test('ST13: an INQUIRY where no unit is says so as good data', () => {
  const bench = ready(new TestDisk());

  const lun1 = bench.run({ cdb: inquiry(), lun: 1, length: 36 });
  const lun1Data = bench.data(36);
  const otherTarget = bench.run({ cdb: inquiry(), path: 1, length: 36 });
  const otherData = bench.data(36);

  expect(lun1).toMatchObject({ srbStatus: SrbStatus.Success, scsiStatus: ScsiStatus.Good, length: 36 });
  expect(lun1Data[0]).toBe(0x7f);
  expect([...lun1Data.subarray(8)].every((byte) => byte === 0)).toBe(true);
  expect(otherTarget).toMatchObject({ srbStatus: SrbStatus.Success, length: 36 });
  expect(otherData[0]).toBe(0x7f);
  expect(String.fromCharCode(...otherData.subarray(8, 12))).toBe('Msft');
});

test('ST13: an INQUIRY for a VPD page where no unit is fails with sense data', () => {
  const bench = ready(new TestDisk());

  const answer = bench.run({ cdb: [ScsiOp.Inquiry, 1, 0x80, 0, 255, 0], lun: 1, length: 255 });

  expect(answer).toMatchObject({ srbStatus: SrbStatus.InvalidRequest, sense: Sense.InvalidFieldInCdb });
});

test('ST13: any other command where no unit is fails so that the guest drops the unit', () => {
  const bench = ready(new TestDisk());

  const answer = bench.run({ cdb: [ScsiOp.TestUnitReady], lun: 1 });

  expect(answer).toMatchObject({ srbStatus: SrbStatus.InvalidLun, status: VstorStatus.DeviceDoesNotExist, length: 0 });
});

test('REPORT LUNS lists the units of its target, also where LUN 0 is none', () => {
  const bench = new StorageBench({
    disks: [
      { disk: new TestDisk(), lun: 7 },
      { disk: new TestDisk(), lun: 2 },
      { disk: new TestDisk(), target: 1 },
    ],
  });
  bench.openReady();

  const answer = bench.run({ cdb: reportLuns, length: 4096 });

  expect(answer).toMatchObject({ srbStatus: SrbStatus.Success, length: 8 + 2 * LUN_ENTRY_SIZE });
  expect([...bench.data(24)]).toEqual([0, 0, 0, 16, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0]);
  expect(bench.run({ cdb: reportLuns, path: 5, length: 4096 })).toMatchObject({ length: 8 });
});

test('ST11: an IDE accelerator serves its disk by whatever path, and REPORT LUNS by the path as written', () => {
  const bench = new StorageBench({ ide: { channel: 1, device: 1 }, disks: [{ disk: new TestDisk() }] });
  bench.openReady(VstorVersion.Blue);

  expect(bench.run({ cdb: read10(0, 1), length: 512, path: 0, target: 1 })).toMatchObject({
    srbStatus: 1,
    length: 512,
  });
  expect(bench.run({ cdb: read10(0, 1), length: 512, path: 1, target: 1 })).toMatchObject({
    srbStatus: 1,
    length: 512,
  });
  expect(bench.run({ cdb: read10(0, 1), length: 512, path: 1, target: 0 })).toMatchObject({
    srbStatus: SrbStatus.InvalidLun,
  });
  expect(bench.run({ cdb: reportLuns, length: 64, path: 1, target: 1 }).length).toBe(16);
  expect(bench.run({ cdb: reportLuns, length: 64, path: 0, target: 1 }).length).toBe(8);
});

test('ST12: an IDE accelerator’s offer names its place', () => {
  const { vsp } = new StorageBench({ ide: { channel: 1, device: 0 } });

  expect(vsp.offer).toMatchObject({
    interfaceId: IDE_ACCELERATOR_INTERFACE,
    instanceId: '00000001-0000-8899-0000-000000000000',
    maxSubchannels: 0,
  });
  expect(VstorOfferProperties.decode(vsp.offer.userDefined!)).toMatchObject({ pathId: 1, targetId: 0, flags: 2 });
});

test.each([
  ['two disks in one place', { disks: [{ disk: new TestDisk() }, { disk: new TestDisk() }] }, 'lun-taken'],
  ['a place that cannot be', { disks: [{ disk: new TestDisk(), lun: 256 }] }, 'bad-lun'],
  ['a third IDE channel', { ide: { channel: 2, device: 0 } }, 'bad-ide-place'],
  ['an odd maximum', { maxTransferBytes: 5000 }, 'bad-max-transfer'],
])('%s is refused with what to do instead', (_, options, code) => {
  const make = () => new StorageBench(options);

  expect(make).toThrow(UserError);
  expect(make).toThrow(expect.objectContaining({ code, hint: expect.any(String) }));
});

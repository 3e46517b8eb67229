/** Layouts of CDBs: what follows the operation code of each. */
import type { Layout, Struct } from '@ringlet/wire';
import * as cdb from '../scsi/cdb-forms.ts';
import { ScsiOp } from '../scsi/opcodes.ts';

const inquiry: Layout = {
  name: 'cdb.inquiry',
  head: cdb.InquiryCdb,
  parts: [
    [
      {
        when: { vitalProductData: 1 },
        known: true,
        layout: { name: 'cdb.inquiry.vital', head: cdb.VitalInquiryCdb },
      },
      { known: true, layout: { name: 'cdb.inquiry.standard', head: cdb.StandardInquiryCdb } },
    ],
  ],
};

const form = (name: string, head: Struct<any>): Layout => ({ name: `cdb.${name}`, head });

const forms: readonly (readonly [opcodes: readonly (keyof typeof ScsiOp)[], layout: Layout])[] = [
  [['TestUnitReady'], form('test-unit-ready', cdb.TestUnitReadyCdb)],
  [['RequestSense'], form('request-sense', cdb.RequestSenseCdb)],
  [['Inquiry'], inquiry],
  [['ModeSense6'], form('mode-sense6', cdb.ModeSenseCdb6)],
  [['ModeSense10'], form('mode-sense10', cdb.ModeSenseCdb10)],
  [['ModeSelect6'], form('mode-select6', cdb.ModeSelectCdb6)],
  [['ModeSelect10'], form('mode-select10', cdb.ModeSelectCdb10)],
  [['StartStopUnit'], form('start-stop', cdb.StartStopCdb)],
  [['PreventAllowMediumRemoval'], form('prevent-removal', cdb.PreventRemovalCdb)],
  [['Read6', 'Write6'], form('block6', cdb.BlockCdb6)],
  [['Read10', 'Write10'], form('block10', cdb.BlockCdb10)],
  [['Read12', 'Write12'], form('block12', cdb.BlockCdb12)],
  [['Read16', 'Write16'], form('block16', cdb.BlockCdb16)],
  [['Verify10'], form('verify10', cdb.VerifyCdb10)],
  [['Verify16'], form('verify16', cdb.VerifyCdb16)],
  [['SynchronizeCache10'], form('synchronize10', cdb.SynchronizeCdb10)],
  [['SynchronizeCache16'], form('synchronize16', cdb.SynchronizeCdb16)],
  [['WriteSame10'], form('write-same10', cdb.WriteSameCdb10)],
  [['WriteSame16'], form('write-same16', cdb.WriteSameCdb16)],
  [['Unmap'], form('unmap', cdb.UnmapCdb)],
  [['ReadCapacity10'], form('read-capacity10', cdb.ReadCapacityCdb10)],
  [['ServiceActionIn16'], form('service-action', cdb.ServiceActionCdb)],
  [['ReportLuns'], form('report-luns', cdb.ReportLunsCdb)],
  [['PersistentReserveIn'], form('reserve-in', cdb.ReserveInCdb)],
  [['PersistentReserveOut'], form('reserve-out', cdb.ReserveOutCdb)],
  [['ReadToc'], form('read-toc', cdb.ReadTocCdb)],
  [['GetConfiguration'], form('get-configuration', cdb.GetConfigurationCdb)],
  [['GetEventStatusNotification'], form('get-event-status', cdb.GetEventStatusCdb)],
  [['ReadDiscInformation'], form('read-disc-information', cdb.ReadDiscInformationCdb)],
  [['ReadTrackInformation'], form('read-track-information', cdb.ReadTrackInformationCdb)],
  [['ReadDvdStructure'], form('read-dvd-structure', cdb.ReadDvdStructureCdb)],
  [['MechanismStatus'], form('mechanism-status', cdb.MechanismStatusCdb)],
];

/** A CDB. Its fields are known to what it stands in, where that says so. */
export const cdbLayout: Layout = {
  name: 'cdb',
  head: cdb.CdbOpcode,
  parts: [
    [
      ...forms.map(([opcodes, layout]) => ({
        when: { opcode: opcodes.map((name) => ScsiOp[name]) },
        known: true,
        layout,
      })),
      { layout: { name: 'cdb.other', tail: { name: 'parameters', kind: 'bytes' } } },
    ],
  ],
};

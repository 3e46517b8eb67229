/**
 * Layouts of what SCSI commands bring beside their CDB: it lies in pages of the guest, and a trace has it behind a record of
 * the command. READ and WRITE have none, nor have commands whose data are blocks: those are the disk's own.
 */
import { type Alternative, type Layout, type Struct, structAfter } from '@ringlet/wire';
import * as capacity from '../scsi/capacity.ts';
import * as inquiry from '../scsi/inquiry.ts';
import * as mode from '../scsi/mode.ts';
import * as dvd from '../scsi/multimedia.ts';
import { READ_CAPACITY_16, ScsiOp } from '../scsi/opcodes.ts';
import * as reserve from '../scsi/persistent-reserve.ts';
import { FixedSense } from '../scsi/sense.ts';
import { ScsiData } from '../storage.ts';
import { cdbLayout } from './cdb.ts';

const { VpdPage } = inquiry;
const plain = (name: string, head: Struct<any>): Layout => ({ name, head });
const told: Pick<Alternative, 'length'> = { length: { field: 'length' } };

/** Sense data, in fixed format. */
export const senseLayout: Layout = { name: 'sense', head: FixedSense };

const designator: Layout = {
  name: 'vpd.designator',
  head: inquiry.DesignatorHeader,
  parts: [
    [
      {
        ...told,
        when: { codeSet: 2 },
        layout: { name: 'vpd.designator-text', tail: { name: 'text', kind: 'ascii' } },
      },
      { ...told, layout: { name: 'vpd.designator-bytes', tail: { name: 'identifier', kind: 'bytes' } } },
    ],
  ],
};

const vital = (page: number, layout: Layout): Alternative => ({
  when: { opcode: ScsiOp.Inquiry, vitalProductData: 1, page },
  layout,
});
const vitalPage = (name: string, behind: Alternative): Layout => ({
  name: `vpd.${name}`,
  head: inquiry.VpdHeader,
  parts: [[{ ...told, ...behind }]],
});

const modePages: NonNullable<Layout['parts']> = [
  [
    {
      length: { field: 'blockDescriptorLength' },
      layout: { name: 'mode.block-descriptors', tail: { name: 'descriptors', kind: 'bytes' } },
    },
  ],
  [
    {
      times: 'rest',
      layout: {
        name: 'mode.page',
        head: mode.ModePageHeader,
        parts: [
          [
            modePage(mode.ModePage.Caching, 'caching', mode.CachingPage),
            modePage(mode.ModePage.Control, 'control', mode.ControlPage),
            modePage(mode.ModePage.CdCapabilities, 'cd-capabilities', mode.CdCapabilitiesPage),
            { ...told, layout: { name: 'mode.page-data', tail: { name: 'parameters', kind: 'bytes' } } },
          ],
        ],
      },
    },
  ],
];

/** A page behind its number and length, which were read. */
function modePage(page: number, name: string, head: Struct<any>): Alternative {
  return { when: { page }, ...told, layout: { name: `mode.${name}`, head: structAfter(head, 2) } };
}

const feature = (code: number, name: string, head: Struct<any>): Alternative => ({
  when: { code },
  length: { field: 'additionalLength' },
  layout: { name: `feature.${name}`, head },
});
const features: Layout = {
  name: 'feature',
  head: dvd.FeatureHeader,
  parts: [
    [
      {
        when: { code: dvd.DvdFeature.ProfileList },
        length: { field: 'additionalLength' },
        times: 'rest',
        layout: { name: 'feature.profile', head: dvd.ProfileDescriptor },
      },
      feature(dvd.DvdFeature.Core, 'core', dvd.CoreFeature),
      feature(dvd.DvdFeature.Morphing, 'morphing', dvd.MorphingFeature),
      feature(dvd.DvdFeature.RemovableMedium, 'removable-medium', dvd.RemovableMediumFeature),
      feature(dvd.DvdFeature.RandomReadable, 'random-readable', dvd.RandomReadableFeature),
      {
        length: { field: 'additionalLength' },
        layout: { name: 'feature.data', tail: { name: 'data', kind: 'bytes' } },
      },
    ],
  ],
};

const reserveIn = (serviceAction: number, layout: Layout): Alternative => ({
  when: { opcode: ScsiOp.PersistentReserveIn, serviceAction },
  layout,
});
const listed = { length: { field: 'additionalLength' } };

const answers: readonly Alternative[] = [
  vital(
    VpdPage.Supported,
    vitalPage('supported', {
      layout: { name: 'vpd.pages', tail: { name: 'pages', kind: 'list', element: 1, names: VpdPage } },
    }),
  ),
  vital(
    VpdPage.UnitSerialNumber,
    vitalPage('serial-number', { layout: { name: 'vpd.serial', tail: { name: 'serial', kind: 'ascii' } } }),
  ),
  vital(VpdPage.DeviceIdentification, vitalPage('identification', { times: 'rest', layout: designator })),
  vital(VpdPage.BlockLimits, plain('vpd.block-limits', inquiry.BlockLimits)),
  vital(VpdPage.BlockCharacteristics, plain('vpd.block-characteristics', inquiry.BlockCharacteristics)),
  vital(VpdPage.LogicalBlockProvisioning, plain('vpd.provisioning', inquiry.BlockProvisioning)),
  { when: { opcode: ScsiOp.Inquiry, vitalProductData: 0 }, layout: plain('inquiry', inquiry.StandardInquiry) },
  { when: { opcode: ScsiOp.RequestSense }, layout: senseLayout },
  { when: { opcode: ScsiOp.ReadCapacity10 }, layout: plain('capacity10', capacity.ReadCapacity10) },
  {
    when: { opcode: ScsiOp.ServiceActionIn16, serviceAction: READ_CAPACITY_16 },
    layout: plain('capacity16', capacity.ReadCapacity16),
  },
  {
    when: { opcode: ScsiOp.ReportLuns },
    layout: {
      name: 'luns',
      head: capacity.ReportLunsHeader,
      parts: [[{ ...told, times: 'rest', layout: plain('lun', capacity.LunEntry) }]],
    },
  },
  {
    when: { opcode: [ScsiOp.ModeSense6, ScsiOp.ModeSelect6] },
    layout: { name: 'mode6', head: mode.ModeHeader6, parts: modePages },
  },
  {
    when: { opcode: [ScsiOp.ModeSense10, ScsiOp.ModeSelect10] },
    layout: { name: 'mode10', head: mode.ModeHeader10, parts: modePages },
  },
  {
    when: { opcode: ScsiOp.Unmap },
    layout: {
      name: 'unmap',
      head: capacity.UnmapHeader,
      parts: [
        [
          {
            length: { field: 'descriptorsLength' },
            times: 'rest',
            layout: plain('unmap.range', capacity.UnmapDescriptor),
          },
        ],
      ],
    },
  },
  reserveIn(reserve.ReserveIn.ReadKeys, {
    name: 'reserve.keys',
    head: reserve.ReserveInHeader,
    parts: [[{ ...listed, times: 'rest', layout: plain('reserve.key', reserve.ReservationKey) }]],
  }),
  reserveIn(reserve.ReserveIn.ReadReservation, {
    name: 'reserve.reservations',
    head: reserve.ReserveInHeader,
    parts: [[{ ...listed, times: 'rest', layout: plain('reserve.reservation', reserve.ReservationDescriptor) }]],
  }),
  reserveIn(reserve.ReserveIn.ReportCapabilities, plain('reserve.capabilities', reserve.ReserveCapabilities)),
  { when: { opcode: ScsiOp.PersistentReserveOut }, layout: plain('reserve.out', reserve.ReserveOutParameters) },
  {
    when: { opcode: ScsiOp.ReadToc },
    layout: {
      name: 'toc',
      head: dvd.TocHeader,
      parts: [[{ times: 'rest', layout: plain('toc.track', dvd.TocTrack) }]],
    },
  },
  {
    when: { opcode: ScsiOp.GetConfiguration },
    layout: { name: 'configuration', head: dvd.ConfigurationHeader, parts: [[{ times: 'rest', layout: features }]] },
  },
  { when: { opcode: ScsiOp.GetEventStatusNotification }, layout: plain('media-event', dvd.EventStatus) },
  { when: { opcode: ScsiOp.ReadDiscInformation }, layout: plain('disc-information', dvd.DiscInformation) },
  { when: { opcode: ScsiOp.ReadTrackInformation }, layout: plain('track-information', dvd.TrackInformation) },
  {
    when: { opcode: ScsiOp.ReadDvdStructure },
    layout: {
      name: 'dvd-structure',
      head: dvd.DvdStructureHeader,
      parts: [
        [
          { when: { format: 0 }, layout: plain('dvd-structure.physical', dvd.DvdPhysicalFormat) },
          { layout: { name: 'dvd-structure.data', tail: { name: 'data', kind: 'bytes' } } },
        ],
      ],
    },
  },
  { when: { opcode: ScsiOp.MechanismStatus }, layout: plain('mechanism-status', dvd.MechanismStatus) },
];

/** Commands whose data a trace has: small ones, that say something of a unit. Never blocks of a disk. */
export const TRACED_SCSI_DATA: ReadonlySet<number> = new Set(
  answers.flatMap(({ when }) => when!['opcode'] as number | readonly number[]),
);

/** The data of one command, behind what the command was. */
export const scsiDataLayout: Layout = {
  name: 'scsi-data',
  head: ScsiData,
  parts: [
    [{ at: { plus: ScsiData.at._cdb }, length: { field: 'cdbLength' }, known: true, layout: cdbLayout }],
    [
      ...answers.map((each) => ({ ...each, at: { plus: ScsiData.size } })),
      { at: { plus: ScsiData.size }, layout: { name: 'scsi-data.other', tail: { name: 'data', kind: 'bytes' } } },
    ],
  ],
};

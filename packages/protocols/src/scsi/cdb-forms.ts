/** Forms of CDBs behind their operation code (SPC-4, SBC-3, MMC-6): for those who show them. Big-endian. */
import {
  type Field,
  flags,
  named,
  packed,
  reserved,
  struct,
  type Struct,
  u16be,
  u32be,
  u64be,
  u8,
} from '@ringlet/wire';
import { VpdPage } from './inquiry.ts';
import { ModePage, ModePageControl } from './mode.ts';
import { DvdFeature, MEDIA_EVENT_CLASS } from './multimedia.ts';
import { READ_CAPACITY_16, ScsiOp } from './opcodes.ts';
import { ReservationType, ReserveIn, ReserveOut } from './persistent-reserve.ts';

/** Commands that guests try, and that no unit here has: each is refused, by a name. */
export const RefusedScsiOp = {
  FormatUnit: 0x04,
  ReassignBlocks: 0x07,
  Reserve6: 0x16,
  Release6: 0x17,
  ReceiveDiagnosticResults: 0x1c,
  SendDiagnostic: 0x1d,
  ReadFormatCapacities: 0x23,
  WriteAndVerify10: 0x2e,
  ReadDefectData10: 0x37,
  WriteBuffer: 0x3b,
  ReadBuffer: 0x3c,
  LogSelect: 0x4c,
  LogSense: 0x4d,
  ExtendedCopy: 0x83,
  ReceiveCopyResults: 0x84,
  AtaPassThrough16: 0x85,
  CompareAndWrite: 0x89,
  WriteAndVerify16: 0x8e,
  AtaPassThrough12: 0xa1,
  SecurityProtocolIn: 0xa2,
  MaintenanceIn: 0xa3,
  MaintenanceOut: 0xa4,
  SecurityProtocolOut: 0xb5,
  SetCdSpeed: 0xbb,
  ReadCd: 0xbe,
} as const;

/** The first byte of every CDB. */
export const CdbOpcode = struct('CDB', 1, { opcode: named(u8, { ...ScsiOp, ...RefusedScsiOp }) });

const bit = (at: number): readonly [number, number] => [at, 1];
const control = { control: u8 };
const form = <T extends Record<string, Field<any>>>(name: string, size: number, shape: T): Struct<any> =>
  struct(name, size, { ...shape, ...control });

const protect = { protect: [5, 3] } as const;
const readWrite = packed(u8, { ...protect, disablePageOut: bit(4), forceUnitAccess: bit(3) });
const verifyBits = packed(u8, { ...protect, disablePageOut: bit(4), byteCheck: [1, 2] });
const synchronizeBits = packed(u8, { immediate: bit(1) });
const writeSameBits = packed(u8, { ...protect, anchor: bit(4), unmap: bit(3), noDataOut: bit(0) });
const group = packed(u8, { groupNumber: [0, 5] });

const block10 = (name: string, byte1: Field<number>): Struct<any> =>
  form(name, 9, { byte1, lba: u32be, group, blocks: u16be });
const block16 = (name: string, byte1: Field<number>): Struct<any> =>
  form(name, 15, { byte1, lba: u64be, blocks: u32be, group });

/** READ (6), WRITE (6). */
export const BlockCdb6 = struct('READ or WRITE (6)', 5, {
  byte1: packed(u8, { lbaHigh: [0, 5] }),
  lba: u16be,
  blocks: u8,
  ...control,
});
/** READ (10), WRITE (10). */
export const BlockCdb10 = block10('READ or WRITE (10)', readWrite);
/** READ (12), WRITE (12). */
export const BlockCdb12 = form('READ or WRITE (12)', 11, { byte1: readWrite, lba: u32be, blocks: u32be, group });
/** READ (16), WRITE (16). */
export const BlockCdb16 = block16('READ or WRITE (16)', readWrite);
/** VERIFY (10). */
export const VerifyCdb10 = block10('VERIFY (10)', verifyBits);
/** VERIFY (16). */
export const VerifyCdb16 = block16('VERIFY (16)', verifyBits);
/** SYNCHRONIZE CACHE (10). */
export const SynchronizeCdb10 = block10('SYNCHRONIZE CACHE (10)', synchronizeBits);
/** SYNCHRONIZE CACHE (16). */
export const SynchronizeCdb16 = block16('SYNCHRONIZE CACHE (16)', synchronizeBits);
/** WRITE SAME (10). */
export const WriteSameCdb10 = block10('WRITE SAME (10)', writeSameBits);
/** WRITE SAME (16). */
export const WriteSameCdb16 = block16('WRITE SAME (16)', writeSameBits);
/** UNMAP. */
export const UnmapCdb = form('UNMAP', 9, {
  byte1: packed(u8, { anchor: bit(0) }),
  _reserved: reserved(4),
  group,
  parameterListLength: u16be,
});

/** READ CAPACITY (10). */
export const ReadCapacityCdb10 = form('READ CAPACITY (10)', 9, {
  _reserved: reserved(1),
  lba: u32be,
  _reserved2: reserved(2),
  byte8: packed(u8, { partialMedium: bit(0) }),
});
/** SERVICE ACTION IN (16): READ CAPACITY (16) above all. */
export const ServiceActionCdb = form('SERVICE ACTION IN (16)', 15, {
  byte1: packed(u8, { serviceAction: [0, 5, { ReadCapacity16: READ_CAPACITY_16, GetLbaStatus: 0x12 }] }),
  lba: u64be,
  allocationLength: u32be,
  byte14: packed(u8, { partialMedium: bit(0) }),
});
/** REPORT LUNS. */
export const ReportLunsCdb = form('REPORT LUNS', 11, {
  _reserved: reserved(1),
  selectReport: named(u8, { PeripheralUnits: 0, WellKnownUnits: 1, AllUnits: 2 }),
  _reserved2: reserved(3),
  allocationLength: u32be,
  _reserved3: reserved(1),
});

/** TEST UNIT READY. */
export const TestUnitReadyCdb = form('TEST UNIT READY', 5, { _reserved: reserved(4) });
/** REQUEST SENSE. */
export const RequestSenseCdb = form('REQUEST SENSE', 5, {
  byte1: packed(u8, { descriptorFormat: bit(0) }),
  _reserved: reserved(2),
  allocationLength: u8,
});
/** What INQUIRY asks for: standard data, or a page of vital product data. */
export const InquiryCdb = struct('INQUIRY', 1, { byte1: packed(u8, { vitalProductData: bit(0) }) });
/** The rest of an INQUIRY for standard data. */
export const StandardInquiryCdb = form('INQUIRY, standard data', 4, { page: u8, allocationLength: u16be });
/** The rest of an INQUIRY for a page of vital product data. */
export const VitalInquiryCdb = form('INQUIRY, vital product data', 4, {
  page: named(u8, VpdPage),
  allocationLength: u16be,
});
/** START STOP UNIT. */
export const StartStopCdb = form('START STOP UNIT', 5, {
  byte1: packed(u8, { immediate: bit(0) }),
  _reserved: reserved(1),
  byte3: packed(u8, { powerConditionModifier: [0, 4] }),
  byte4: packed(u8, { powerCondition: [4, 4], noFlush: bit(2), loadEject: bit(1), start: bit(0) }),
});
/** PREVENT ALLOW MEDIUM REMOVAL. */
export const PreventRemovalCdb = form('PREVENT ALLOW MEDIUM REMOVAL', 5, {
  _reserved: reserved(3),
  byte4: packed(u8, { prevent: [0, 2, { Allow: 0, Prevent: 1 }] }),
});

const modePage = packed(u8, { pageControl: [6, 2, ModePageControl], page: [0, 6, ModePage] });
const selectBits = packed(u8, { pageFormat: bit(4), savePages: bit(0) });
/** MODE SENSE (6). */
export const ModeSenseCdb6 = form('MODE SENSE (6)', 5, {
  byte1: packed(u8, { noBlockDescriptors: bit(3) }),
  byte2: modePage,
  subpage: u8,
  allocationLength: u8,
});
/** MODE SENSE (10). */
export const ModeSenseCdb10 = form('MODE SENSE (10)', 9, {
  byte1: packed(u8, { longAddresses: bit(4), noBlockDescriptors: bit(3) }),
  byte2: modePage,
  subpage: u8,
  _reserved: reserved(3),
  allocationLength: u16be,
});
/** MODE SELECT (6). */
export const ModeSelectCdb6 = form('MODE SELECT (6)', 5, {
  byte1: selectBits,
  _reserved: reserved(2),
  parameterListLength: u8,
});
/** MODE SELECT (10). */
export const ModeSelectCdb10 = form('MODE SELECT (10)', 9, {
  byte1: selectBits,
  _reserved: reserved(5),
  parameterListLength: u16be,
});

/** PERSISTENT RESERVE IN. */
export const ReserveInCdb = form('PERSISTENT RESERVE IN', 9, {
  byte1: packed(u8, { serviceAction: [0, 5, ReserveIn] }),
  _reserved: reserved(5),
  allocationLength: u16be,
});
/** PERSISTENT RESERVE OUT. */
export const ReserveOutCdb = form('PERSISTENT RESERVE OUT', 9, {
  byte1: packed(u8, { serviceAction: [0, 5, ReserveOut] }),
  byte2: packed(u8, { scope: [4, 4], reservationType: [0, 4, ReservationType] }),
  _reserved: reserved(2),
  parameterListLength: u32be,
});

/** READ TOC/PMA/ATIP. */
export const ReadTocCdb = form('READ TOC/PMA/ATIP', 9, {
  byte1: packed(u8, { inTime: bit(1) }),
  byte2: packed(u8, { format: [0, 4] }),
  _reserved: reserved(3),
  track: u8,
  allocationLength: u16be,
});
/** GET CONFIGURATION. */
export const GetConfigurationCdb = form('GET CONFIGURATION', 9, {
  byte1: packed(u8, { requestedType: [0, 2, { All: 0, Current: 1, One: 2 }] }),
  startingFeature: named(u16be, DvdFeature),
  _reserved: reserved(3),
  allocationLength: u16be,
});
/** GET EVENT STATUS NOTIFICATION. */
export const GetEventStatusCdb = form('GET EVENT STATUS NOTIFICATION', 9, {
  byte1: packed(u8, { polled: bit(0) }),
  _reserved: reserved(2),
  classes: flags(u8, { Media: 1 << MEDIA_EVENT_CLASS }),
  _reserved2: reserved(2),
  allocationLength: u16be,
});
/** READ DISC INFORMATION. */
export const ReadDiscInformationCdb = form('READ DISC INFORMATION', 9, {
  byte1: packed(u8, { dataType: [0, 3] }),
  _reserved: reserved(5),
  allocationLength: u16be,
});
/** READ TRACK INFORMATION. */
export const ReadTrackInformationCdb = form('READ TRACK INFORMATION', 9, {
  byte1: packed(u8, { addressType: [0, 2, { Block: 0, Track: 1, Session: 2 }] }),
  address: u32be,
  _reserved: reserved(1),
  allocationLength: u16be,
});
/** READ DVD STRUCTURE. */
export const ReadDvdStructureCdb = form('READ DVD STRUCTURE', 11, {
  byte1: packed(u8, { mediaType: [0, 4] }),
  address: u32be,
  layer: u8,
  format: named(u8, { PhysicalFormat: 0, Copyright: 1, Manufacturer: 4 }),
  allocationLength: u16be,
  byte10: packed(u8, { grantId: [6, 2] }),
});
/** MECHANISM STATUS. */
export const MechanismStatusCdb = form('MECHANISM STATUS', 11, {
  _reserved: reserved(7),
  allocationLength: u16be,
  _reserved2: reserved(1),
});

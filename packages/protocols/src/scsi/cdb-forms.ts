/** Forms of CDBs behind their operation code (SPC-4, SBC-3): for those who show them. Big-endian. */
import { named, reserved, struct, u16be, u32be, u64be, u8 } from '@ringlet/wire';
import { ScsiOp } from './opcodes.ts';

/** The first byte of every CDB. */
export const CdbOpcode = struct('CDB', 1, { opcode: named(u8, ScsiOp) });

/** READ (6), WRITE (6). */
export const BlockCdb6 = struct('block CDB (6)', 5, { lbaHigh: u8, lba: u16be, blocks: u8, control: u8 });
/** READ (10), WRITE (10), VERIFY (10), SYNCHRONIZE CACHE (10), WRITE SAME (10), READ CAPACITY (10). */
export const BlockCdb10 = struct('block CDB (10)', 9, {
  cdbFlags: u8,
  lba: u32be,
  group: u8,
  blocks: u16be,
  control: u8,
});
/** READ (12), WRITE (12). */
export const BlockCdb12 = struct('block CDB (12)', 11, {
  cdbFlags: u8,
  lba: u32be,
  blocks: u32be,
  group: u8,
  control: u8,
});
/** READ (16), WRITE (16), VERIFY (16), SYNCHRONIZE CACHE (16), WRITE SAME (16). */
export const BlockCdb16 = struct('block CDB (16)', 15, {
  cdbFlags: u8,
  lba: u64be,
  blocks: u32be,
  group: u8,
  control: u8,
});
/** SERVICE ACTION IN (16): READ CAPACITY (16) above all. */
export const ServiceActionCdb = struct('service action CDB', 15, {
  serviceAction: u8,
  lba: u64be,
  allocationLength: u32be,
  _reserved: reserved(1),
  control: u8,
});
/** INQUIRY: bit 0 of the first byte asks for a page of vital product data. */
export const InquiryCdb = struct('INQUIRY', 5, {
  vitalProductData: u8,
  page: u8,
  allocationLength: u16be,
  control: u8,
});
/** MODE SENSE (6). */
export const ModeSenseCdb6 = struct('MODE SENSE (6)', 5, {
  cdbFlags: u8,
  page: u8,
  subpage: u8,
  allocationLength: u8,
  control: u8,
});
/** UNMAP. */
export const UnmapCdb = struct('UNMAP', 9, {
  cdbFlags: u8,
  _reserved: reserved(4),
  group: u8,
  parameterListLength: u16be,
  control: u8,
});
/** REPORT LUNS. */
export const ReportLunsCdb = struct('REPORT LUNS', 11, {
  _reserved: reserved(1),
  selectReport: u8,
  _reserved2: reserved(3),
  allocationLength: u32be,
  _reserved3: reserved(1),
  control: u8,
});

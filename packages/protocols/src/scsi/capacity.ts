/** Capacity and provisioning: READ CAPACITY (16), UNMAP and REPORT LUNS data (SBC-3 5.16, 5.28; SPC-4 6.33). Big-endian. */
import { type Infer, packed, reserved, struct, u16be, u32be, u64be, u8 } from '@ringlet/wire';

/** READ CAPACITY (10) data. */
export const ReadCapacity10 = struct('READ CAPACITY (10) data', 8, {
  /** All ones when the address does not fit: ask with READ CAPACITY (16). */
  lastBlock: u32be,
  blockLength: u32be,
});

/** READ CAPACITY (16) data. */
export const ReadCapacity16 = struct('READ CAPACITY (16) data', 32, {
  lastBlock: u64be,
  blockLength: u32be,
  protection: packed(u8, { protectionType: [1, 3], protection: [0, 1] }),
  /** A physical block holds 2^n logical blocks. */
  physicalExponent: packed(u8, { physicalExponent: [0, 4] }),
  /** {@link CAPACITY_LBPME}, {@link CAPACITY_LBPRZ}, and the lowest aligned address. */
  provisioning: packed(u16be, { provisioning: [15, 1], readsZero: [14, 1], lowestAligned: [0, 14] }),
  _reserved: reserved(16),
});
export type ReadCapacity16 = Infer<typeof ReadCapacity16>;

/** The unit is thin: UNMAP and its like are honoured. */
export const CAPACITY_LBPME = 0x8000;
/** Unmapped blocks read as zeroes. */
export const CAPACITY_LBPRZ = 0x4000;

/** Header of an UNMAP parameter list. */
export const UnmapHeader = struct('UNMAP parameter list header', 8, {
  /** Bytes behind this field. */
  dataLength: u16be,
  /** Bytes of descriptors. */
  descriptorsLength: u16be,
  _reserved: reserved(4),
});

/** One run of an UNMAP parameter list. */
export const UnmapDescriptor = struct('UNMAP block descriptor', 16, {
  block: u64be,
  blocks: u32be,
  _reserved: reserved(4),
});

/** Header of REPORT LUNS data; eight bytes for each logical unit follow. */
export const ReportLunsHeader = struct('REPORT LUNS parameter data header', 8, {
  length: u32be,
  _reserved: reserved(4),
});

/** Bytes of one entry of REPORT LUNS data; the second one is the number, for numbers below 256. */
export const LUN_ENTRY_SIZE = 8;

/** One entry of REPORT LUNS data, with a number below 256. */
export const LunEntry = struct('LUN', LUN_ENTRY_SIZE, {
  first: packed(u8, { addressMethod: [6, 2], bus: [0, 6] }),
  lun: u8,
  _reserved: reserved(6),
});

/**
 * VHDX structures (MS-VHDX 2). Everything is little-endian, and everything behind the header section lies on a
 * multiple of 1 MiB.
 *
 *      0   file type identifier          1 MiB…  in any order, not overlapping:
 *    64K   header                                log
 *   128K   header                                metadata region
 *   192K   region table                          block allocation table (BAT) region
 *   256K   region table                          payload blocks, sector bitmap blocks
 */
import { bytes, guid, type Infer, reserved, struct, u16, u32, u64 } from '@ringlet/wire';

export const MIB = 1024 * 1024;
/** Unit of the log, and of every update that goes through it. */
export const PAGE = 4096;
export const FILE_TYPE = 'vhdxfile';
export const HEADER_AT = [64 * 1024, 128 * 1024] as const;
export const REGION_TABLE_AT = [192 * 1024, 256 * 1024] as const;
export const REGION_TABLE_SIZE = 64 * 1024;
export const METADATA_TABLE_SIZE = 64 * 1024;
export const MOST_ENTRIES = 2047;
/** Sectors that one sector bitmap block describes. */
export const SECTORS_PER_CHUNK = 2 ** 23;
/** 64 TiB. */
export const MOST_BYTES = 64 * 2 ** 40;

export const SIGNATURE = {
  head: 0x64616568,
  regi: 0x69676572,
  loge: 0x65676f6c,
  zero: 0x6f72657a,
  desc: 0x63736564,
  data: 0x61746164,
} as const;
export const METADATA_SIGNATURE = 0x617461646174656dn;

/** Regions that this implementation knows. */
export const Region = {
  Bat: '2dc27766-f623-4200-9d64-115e9bfd4a08',
  Metadata: '8b7ca206-4790-4b9a-b8fe-575f050f886e',
} as const;

/** Metadata items that this implementation knows. */
export const Item = {
  FileParameters: 'caa16737-fa36-4d43-b3b6-33f0aa44e76b',
  DiskSize: '2fa54224-cd1b-4876-b211-5dbed83bf4b8',
  DiskId: 'beca12ab-b2e6-4523-93ef-c309e000c746',
  LogicalSectorSize: '8141bf1d-a96f-4709-ba47-f233a8faab5f',
  PhysicalSectorSize: 'cda348c7-445d-4471-9cc9-e9885251c556',
  ParentLocator: 'a8d35f2d-b30b-454d-abf7-d3d84834ab0c',
} as const;

/** The one type of parent locator: another VHDX. */
export const VHDX_LOCATOR = 'b04aefb7-d19e-4a81-b789-25b8e9445913';

/** What a payload BAT entry says of its block (2.5.1.1). */
export const BlockState = {
  NotPresent: 0,
  Undefined: 1,
  Zero: 2,
  Unmapped: 3,
  FullyPresent: 6,
  PartiallyPresent: 7,
} as const;
/** What a sector bitmap BAT entry says when its block is there (2.5.1.2). */
export const BITMAP_PRESENT = 6;

/** A header: the root of the file; of two, the one that is valid and newer counts (2.2.2). */
export const Header = struct('VHDX header', 4096, {
  signature: u32,
  checksum: u32,
  sequence: u64,
  fileWriteId: guid,
  dataWriteId: guid,
  logId: guid,
  logVersion: u16,
  version: u16,
  logLength: u32,
  logOffset: u64,
  _reserved: reserved(4016),
});
export type Header = Infer<typeof Header>;

export const RegionTableHeader = struct('VHDX region table header', 16, {
  signature: u32,
  checksum: u32,
  entryCount: u32,
  _reserved: reserved(4),
});

export const RegionEntry = struct('VHDX region table entry', 32, {
  id: guid,
  offset: u64,
  length: u32,
  required: u32,
});

export const LogEntryHeader = struct('VHDX log entry header', 64, {
  signature: u32,
  checksum: u32,
  length: u32,
  tail: u32,
  sequence: u64,
  descriptorCount: u32,
  _reserved: reserved(4),
  logId: guid,
  flushedFileOffset: u64,
  lastFileOffset: u64,
});
export type LogEntryHeader = Infer<typeof LogEntryHeader>;

/** A descriptor of a page whose middle is in a data sector, and whose ends are here. */
export const DataDescriptor = struct('VHDX data descriptor', 32, {
  signature: u32,
  trailing: bytes(4),
  leading: bytes(8),
  offset: u64,
  sequence: u64,
});

/** A descriptor of a range to fill with zeroes. */
export const ZeroDescriptor = struct('VHDX zero descriptor', 32, {
  signature: u32,
  _reserved: reserved(4),
  length: u64,
  offset: u64,
  sequence: u64,
});

export const MetadataTableHeader = struct('VHDX metadata table header', 32, {
  signature: u64,
  _reserved: reserved(2),
  entryCount: u16,
  _reserved2: reserved(20),
});

/** Bits of {@link MetadataEntry} flags. */
export const ItemFlag = { User: 1, VirtualDisk: 2, Required: 4 } as const;

export const MetadataEntry = struct('VHDX metadata table entry', 32, {
  id: guid,
  offset: u32,
  length: u32,
  flags: u32,
  _reserved: reserved(4),
});

/** Bits of the file parameters. */
export const FileFlag = { LeaveBlocksAllocated: 1, HasParent: 2 } as const;

export const FileParameters = struct('VHDX file parameters', 8, { blockSize: u32, flags: u32 });

export const LocatorHeader = struct('VHDX parent locator header', 20, {
  type: guid,
  _reserved: reserved(2),
  count: u16,
});

export const LocatorEntry = struct('VHDX parent locator entry', 12, {
  keyOffset: u32,
  valueOffset: u32,
  keyLength: u16,
  valueLength: u16,
});

/** A view of all of `data`, to read structs from. */
export const viewOf = (data: Uint8Array): DataView => new DataView(data.buffer, data.byteOffset, data.byteLength);

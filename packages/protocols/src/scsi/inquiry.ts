/** INQUIRY data: the standard page and the vital product data (VPD) pages (SPC-4 6.6 and 7.8, SBC-3 6.6). Big-endian. */
import {
  ascii,
  bytes,
  flags,
  type Infer,
  named,
  packed,
  reserved,
  struct,
  u16be,
  u32be,
  u64be,
  u8,
} from '@ringlet/wire';

/** Numbers of the VPD pages served here. */
export const VpdPage = {
  Supported: 0x00,
  UnitSerialNumber: 0x80,
  DeviceIdentification: 0x83,
  BlockLimits: 0xb0,
  BlockCharacteristics: 0xb1,
  LogicalBlockProvisioning: 0xb2,
} as const;

/** Peripheral qualifier and device type; 3 and 1Fh together: no unit is here. */
const peripheral = packed(u8, {
  qualifier: [5, 3, { Connected: 0, NotConnected: 1, NotCapable: 3 }],
  deviceType: [0, 5, { DirectAccess: 0x00, CdDvd: 0x05, Unknown: 0x1f }],
});

/** Standard INQUIRY data, its first 36 bytes. */
export const StandardInquiry = struct('standard INQUIRY data', 36, {
  /** Peripheral qualifier (top three bits) and device type. */
  peripheral,
  /** Bit 7: removable medium. */
  removable: packed(u8, { removable: [7, 1] }),
  version: named(u8, { SPC3: 5, SPC4: 6 }),
  /** Low four bits: response data format, always 2. */
  format: packed(u8, { format: [0, 4] }),
  /** Bytes behind this one. */
  additionalLength: u8,
  _flags5: reserved(1),
  _flags6: reserved(1),
  /** Bit 1: command queueing. */
  flags7: packed(u8, { commandQueueing: [1, 1] }),
  vendor: ascii(bytes(8)),
  product: ascii(bytes(16)),
  revision: ascii(bytes(4)),
});
export type StandardInquiry = Infer<typeof StandardInquiry>;

/** Removable-medium bit of {@link StandardInquiry}. */
export const INQUIRY_REMOVABLE = 0x80;
/** Command-queueing bit of {@link StandardInquiry}. */
export const INQUIRY_CMDQUE = 0x02;

/** The four bytes that every VPD page starts with. */
export const VpdHeader = struct('VPD page header', 4, {
  peripheral,
  page: named(u8, VpdPage),
  length: u16be,
});

/** Block Limits VPD page (B0h), 64 bytes with its header. Lengths in logical blocks. */
export const BlockLimits = struct('Block Limits VPD page', 64, {
  header: VpdHeader,
  /** WSNZ: WRITE SAME with a length of zero is refused. */
  flags: packed(u8, { writeSameNonZero: [0, 1] }),
  maxCompareAndWrite: u8,
  optimalTransferGranularity: u16be,
  maxTransfer: u32be,
  optimalTransfer: u32be,
  maxPrefetch: u32be,
  maxUnmapBlocks: u32be,
  maxUnmapDescriptors: u32be,
  optimalUnmapGranularity: u32be,
  unmapGranularityAlignment: packed(u32be, { unmapAlignmentValid: [31, 1], unmapAlignment: [0, 31] }),
  maxWriteSame: u64be,
  _reserved: reserved(20),
});
export type BlockLimits = Infer<typeof BlockLimits>;

/** WSNZ bit of {@link BlockLimits}. */
export const BLOCK_LIMITS_WSNZ = 0x01;

/** Block Device Characteristics VPD page (B1h). */
export const BlockCharacteristics = struct('Block Device Characteristics VPD page', 64, {
  header: VpdHeader,
  rotationRate: named(u16be, { NotReported: 0, NotRotating: 1 }),
  _reserved: reserved(58),
});

/** Flags of {@link BlockProvisioning}. */
export const ProvisioningFlag = { Unmap: 0x80, WriteSame16: 0x40, WriteSame10: 0x20, ReadsZero: 0x04 } as const;

/** Logical Block Provisioning VPD page (B2h). */
export const BlockProvisioning = struct('Logical Block Provisioning VPD page', 8, {
  header: VpdHeader,
  thresholdExponent: u8,
  flags: flags(u8, ProvisioningFlag),
  type: named(u8, { Full: 0, ResourceProvisioned: 1, Thin: 2 }),
  _reserved: reserved(1),
});

/** One designator of the Device Identification VPD page (83h): this header, then `length` bytes. */
export const DesignatorHeader = struct('designation descriptor header', 4, {
  codeSet: packed(u8, { codeSet: [0, 4, { Binary: 1, Ascii: 2 }] }),
  type: packed(u8, { association: [4, 2], designator: [0, 4, { T10Vendor: 1, Naa: 3 }] }),
  _reserved: reserved(1),
  length: u8,
});

/** ASCII text as a fixed field of an INQUIRY page: left-aligned, filled with spaces. */
export function inquiryText(text: string, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i < text.length ? text.charCodeAt(i) & 0x7f : 0x20));
}

/** INQUIRY data: the standard page and the vital product data (VPD) pages (SPC-4 6.6 and 7.8, SBC-3 6.6). Big-endian. */
import { bytes, type Infer, reserved, struct, u16be, u32be, u64be, u8 } from '@ringlet/wire';

/** Numbers of the VPD pages served here. */
export const VpdPage = {
  Supported: 0x00,
  UnitSerialNumber: 0x80,
  DeviceIdentification: 0x83,
  BlockLimits: 0xb0,
  BlockCharacteristics: 0xb1,
  LogicalBlockProvisioning: 0xb2,
} as const;

/** Standard INQUIRY data, its first 36 bytes. */
export const StandardInquiry = struct('standard INQUIRY data', 36, {
  /** Peripheral qualifier (top three bits) and device type. */
  peripheral: u8,
  /** Bit 7: removable medium. */
  removable: u8,
  /** 5: SPC-3, 6: SPC-4. */
  version: u8,
  /** Low four bits: response data format, always 2. */
  format: u8,
  /** Bytes behind this one. */
  additionalLength: u8,
  _flags5: reserved(1),
  _flags6: reserved(1),
  /** Bit 1: command queueing. */
  flags7: u8,
  vendor: bytes(8),
  product: bytes(16),
  revision: bytes(4),
});
export type StandardInquiry = Infer<typeof StandardInquiry>;

/** Removable-medium bit of {@link StandardInquiry}. */
export const INQUIRY_REMOVABLE = 0x80;
/** Command-queueing bit of {@link StandardInquiry}. */
export const INQUIRY_CMDQUE = 0x02;

/** The four bytes that every VPD page starts with. */
export const VpdHeader = struct('VPD page header', 4, { peripheral: u8, page: u8, length: u16be });

/** Block Limits VPD page (B0h), 64 bytes with its header. Lengths in logical blocks. */
export const BlockLimits = struct('Block Limits VPD page', 64, {
  header: VpdHeader,
  /** Bit 0, WSNZ: WRITE SAME with a length of zero is refused. */
  flags: u8,
  maxCompareAndWrite: u8,
  optimalTransferGranularity: u16be,
  maxTransfer: u32be,
  optimalTransfer: u32be,
  maxPrefetch: u32be,
  maxUnmapBlocks: u32be,
  maxUnmapDescriptors: u32be,
  optimalUnmapGranularity: u32be,
  /** Bit 31: the alignment is valid. */
  unmapGranularityAlignment: u32be,
  maxWriteSame: u64be,
  _reserved: reserved(20),
});
export type BlockLimits = Infer<typeof BlockLimits>;

/** WSNZ bit of {@link BlockLimits}. */
export const BLOCK_LIMITS_WSNZ = 0x01;

/** Block Device Characteristics VPD page (B1h). */
export const BlockCharacteristics = struct('Block Device Characteristics VPD page', 64, {
  header: VpdHeader,
  /** 1: not rotating; 0: not reported. */
  rotationRate: u16be,
  _reserved: reserved(58),
});

/** Logical Block Provisioning VPD page (B2h). */
export const BlockProvisioning = struct('Logical Block Provisioning VPD page', 8, {
  header: VpdHeader,
  thresholdExponent: u8,
  /** LBPU 80h, LBPWS 40h, LBPWS10 20h, LBPRZ 04h. */
  flags: u8,
  /** 1: resource provisioned, 2: thin. */
  type: u8,
  _reserved: reserved(1),
});

/** Flags of {@link BlockProvisioning}. */
export const ProvisioningFlag = { Unmap: 0x80, WriteSame16: 0x40, WriteSame10: 0x20, ReadsZero: 0x04 } as const;

/** One designator of the Device Identification VPD page (83h): this header, then `length` bytes. */
export const DesignatorHeader = struct('designation descriptor header', 4, {
  /** Low four bits, code set: 1 binary, 2 ASCII. */
  codeSet: u8,
  /** Low four bits, type: 1 T10 vendor, 3 NAA. */
  type: u8,
  _reserved: reserved(1),
  length: u8,
});

/** ASCII text as a fixed field of an INQUIRY page: left-aligned, filled with spaces. */
export function inquiryText(text: string, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i < text.length ? text.charCodeAt(i) & 0x7f : 0x20));
}

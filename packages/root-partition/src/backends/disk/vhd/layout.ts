/**
 * VHD structures (Virtual Hard Disk Image Format Specification 1.0). Everything is big-endian.
 *
 *   fixed      ┌─ sectors ────────────────────────────────────────┐ footer
 *   dynamic    footer copy │ header │ block table │ [bitmap│block] [bitmap│block] … │ footer
 */
import { array, bytes, type Infer, reserved, struct, u32be, u64be, u8, u16be } from '@ringlet/wire';

export const VHD_SECTOR = 512;
export const FOOTER_COOKIE = 'conectix';
export const HEADER_COOKIE = 'cxsparse';
export const VHD_VERSION = 0x0001_0000;
/** "No such position": the data offset of a fixed disk, and of every header. */
export const NOWHERE = 0xffff_ffff_ffff_ffffn;
/** A block table entry of a block that is not in the file. */
export const NO_BLOCK = 0xffff_ffff;
/** The reserved feature bit that is always set. */
export const FEATURE_RESERVED = 2;
/** What a geometry can express at most, in sectors: a disk of this geometry is this large or larger. */
export const MOST_GEOMETRY = 65535 * 16 * 255;
/** 2040 GiB: what the format holds. */
export const MOST_SECTORS = 0xff00_0000;
/** Seconds from 1970 to the first of January 2000, from which VHD counts. */
export const VHD_EPOCH = 946_684_800;

/** Kinds of VHD. */
export const VhdType = { Fixed: 2, Dynamic: 3, Differencing: 4 } as const;

/** The hard disk footer: the last 512 bytes of every VHD, and the first of those that are not fixed. */
export const Footer = struct('VHD footer', 512, {
  cookie: bytes(8),
  features: u32be,
  version: u32be,
  dataOffset: u64be,
  timestamp: u32be,
  creator: bytes(4),
  creatorVersion: u32be,
  creatorHost: bytes(4),
  originalSize: u64be,
  currentSize: u64be,
  cylinders: u16be,
  heads: u8,
  sectorsPerTrack: u8,
  type: u32be,
  checksum: u32be,
  id: bytes(16),
  savedState: u8,
  _reserved: reserved(427),
});
export type Footer = Infer<typeof Footer>;

/** The header of a dynamic or differencing disk. */
export const DynamicHeader = struct('VHD dynamic header', 1024, {
  cookie: bytes(8),
  dataOffset: u64be,
  tableOffset: u64be,
  version: u32be,
  entries: u32be,
  blockSize: u32be,
  checksum: u32be,
  parentId: bytes(16),
  parentTimestamp: u32be,
  _reserved: reserved(4),
  parentName: bytes(512),
  locators: array(bytes(24), 8),
  _reserved2: reserved(256),
});
export type DynamicHeader = Infer<typeof DynamicHeader>;

/** Ones' complement of the sum of all bytes but the four of the checksum at `at`. */
export function vhdChecksum(structure: Uint8Array, at: number): number {
  let sum = 0;
  for (let i = 0; i < structure.length; i++) if (i < at || i >= at + 4) sum += structure[i]!;
  return ~sum >>> 0;
}

/** Encodes a footer with its checksum. */
export function encodeFooter(footer: Footer): Uint8Array {
  const encoded = Footer.encode(footer);
  new DataView(encoded.buffer).setUint32(Footer.at.checksum, vhdChecksum(encoded, Footer.at.checksum));
  return encoded;
}

/** Encodes a header with its checksum. */
export function encodeHeader(header: DynamicHeader): Uint8Array {
  const encoded = DynamicHeader.encode(header);
  new DataView(encoded.buffer).setUint32(DynamicHeader.at.checksum, vhdChecksum(encoded, DynamicHeader.at.checksum));
  return encoded;
}

/** Text as the ASCII bytes of a cookie. */
export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/** Whether `data` starts with an ASCII cookie. */
export const startsWith = (data: Uint8Array, cookie: string): boolean =>
  data.length >= cookie.length && ascii(cookie).every((byte, i) => data[i] === byte);

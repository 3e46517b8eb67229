/** Makes new VHDs, fixed and dynamic, as lists of what is to be written where. */
import { UserError } from '@ringlet/wire';
import type { NewImage } from '../new-image.ts';
import { geometryFor } from './geometry.ts';
import {
  ascii,
  DynamicHeader,
  encodeFooter,
  encodeHeader,
  FEATURE_RESERVED,
  type Footer,
  FOOTER_COOKIE,
  HEADER_COOKIE,
  MOST_SECTORS,
  NOWHERE,
  VHD_EPOCH,
  VHD_SECTOR,
  VHD_VERSION,
  VhdType,
} from './layout.ts';

const DEFAULT_BLOCK = 2 * 1024 * 1024;

/** What a new VHD is to be. */
export interface NewVhd {
  /** Bytes; a multiple of 512. */
  size: number;
  fixed: boolean;
  blockSize?: number | undefined;
  id: Uint8Array;
  /** Seconds since 1970. */
  time: number;
}

/** The structures of a new VHD. @throws UserError for a size or block size that the format cannot have. */
export function newVhd({ size, fixed, blockSize = DEFAULT_BLOCK, id, time }: NewVhd): NewImage {
  const sectors = size / VHD_SECTOR;
  if (!Number.isInteger(sectors) || sectors < 1 || sectors > MOST_SECTORS) {
    throw new UserError('disk-invalid', `a VHD cannot hold ${size} bytes`, {
      hint: 'use a multiple of 512 up to 2040 GiB, or VHDX',
    });
  }
  if (blockSize < 4096 || blockSize > 256 * 1024 * 1024 || (blockSize & (blockSize - 1)) !== 0) {
    throw new UserError('disk-invalid', `a VHD cannot have blocks of ${blockSize} bytes`, {
      hint: 'use a power of two from 4096 bytes to 256 MiB; 2 MiB is usual',
    });
  }
  const footer = encodeFooter(footerFor(size, fixed, id, time));
  if (fixed) return { size: size + VHD_SECTOR, writes: [{ position: size, data: footer }] };

  const entries = Math.ceil(size / blockSize);
  const tableAt = VHD_SECTOR + DynamicHeader.size;
  const tableLength = Math.ceil((entries * 4) / VHD_SECTOR) * VHD_SECTOR;
  const header = encodeHeader({
    cookie: ascii(HEADER_COOKIE),
    dataOffset: NOWHERE,
    tableOffset: BigInt(tableAt),
    version: VHD_VERSION,
    entries,
    blockSize,
    checksum: 0,
    parentId: new Uint8Array(16),
    parentTimestamp: 0,
    parentName: new Uint8Array(512),
    locators: [],
  });
  return {
    size: tableAt + tableLength + VHD_SECTOR,
    writes: [
      { position: 0, data: footer },
      { position: VHD_SECTOR, data: header },
      { position: tableAt, data: new Uint8Array(tableLength).fill(0xff) },
      { position: tableAt + tableLength, data: footer },
    ],
  };
}

function footerFor(size: number, fixed: boolean, id: Uint8Array, time: number): Footer {
  return {
    cookie: ascii(FOOTER_COOKIE),
    features: FEATURE_RESERVED,
    version: VHD_VERSION,
    dataOffset: fixed ? NOWHERE : BigInt(VHD_SECTOR),
    timestamp: Math.max(0, Math.floor(time) - VHD_EPOCH) >>> 0,
    // Readers decide by the creator whether the size or the geometry counts. This one, Windows', says the size,
    // which QEMU calls force_size; a name that nobody knows would make the disk as large as its geometry.
    creator: ascii('win '),
    creatorVersion: 0x000a_0000,
    creatorHost: ascii('Wi2k'),
    originalSize: BigInt(size),
    currentSize: BigInt(size),
    ...geometryFor(size / VHD_SECTOR),
    type: fixed ? VhdType.Fixed : VhdType.Dynamic,
    checksum: 0,
    id,
    savedState: 0,
  };
}

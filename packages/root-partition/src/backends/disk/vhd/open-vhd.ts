/** Reads a VHD's structures and refuses what they should not say. Changes nothing. */
import type { ImageSource } from '../image-source.ts';
import { plain } from '../image-source.ts';
import { sectorsOf } from './geometry.ts';
import {
  DynamicHeader,
  Footer,
  FOOTER_COOKIE,
  HEADER_COOKIE,
  MOST_SECTORS,
  NO_BLOCK,
  startsWith,
  VHD_SECTOR,
  VHD_VERSION,
  vhdChecksum,
  VhdType,
} from './layout.ts';

/** A fixed VHD: sectors from the start of the file, then the footer. */
export interface FixedVhd {
  type: 'fixed';
  footer: Footer;
  sectorCount: number;
}

/** A dynamic VHD. */
export interface DynamicVhd {
  type: 'dynamic';
  footer: Footer;
  sectorCount: number;
  /** Byte position of the block table. */
  tableOffset: number;
  /** First sector in the file of each block's bitmap; {@link NO_BLOCK} where there is none. */
  table: Uint32Array;
  sectorsPerBlock: number;
  bitmapSectors: number;
  /** Byte position where new blocks may go: behind everything, or where the footer is. */
  end: number;
  /** Whether the footer at the end is there. A crash while the file grew can lose it; the copy at the start counts. */
  trailingFooter: boolean;
}

/** Blocks that a table may have here: 32 MiB of memory, and 16 TiB of disk at the usual block size. */
const MOST_BLOCKS = 8 * 1024 * 1024;

/** Sectors of the bitmap in front of a block. */
const bitmapSectorsFor = (sectorsPerBlock: number): number => Math.ceil(sectorsPerBlock / 8 / VHD_SECTOR);

/** Whether a VHD footer, intact or not, is at the start or the end of the image. */
export function looksLikeVhd(source: ImageSource): boolean {
  return footerAt(source, 0) !== undefined || footerAt(source, source.size - VHD_SECTOR) !== undefined;
}

/** Reads and checks a VHD. @throws UserError when it is damaged or of a kind that is not supported. */
export function openVhd(source: ImageSource): FixedVhd | DynamicVhd {
  const atStart = checkedFooter(footerAt(source, 0));
  const atEnd = checkedFooter(footerAt(source, source.size - VHD_SECTOR));
  // A fixed disk's first sector is the guest's: only a footer that is not of a fixed disk can be ours there.
  const footer = atStart !== undefined && atStart.type !== VhdType.Fixed ? atStart : atEnd;
  if (footer === undefined) throw source.damaged('no footer has a valid checksum');
  if (footer.version !== VHD_VERSION) throw source.unsupported(`its version is ${footer.version >>> 16}`);
  const sectorCount = sectorsOf(footer);
  if (!(sectorCount >= 1 && sectorCount <= MOST_SECTORS)) throw source.damaged(`its size is ${sectorCount} sectors`);
  if (footer.type === VhdType.Fixed) {
    if (sectorCount * VHD_SECTOR > source.size - VHD_SECTOR) {
      throw source.damaged('it is shorter than the disk it holds');
    }
    return { type: 'fixed', footer, sectorCount };
  }
  if (footer.type === VhdType.Differencing) {
    throw source.unsupported(
      'it is a differencing VHD',
      'merge it into its parent, or convert it to VHDX, whose differencing disks can be used',
    );
  }
  if (footer.type !== VhdType.Dynamic) throw source.damaged(`its type is ${footer.type}`);
  return openDynamic(source, footer, sectorCount, atEnd !== undefined);
}

function openDynamic(source: ImageSource, footer: Footer, sectorCount: number, trailingFooter: boolean): DynamicVhd {
  const headerAt = plain(footer.dataOffset);
  if (headerAt < VHD_SECTOR || !source.holds(headerAt, DynamicHeader.size)) {
    throw source.damaged('its header lies outside of the file');
  }
  const encoded = source.read(headerAt, DynamicHeader.size);
  const header = DynamicHeader.decode(encoded)!;
  if (!startsWith(encoded, HEADER_COOKIE)) throw source.damaged('its dynamic header has no cookie');
  if (header.checksum !== vhdChecksum(encoded, DynamicHeader.at.checksum)) {
    throw source.damaged('its dynamic header has a wrong checksum');
  }
  const { blockSize, entries } = header;
  if (blockSize < VHD_SECTOR || blockSize > 256 * 1024 * 1024 || (blockSize & (blockSize - 1)) !== 0) {
    throw source.damaged(`its block size is ${blockSize}`);
  }
  const sectorsPerBlock = blockSize / VHD_SECTOR;
  const blocks = Math.ceil(sectorCount / sectorsPerBlock);
  if (blocks > MOST_BLOCKS)
    throw source.unsupported(`it has ${blocks} blocks`, 'convert it to larger blocks, or to VHDX');
  if (entries < blocks) throw source.damaged(`its table has ${entries} entries for ${blocks} blocks`);
  const tableOffset = plain(header.tableOffset);
  if (tableOffset % VHD_SECTOR !== 0 || tableOffset < VHD_SECTOR || !source.holds(tableOffset, blocks * 4)) {
    throw source.damaged('its block table lies outside of the file');
  }
  const table = readTable(source.read(tableOffset, blocks * 4));
  const bitmapSectors = bitmapSectorsFor(sectorsPerBlock);
  // The first footer, the header and the table come first or wherever they like; blocks must keep clear of all three.
  const fixed: [number, number][] = [
    [0, VHD_SECTOR],
    [headerAt, headerAt + DynamicHeader.size],
    [tableOffset, tableOffset + Math.ceil((entries * 4) / VHD_SECTOR) * VHD_SECTOR],
  ];
  const limit = source.size - (trailingFooter ? VHD_SECTOR : 0);
  const tableEnd = fixed[2]![1];
  if (tableEnd > limit) throw source.damaged('its block table lies outside of the file');
  if (tableOffset < headerAt + DynamicHeader.size && tableEnd > headerAt) {
    throw source.damaged('its block table overlaps its header');
  }
  checkBlocks(source, table, (bitmapSectors + sectorsPerBlock) * VHD_SECTOR, fixed, limit);
  return {
    type: 'dynamic',
    footer,
    sectorCount,
    tableOffset,
    table,
    sectorsPerBlock,
    bitmapSectors,
    end: Math.ceil(limit / VHD_SECTOR) * VHD_SECTOR,
    trailingFooter,
  };
}

function readTable(encoded: Uint8Array): Uint32Array {
  const view = new DataView(encoded.buffer, encoded.byteOffset);
  const table = new Uint32Array(encoded.length / 4);
  for (let block = 0; block < table.length; block++) table[block] = view.getUint32(block * 4);
  return table;
}

function checkBlocks(
  source: ImageSource,
  table: Uint32Array,
  length: number,
  fixed: readonly [number, number][],
  limit: number,
): void {
  const starts = table.filter((entry) => entry !== NO_BLOCK).sort();
  let before = 0;
  for (const start of starts) {
    const from = start * VHD_SECTOR;
    const to = from + length;
    if (to > limit) throw source.damaged('a block lies outside of the file');
    if (from < before) throw source.damaged('two blocks overlap');
    for (const [a, b] of fixed) if (from < b && to > a) throw source.damaged('a block overlaps its own structures');
    before = to;
  }
}

/** The footer at `position`, checked or not; `undefined` when there is nothing like one. */
function footerAt(source: ImageSource, position: number): Uint8Array | undefined {
  if (position < 0 || !source.holds(position, VHD_SECTOR)) return undefined;
  const encoded = source.read(position, VHD_SECTOR);
  return startsWith(encoded, FOOTER_COOKIE) ? encoded : undefined;
}

function checkedFooter(encoded: Uint8Array | undefined): Footer | undefined {
  if (encoded === undefined) return undefined;
  const footer = Footer.decode(encoded)!;
  return footer.checksum === vhdChecksum(encoded, Footer.at.checksum) ? footer : undefined;
}

/**
 * The block allocation table of a VHDX (MS-VHDX 2.5), in memory as two arrays.
 *
 *   file     [payload 0] … [payload r-1] [bitmap 0] [payload r] … [payload 2r-1] [bitmap 1] …     r: chunk ratio
 *   entry    state 3 bits │ reserved 17 bits │ position in MiB 44 bits
 */
import { invariant } from '@ringlet/wire';
import type { ImageSource } from '../image-source.ts';
import { BITMAP_PRESENT, BlockState, MIB, PAGE, SECTORS_PER_CHUNK, viewOf } from './layout.ts';
import type { Metadata } from './metadata.ts';
import type { Extent } from './region-table.ts';
import type { Space } from './space.ts';

/** Entries that are read here: 64 MiB of table, enough for 64 TiB at the usual block size. */
const MOST_ENTRIES = 8 * 1024 * 1024;
export const ENTRIES_PER_PAGE = PAGE / 8;

/** How many blocks a disk has, and how the table interleaves them. */
export interface BatShape {
  blocks: number;
  /** Payload blocks of a chunk. */
  chunkRatio: number;
  chunks: number;
  /** Entries of the table. */
  entries: number;
}

/** The shape of the table for a disk. */
export function batShape(
  metadata: Pick<Metadata, 'diskSize' | 'blockSize' | 'sectorSize'> & { parent?: unknown },
): BatShape {
  const { diskSize, blockSize, sectorSize } = metadata;
  const chunkRatio = (SECTORS_PER_CHUNK * sectorSize) / blockSize;
  const blocks = Math.ceil(diskSize / blockSize);
  const chunks = Math.ceil(blocks / chunkRatio);
  // A disk with a parent has a bitmap entry for its last chunk too.
  const entries = metadata.parent ? chunks * (chunkRatio + 1) : blocks + Math.floor((blocks - 1) / chunkRatio);
  return { blocks, chunkRatio, chunks, entries };
}

/** The table in memory. Positions are in MiB; 0 is none. */
export class Bat {
  shape: BatShape;
  /** One of {@link BlockState} for each payload block. */
  state: Uint8Array;
  /** Position of each payload block that is present, whole or in part. */
  home: Uint32Array;
  /** Position of each chunk's sector bitmap block. */
  bitmapHome: Uint32Array;

  constructor(shape: BatShape) {
    this.shape = shape;
    this.state = new Uint8Array(shape.blocks);
    this.home = new Uint32Array(shape.blocks);
    this.bitmapHome = new Uint32Array(shape.chunks);
  }

  /** Makes room for more blocks, none of them present. */
  grow(shape: BatShape): void {
    const { state, home, bitmapHome } = this;
    this.shape = shape;
    this.state = new Uint8Array(shape.blocks);
    this.home = new Uint32Array(shape.blocks);
    this.bitmapHome = new Uint32Array(shape.chunks);
    this.state.set(state);
    this.home.set(home);
    this.bitmapHome.set(bitmapHome);
  }

  /** Page of the table that holds the entry of a payload block. */
  pageOf(block: number): number {
    return Math.floor((block + Math.floor(block / this.shape.chunkRatio)) / ENTRIES_PER_PAGE);
  }

  /** Page of the table that holds the entry of a sector bitmap block. */
  bitmapPageOf(chunk: number): number {
    return Math.floor(((chunk + 1) * (this.shape.chunkRatio + 1) - 1) / ENTRIES_PER_PAGE);
  }

  /** A page of the table as it goes to the file. */
  encodePage(page: number): Uint8Array {
    const { chunkRatio, blocks, entries } = this.shape;
    const data = new Uint8Array(PAGE);
    const view = viewOf(data);
    for (let i = 0; i < ENTRIES_PER_PAGE; i++) {
      const index = page * ENTRIES_PER_PAGE + i;
      if (index >= entries) break;
      const chunk = Math.floor(index / (chunkRatio + 1));
      const within = index - chunk * (chunkRatio + 1);
      const block = chunk * chunkRatio + within;
      if (within === chunkRatio) {
        const home = this.bitmapHome[chunk]!;
        if (home !== 0) setEntry(view, i * 8, BITMAP_PRESENT, home);
      } else if (block < blocks) setEntry(view, i * 8, this.state[block]!, this.home[block]!);
    }
    return data;
  }
}

/** Reads the table, checks every entry, and claims what it uses. @throws UserError when any is wrong. */
export function readBat(source: ImageSource, region: Extent, metadata: Metadata, space: Space): Bat {
  const shape = batShape(metadata);
  if (shape.entries > MOST_ENTRIES) {
    throw source.unsupported(`its table has ${shape.entries} entries`, 'convert it to larger blocks');
  }
  if (shape.entries * 8 > region.length) throw source.damaged('its block allocation table is too short for its size');
  const bat = new Bat(shape);
  const blockMib = metadata.blockSize / MIB;
  for (let first = 0; first < shape.entries; first += MIB / 8) {
    const count = Math.min(MIB / 8, shape.entries - first);
    const view = viewOf(source.read(region.offset + first * 8, count * 8));
    for (let i = 0; i < count; i++) {
      const low = view.getUint32(i * 8, true);
      const home = view.getUint32(i * 8 + 4, true) * 4096 + (low >>> 20);
      readEntry(source, bat, first + i, low & 7, home, blockMib, metadata, space);
    }
  }
  for (let block = 0; block < shape.blocks; block++) {
    const partial = bat.state[block] === BlockState.PartiallyPresent;
    if (partial && bat.bitmapHome[Math.floor(block / shape.chunkRatio)] === 0) {
      throw source.damaged(`block ${block} is there in part, and nothing says which`);
    }
  }
  return bat;
}

function readEntry(
  source: ImageSource,
  bat: Bat,
  index: number,
  state: number,
  home: number,
  blockMib: number,
  metadata: Metadata,
  space: Space,
): void {
  const { chunkRatio, blocks } = bat.shape;
  const chunk = Math.floor(index / (chunkRatio + 1));
  const within = index - chunk * (chunkRatio + 1);
  const bitmap = within === chunkRatio;
  const block = chunk * chunkRatio + within;
  if (!bitmap && block >= blocks) return;
  const what = bitmap ? `sector bitmap ${chunk}` : `block ${block}`;
  const present = bitmap
    ? state === BITMAP_PRESENT
    : state === BlockState.FullyPresent || state === BlockState.PartiallyPresent;
  if (state === 4 || (bitmap && !present && state !== 0) || (state === 7 && metadata.parent === undefined)) {
    throw source.damaged(`${what} is in state ${state}`);
  }
  if (bitmap && present && metadata.parent === undefined) throw source.damaged(`${what} is in a disk with no parent`);
  const length = bitmap ? 1 : blockMib;
  if (present && !(home >= 1 && source.holds(home * MIB, length * MIB) && space.claim(home, length))) {
    throw source.damaged(`${what} lies outside of the file, or on top of something else`);
  }
  if (bitmap) bat.bitmapHome[chunk] = present ? home : 0;
  else {
    // State 5 was "unmapped" before version 1.0 of the format.
    bat.state[block] = state === 5 ? BlockState.Unmapped : state;
    bat.home[block] = present ? home : 0;
  }
}

function setEntry(view: DataView, at: number, state: number, home: number): void {
  invariant(home < 2 ** 32, 'a VHDX is at most 2^32 MiB long');
  view.setUint32(at, state | ((home & 0xfff) << 20), true);
  view.setUint32(at + 4, home >>> 12, true);
}

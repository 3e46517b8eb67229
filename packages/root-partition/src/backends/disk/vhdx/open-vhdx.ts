/**
 * Reads a VHDX and refuses what it should not say. Changes nothing: what the log still has to write is laid over
 * the image, and handed on.
 */
import { NIL_GUID } from '@ringlet/wire';
import { type ImageSource, PATCH_PAGE, plain } from '../image-source.ts';
import { type Bat, readBat } from './bat.ts';
import { type CurrentHeader, readHeader } from './header.ts';
import { BlockState, FILE_TYPE, MIB, MOST_BYTES, PAGE, viewOf } from './layout.ts';
import { type Replay, replayLog } from './log-replay.ts';
import { type Metadata, readMetadata } from './metadata.ts';
import { PartialBlocks } from './partial-blocks.ts';
import { type Extent, readRegions } from './region-table.ts';
import { Space } from './space.ts';

/** Sectors of a differencing disk whose bits are kept in memory: 256 MiB of them, for a disk of 1 TiB. */
const MOST_PARTIAL_SECTORS = 2 ** 31;

/** A VHDX that was read and is right. */
export interface VhdxImage {
  current: CurrentHeader;
  metadata: Metadata & { diskSizeAt: number };
  batRegion: Extent;
  bat: Bat;
  partial: PartialBlocks;
  space: Space;
  /** The page of metadata with the size of the disk; `undefined` when the item crosses pages. */
  sizePage: SizePage | undefined;
  /** What the log has to write before the file is whole; `undefined` when it is empty. */
  replay: Replay | undefined;
}

/** A page of metadata in which the size of the disk can be set. */
class SizePage {
  /** Byte position in the file. */
  readonly position: number;
  readonly data: Uint8Array;
  readonly #at: number;

  constructor(position: number, data: Uint8Array, at: number) {
    this.position = position;
    this.data = data;
    this.#at = at;
  }

  setSize(bytes: number): void {
    viewOf(this.data).setBigUint64(this.#at, BigInt(bytes), true);
  }
}

/** Whether an image says that it is a VHDX. */
export function looksLikeVhdx(source: ImageSource): boolean {
  return source.holds(0, 8) && String.fromCharCode(...source.read(0, 8)) === FILE_TYPE;
}

/** Reads and checks a VHDX. @throws UserError when it is damaged, or needs what is not there. */
export function openVhdx(file: ImageSource): VhdxImage {
  const current = readHeader(file);
  const { header } = current;
  const replay = header.logId === NIL_GUID ? undefined : replayLog(file, header);
  const source = replay === undefined ? file : file.patched(replay.pages, replay.size);
  // Twice the largest disk: room for any overhead, and a bound for what is kept for each megabyte.
  if (source.size > 2 * MOST_BYTES) throw source.unsupported('the file is larger than any disk');

  const regions = readRegions(source);
  const space = new Space(source.size);
  const log = { offset: plain(header.logOffset), length: header.logLength };
  for (const { offset, length } of [log, ...regions.all]) {
    if (!space.claim(offset / MIB, length / MIB)) throw source.damaged('its log and regions overlap');
  }
  const metadata = readMetadata(source, regions.metadata);
  if (metadata.parent && metadata.diskSize / metadata.sectorSize > MOST_PARTIAL_SECTORS) {
    throw source.unsupported('it is a differencing disk of more than 1 TiB');
  }
  const bat = readBat(source, regions.bat, metadata, space);
  if (replay !== undefined) checkReplay(source, replay, bat, metadata);
  const partial = new PartialBlocks(bat, metadata.blockSize / metadata.sectorSize);
  partial.load(source);
  const sizePage = readSizePage(source, metadata.diskSizeAt);
  return { current, metadata, batRegion: regions.bat, bat, partial, space, sizePage, replay };
}

function readSizePage(source: ImageSource, at: number): SizePage | undefined {
  const within = at % PAGE;
  return within > PAGE - 8 ? undefined : new SizePage(at - within, source.read(at - within, PAGE), within);
}

/** The log is for structures alone; contents of the disk that stood in it would be missed by reads. */
function checkReplay(source: ImageSource, replay: Replay, bat: Bat, metadata: Metadata): void {
  const payload = new Set<number>();
  const blockMib = metadata.blockSize / MIB;
  const touched = new Set<number>();
  for (const page of replay.pages.keys()) touched.add(Math.floor((page * PATCH_PAGE) / MIB));
  for (let block = 0; block < bat.shape.blocks; block++) {
    const state = bat.state[block];
    if (state !== BlockState.FullyPresent && state !== BlockState.PartiallyPresent) continue;
    for (let i = 0; i < blockMib; i++) if (touched.has(bat.home[block]! + i)) payload.add(block);
  }
  if (payload.size > 0) throw source.damaged('its log writes into the contents of the disk');
}

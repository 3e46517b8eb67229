/** Copies all of a disk that is open into a new image. What is zero is not written: the image has no place for it. */
import { rmSync } from 'node:fs';
import { UserError } from '@ringlet/wire';
import { createDisk, type CreateDiskOptions } from './create-disk.ts';
import { type Disk, DiskOperation, type DiskRequest, DiskStatus } from './disk.ts';
import { openDisk } from './open-disk.ts';

const PIECE_BYTES = 1 << 20;
/** What is looked at for zeroes at once: a multiple of any sector. */
const GRAIN_BYTES = 64 * 1024;

/** Sectors in a row. */
export interface SectorRange {
  /** Number of the first sector. */
  readonly first: number;
  /** Sectors of the run. */
  readonly count: number;
}

/** How to copy. */
export interface CopyDiskOptions {
  /** Format of the copy. */
  readonly format: CreateDiskOptions['format'];
  /** How the image is written: see `openDisk`. */
  readonly io: 'adaptive' | 'inline';
  /** Of a VHDX; the format's usual one when absent. */
  readonly blockSize?: number;
  /** Where something may be; everywhere when absent. The rest is zero, or of no interest. */
  readonly ranges?: readonly SectorRange[];
}

/**
 * Copies a disk, sector by sector, while it may be in use: what is written meanwhile may be in the copy, or not.
 *
 * @returns bytes that were not zero
 * @throws UserError `disk-exists`, `disk-failed`; the image is removed then
 */
export async function copyDisk(
  from: Disk,
  path: string,
  { format, io, blockSize, ranges }: CopyDiskOptions,
): Promise<number> {
  const { sectorSize, sectorCount } = from;
  const ofVhdx = { sectorSize, ...(blockSize !== undefined && { blockSize }) };
  createDisk(path, { format, size: sectorSize * sectorCount, ...(format === 'vhdx' && ofVhdx) });
  try {
    const to = openDisk(path, { keep: true, format, io });
    try {
      await submit(from, 'reading', DiskOperation.Flush, 0, 0, NOTHING, 0, 0);
      return await copySectors(from, to, ranges ?? [{ first: 0, count: sectorCount }]);
    } finally {
      await new Promise((closed) => to.close(closed));
    }
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}

const NOTHING = new Uint8Array(0);
const ZEROES = new Uint8Array(GRAIN_BYTES);

async function copySectors(from: Disk, to: Disk, ranges: readonly SectorRange[]): Promise<number> {
  const bytes = new Uint8Array(new SharedArrayBuffer(PIECE_BYTES));
  const view = Buffer.from(bytes.buffer);
  const { sectorSize } = from;
  const most = PIECE_BYTES / sectorSize;
  let copied = 0;
  for (const range of ranges) {
    const behind = range.first + range.count;
    for (let sector = range.first; sector < behind; sector += most) {
      const count = Math.min(most, behind - sector);
      const length = count * sectorSize;
      await submit(from, 'reading', DiskOperation.Read, sector, count, bytes, 0, length);
      for (let at = 0; at < length; at += GRAIN_BYTES) {
        const end = Math.min(at + GRAIN_BYTES, length);
        if (view.compare(ZEROES, 0, end - at, at, end) === 0) continue;
        const first = sector + at / sectorSize;
        await submit(to, 'writing', DiskOperation.Write, first, (end - at) / sectorSize, bytes, at, end - at);
        copied += end - at;
      }
    }
  }
  await submit(to, 'writing', DiskOperation.Flush, 0, 0, NOTHING, 0, 0);
  return copied;
}

function submit(
  disk: Disk,
  what: string,
  operation: number,
  sector: number,
  count: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request: DiskRequest = {
      operation,
      sector,
      count,
      forceUnitAccess: false,
      bytes,
      runCount: length === 0 ? 0 : 1,
      runOffset: Float64Array.of(offset),
      runLength: Float64Array.of(length),
      complete: (status) => {
        if (status === DiskStatus.Ok) resolve();
        else reject(new UserError('disk-failed', `${what} sector ${sector} failed (status ${status})`));
      },
    };
    disk.submit(request);
  });
}

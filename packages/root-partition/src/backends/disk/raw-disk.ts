/**
 * RawDisk: sectors one after another from some position of a file on. Raw images, fixed VHDs, ISO images and memory
 * disks are this.
 *
 * Node offers no way to give space back inside a file (no `fallocate`), so a raw image announces no unmap: it
 * would promise thin provisioning that it cannot do. Zeroes are written as zeroes.
 */
import { DiskOperation, DiskStatus } from './disk.ts';
import type { BlockFile } from './executor/block-file.ts';
import { MemoryFile } from './executor/memory-file.ts';
import { type DiskShape, MappedDisk } from './mapped/mapped-disk.ts';

/** A disk whose sectors lie in order in a file. */
export class RawDisk extends MappedDisk {
  readonly #resizable: boolean;

  /** `resizable`: whether nothing follows the sectors in the file, so that its size is the disk's size. */
  constructor(shape: DiskShape, file: BlockFile, options: { resizable?: boolean; released?: () => void } = {}) {
    super(shape, file, undefined, options.released);
    this.#resizable = options.resizable ?? false;
    // An image whose last sector is not complete ends in zeroes.
    file.zeroesTo = Math.max(file.zeroesTo, shape.sectorCount * shape.sectorSize);
  }

  locate(operation: number, sector: number, count: number): void {
    if (operation === DiskOperation.Unmap) this.#unmap(sector, count);
    else this.place.here(sector * this.sectorSize, count);
  }

  resize(sectorCount: number, done: (status: number) => void): void {
    if (this.readOnly || !this.#resizable) return done(DiskStatus.ReadOnly);
    if (!Number.isSafeInteger(sectorCount * this.sectorSize) || sectorCount < 0) return done(DiskStatus.OutOfRange);
    // A disk that shrinks shrinks first, so that nothing is read from where the file no longer is.
    if (sectorCount < this.sectorCount) this.setSectorCount(sectorCount);
    this.file.setSize(sectorCount * this.sectorSize, {
      complete: (status) => {
        if (status === DiskStatus.Ok) {
          this.file.zeroesTo = sectorCount * this.sectorSize;
          this.setSectorCount(sectorCount);
        }
        done(status);
      },
    });
  }

  #unmap(sector: number, count: number): void {
    if (this.file instanceof MemoryFile) this.file.discard(sector * this.sectorSize, count * this.sectorSize);
    this.place.done(count);
  }
}

/** Bytes that a memory disk gives back at once. */
const MEMORY_GRANULE = 64 * 1024;

/** Makes a disk that lives in memory and starts as zeroes; memory is taken as it is written. */
export function createMemoryDisk(options: {
  /** Bytes. */
  size: number;
  sectorSize?: number;
  id?: Uint8Array;
}): RawDisk {
  const { size, sectorSize = 512, id = new Uint8Array(16) } = options;
  const shape: DiskShape = {
    kind: 'memory',
    sectorSize,
    physicalSectorSize: Math.max(sectorSize, 4096),
    sectorCount: Math.floor(size / sectorSize),
    readOnly: false,
    id,
    unmapGranularity: MEMORY_GRANULE / sectorSize,
    unmapReadsZero: true,
  };
  return new RawDisk(shape, new MemoryFile(), { resizable: true });
}

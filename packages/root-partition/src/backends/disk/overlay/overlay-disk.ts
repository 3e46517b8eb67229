/**
 * OverlayDisk: a disk that throws its writes away. Reads come from the base until a sector is written; what is written
 * goes to a file that nobody else sees, at the same position, and is gone when the disk is closed.
 *
 *   base      ░░░░░░░░░░░░░░░░░░░░░░
 *   overlay       ████   ▁▁▁▁   ██      own · zero · own
 */
import { DiskOperation, type Disk, DiskStatus } from '../disk.ts';
import type { BlockFile } from '../executor/block-file.ts';
import { MemoryFile } from '../executor/memory-file.ts';
import { MappedDisk } from '../mapped/mapped-disk.ts';
import { SectorMap, SectorState } from './sector-map.ts';

/** Bytes that unmap wants whole: a page of the host. */
const GRANULE = 4096;

/** A writable disk over one that is never written. */
export class OverlayDisk extends MappedDisk {
  readonly #map = new SectorMap();

  /** Takes over `base` and `file`, which must be empty, and closes both. */
  constructor(base: Disk, file: BlockFile) {
    super(
      {
        kind: `${base.kind}+overlay`,
        sectorSize: base.sectorSize,
        physicalSectorSize: base.physicalSectorSize,
        sectorCount: base.sectorCount,
        readOnly: false,
        id: base.id,
        unmapGranularity: Math.max(1, GRANULE / base.sectorSize),
        unmapReadsZero: true,
      },
      file,
      base,
    );
  }

  locate(operation: number, sector: number, count: number): void {
    if (operation === DiskOperation.Read) this.#read(sector, count);
    else if (operation === DiskOperation.Write) this.place.here(sector * this.sectorSize, count);
    else {
      this.#map.setZero(sector, count);
      if (this.file instanceof MemoryFile) this.file.discard(sector * this.sectorSize, count * this.sectorSize);
      this.place.done(count);
    }
  }

  override ended(sector: number, count: number, wrote: boolean): void {
    if (wrote) this.#map.setOwn(sector, count);
  }

  resize(sectorCount: number, done: (status: number) => void): void {
    if (!Number.isSafeInteger(sectorCount * this.sectorSize) || sectorCount < 0) return done(DiskStatus.OutOfRange);
    const before = this.sectorCount;
    // What is cut off must not come back when the disk grows again.
    if (sectorCount < before) this.#map.setZero(sectorCount, before - sectorCount);
    this.setSectorCount(sectorCount);
    done(DiskStatus.Ok);
  }

  override inspect(): Record<string, unknown> {
    return { ...super.inspect(), mixedChunks: this.#map.mixedChunks };
  }

  /** What is thrown away at the end need not be durable before. */
  protected override commit(done: (status: number) => void): void {
    done(DiskStatus.Ok);
  }

  #read(sector: number, most: number): void {
    const state = this.#map.state(sector);
    const count = this.#map.run(sector, most);
    if (state === SectorState.Own) return this.place.here(sector * this.sectorSize, count);
    const below = this.parent!.sectorCount - sector;
    if (state === SectorState.Zero || below <= 0) this.place.zero(count);
    else this.place.parent(Math.min(count, below));
  }
}

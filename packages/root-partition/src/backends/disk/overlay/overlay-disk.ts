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
import { singleRun } from '../runs.ts';
import { SectorMap, SectorState } from './sector-map.ts';
import { GRANULE, type OverlayChanges, type OverlayContents, type VersionedOverlay } from './versions.ts';

/** A writable disk over one that is never written. */
export class OverlayDisk extends MappedDisk implements VersionedOverlay {
  #map = new SectorMap();
  /** Granules written to since the last time that somebody took them; `undefined` when nobody does. */
  #written: Set<number> | undefined;

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
        // A page of the host.
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
    if (!wrote) return;
    this.#map.setOwn(sector, count);
    if (this.#written === undefined || count === 0) return;
    const last = Math.floor(((sector + count) * this.sectorSize - 1) / GRANULE);
    for (let at = Math.floor((sector * this.sectorSize) / GRANULE); at <= last; at++) this.#written.add(at);
  }

  changes(): OverlayChanges {
    this.#readsAnywhere();
    const map = this.#map.copy();
    const written = this.#written ?? granulesOf(map, this);
    this.#written = new Set();
    return { contents: { sectorCount: this.sectorCount, map }, written };
  }

  readGranule(granule: number, into: Uint8Array): void {
    this.#moveGranule('read', granule, into);
  }

  restore({ map, sectorCount }: OverlayContents, granules: Iterable<readonly [number, Uint8Array]>): void {
    this.#readsAnywhere();
    for (const [granule, bytes] of granules) this.#moveGranule('write', granule, bytes);
    this.#map = map.copy();
    this.#written = new Set();
    this.setSectorCount(sectorCount);
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

  /** Granules are read whole, and given back without those that are all zeroes: both go beyond what was written. */
  #readsAnywhere(): void {
    this.file.zeroesTo = Infinity;
  }

  #moveGranule(how: 'read' | 'write', granule: number, bytes: Uint8Array): void {
    let ended: number | undefined;
    this.file[how](singleRun(bytes), 0, bytes.length, granule * GRANULE, { complete: (status) => (ended = status) });
    if (ended !== DiskStatus.Ok) throw new Error(`the overlay's file cannot be ${how === 'read' ? 'read' : 'written'}`);
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

/** Granules in which a map has sectors of its own. */
function granulesOf(map: SectorMap, { sectorCount, sectorSize }: Disk): Set<number> {
  const granules = new Set<number>();
  for (const { sector, count } of map.ownRuns(sectorCount)) {
    const last = Math.floor(((sector + count) * sectorSize - 1) / GRANULE);
    for (let at = Math.floor((sector * sectorSize) / GRANULE); at <= last; at++) granules.add(at);
  }
  return granules;
}

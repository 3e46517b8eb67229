/**
 * A machine's memory and disks as they were at several points of a run, within a bound of memory.
 *
 * Of each page there are the versions that differ. When there is no more room, the points that are least missed go: those
 * close to others, and far from where the run is. So they lie twice as far from each other twice as far away.
 */
import { GRANULE, type OverlayContents, type VersionedOverlay } from '@ringlet/root-partition';
import { invariant } from '@ringlet/wire';
import type { MachineImage } from '../lockstep/checkpoint.ts';
import { PAGE, PageStore, ZERO_PAGE } from './page-store.ts';
import { PageVersions } from './page-versions.ts';

/** An overlay's versions. */
interface DiskHistory {
  readonly granules: PageVersions;
  /** By point. */
  readonly contents: Map<number, OverlayContents>;
  /** Granules that may be others than at the last point before. */
  readonly pending: Set<number>;
}

/** Where a page differs from what it was at the point before. */
interface Difference {
  readonly versions: PageVersions;
  readonly index: number;
  readonly length: number;
  readonly source: Buffer | VersionedOverlay;
}

/** Bytes of a point that are no pages. */
interface Beside {
  readonly given: number;
  /** Maps of its overlays, beyond those of the point before. */
  maps: number;
}

/** Versions of a machine. Points are numbered by their steps. */
export class History {
  readonly #most: number;
  readonly #store = new PageStore();
  /** For each buffer of memory. */
  readonly #memory: PageVersions[] = [];
  /** By the place of the disk in its machine. */
  readonly #disks = new Map<string, DiskHistory>();
  readonly #points = new Map<number, Beside>();
  readonly #granule = Buffer.alloc(GRANULE);

  /** @param most - bytes that it may take */
  constructor(most: number) {
    this.#most = most;
  }

  /** Bytes that it takes. */
  get bytes(): number {
    let sum = this.#store.used * PAGE;
    for (const { given, maps } of this.#points.values()) sum += given + maps;
    return sum;
  }

  /** Points that it has, in order. */
  get points(): readonly number[] {
    return [...this.#points.keys()].toSorted((a, b) => a - b);
  }

  /**
   * Keeps what a machine is now, for which other points may have to go.
   *
   * @param beside - bytes that whoever asks keeps of the point
   * @returns whether there is room for it
   */
  take(point: number, image: MachineImage, beside: number): boolean {
    const contents = this.#note(image);
    let maps = 0;
    for (const [disk, now] of contents) maps += this.#mapBytes(disk, now, point);
    let differences = this.#differences(point, image);
    // What does not fit alone is not worth the others.
    if (this.#pagesAt(point, differences) * PAGE + maps + beside > this.#most) return false;
    while (this.bytes + differences.length * PAGE + maps + beside > this.#most) {
      const least = this.#leastMissed(point);
      if (least === undefined) return false;
      const last = this.#before(point);
      this.#drop(least, point);
      if (least === last) differences = this.#differences(point, image);
    }
    const next = this.#after(point);
    for (const { versions, index, length, source } of differences) {
      const [buffer, at] = this.#bytesOf(source, index);
      versions.put(index, point, this.#store.add(buffer, at, length), next);
    }
    for (const [disk, now] of contents) {
      disk.contents.set(point, now);
      disk.pending.clear();
    }
    this.#points.set(point, { given: beside, maps });
    this.#weigh(next);
    return true;
  }

  /** Makes memory what it was at a point. */
  loadMemory(point: number, buffers: readonly SharedArrayBuffer[]): void {
    for (const [i, buffer] of buffers.entries()) {
      const now = Buffer.from(buffer);
      const versions = this.#memory[i];
      invariant(versions !== undefined, 'memory is what it was when the point was kept');
      for (let at = 0; at < now.length; at += PAGE) {
        const length = Math.min(PAGE, now.length - at);
        const page = versions.at(at / PAGE, point);
        if (!this.#store.equals(page, now, at, length)) now.set(this.#store.bytes(page).subarray(0, length), at);
      }
    }
  }

  /** Makes new overlays what they were at a point. */
  loadDisks(point: number, overlays: MachineImage['overlays']): void {
    for (const { pending } of this.#disks.values()) pending.clear();
    for (const [place, overlay] of overlays) {
      const disk = this.#disks.get(place);
      const contents = disk?.contents.get(point);
      invariant(disk !== undefined && contents !== undefined, 'a disk that is there was kept with its point');
      overlay.restore(contents, disk.granules.pages(point));
    }
  }

  /** The run began anew: what was written to its disks is told from the start. */
  restarted(): void {
    for (const { pending } of this.#disks.values()) pending.clear();
  }

  /** Looks what was written to disks. */
  #note({ overlays }: MachineImage): [DiskHistory, OverlayContents][] {
    return [...overlays].map(([place, overlay]) => {
      let disk = this.#disks.get(place);
      if (disk === undefined) {
        disk = { granules: new PageVersions(this.#store), contents: new Map(), pending: new Set() };
        this.#disks.set(place, disk);
      }
      const { contents, written } = overlay.changes();
      for (const granule of written) disk.pending.add(granule);
      return [disk, contents];
    });
  }

  /** Counts a point's maps again: the point before it is another. */
  #weigh(point: number | undefined): void {
    if (point === undefined) return;
    const beside = this.#points.get(point)!;
    beside.maps = 0;
    for (const disk of this.#disks.values()) {
      const contents = disk.contents.get(point);
      if (contents !== undefined) beside.maps += this.#mapBytes(disk, contents, point);
    }
  }

  #mapBytes({ contents }: DiskHistory, { map }: OverlayContents, point: number): number {
    const before = this.points.findLast((each) => each < point && contents.has(each));
    return map.bytesBeyond(before === undefined ? undefined : contents.get(before)!.map);
  }

  #differences(point: number, { buffers, overlays }: MachineImage): Difference[] {
    const found: Difference[] = [];
    for (const [i, shared] of buffers.entries()) {
      const versions = (this.#memory[i] ??= new PageVersions(this.#store));
      const buffer = Buffer.from(shared);
      for (let at = 0; at < buffer.length; at += PAGE) {
        const length = Math.min(PAGE, buffer.length - at);
        if (this.#store.equals(versions.at(at / PAGE, point), buffer, at, length)) continue;
        found.push({ versions, index: at / PAGE, length, source: buffer });
      }
    }
    for (const [place, overlay] of overlays) {
      const { granules, pending } = this.#disks.get(place)!;
      for (const index of pending) {
        if (this.#store.equals(granules.at(index, point), this.#bytesOf(overlay, index)[0], 0, GRANULE)) continue;
        found.push({ versions: granules, index, length: GRANULE, source: overlay });
      }
    }
    return found;
  }

  /** Pages that a point has, most of which it shares with others. */
  #pagesAt(point: number, differences: readonly Difference[]): number {
    let count = differences.length;
    for (const { versions, index } of differences) if (versions.at(index, point) !== ZERO_PAGE) count--;
    for (const versions of this.#memory) count += versions.count(point);
    for (const { granules } of this.#disks.values()) count += granules.count(point);
    return count;
  }

  /** Where the bytes of a page are now, and from where on. */
  #bytesOf(source: Buffer | VersionedOverlay, index: number): [buffer: Buffer, at: number] {
    if (Buffer.isBuffer(source)) return [source, index * PAGE];
    source.readGranule(index, this.#granule);
    return [this.#granule, 0];
  }

  /** The point whose loss costs least: how far those beside it are from each other, by how far away it is. */
  #leastMissed(here: number): number | undefined {
    const { points } = this;
    const costs = points.map((point, i) => {
      const [before, after] = [points[i - 1] ?? 0, points[i + 1] ?? Math.max(here, point)];
      return (after - before) / Math.max(1, Math.abs(here - point));
    });
    return points[costs.indexOf(Math.min(...costs))];
  }

  #drop(point: number, here: number): void {
    const next = this.#after(point);
    this.#points.delete(point);
    for (const versions of this.#memory) versions.drop(point, next);
    for (const { granules, contents, pending } of this.#disks.values()) {
      contents.delete(point);
      const changed = granules.drop(point, next);
      // The run has come by there: what was written before is not what the point before it had.
      if (point < here) for (const granule of changed) pending.add(granule);
    }
    this.#weigh(next);
  }

  #before(point: number): number | undefined {
    return this.points.findLast((each) => each < point);
  }

  #after(point: number): number | undefined {
    return this.points.find((each) => each > point);
  }
}

/** What somebody needs who keeps an overlay as it was at several points of a run. */
import type { SectorMap } from './sector-map.ts';

/** Bytes that are kept and given back together. */
export const GRANULE = 4096;

/** Which sectors an overlay has. It stays what it is. */
export interface OverlayContents {
  /** Sectors of the disk then. */
  readonly sectorCount: number;
  /** Which of them the overlay has, and where. */
  readonly map: SectorMap;
}

/** What an overlay is now, and what was written to it. */
export interface OverlayChanges {
  /** What it holds now. */
  readonly contents: OverlayContents;
  /** Numbers of granules of {@link GRANULE} bytes, in no order. */
  readonly written: ReadonlySet<number>;
}

/** An overlay whose file answers at once, between two requests. */
export interface VersionedOverlay {
  /** What it holds now, and where that was written since the last call, or {@link restore}: everywhere at the first. */
  changes(): OverlayChanges;
  /** Reads what it has of its own in a granule; the rest of it has no meaning. @throws what was wrong with its file */
  readGranule(granule: number, into: Uint8Array): void;
  /**
   * Makes a new one what another was when `contents` was taken. `granules` holds all that this had of its own then, but for
   * what was all zeroes.
   */
  restore(contents: OverlayContents, granules: Iterable<readonly [granule: number, bytes: Uint8Array]>): void;
}

/** Cylinders, heads and sectors of a VHD, and when they rather than the size field say how large the disk is. */
import { type Footer, MOST_GEOMETRY } from './layout.ts';

/** A disk's geometry. */
export interface Geometry {
  cylinders: number;
  heads: number;
  sectorsPerTrack: number;
}

/**
 * The geometry that the specification's appendix computes for a number of sectors. It holds at most as many as asked
 * for, and never more than {@link MOST_GEOMETRY}.
 */
export function geometryFor(sectors: number): Geometry {
  const total = Math.min(sectors, MOST_GEOMETRY);
  if (total >= 65535 * 16 * 63) {
    return { cylinders: Math.floor(total / (16 * 255)), heads: 16, sectorsPerTrack: 255 };
  }
  let sectorsPerTrack = 17;
  let tracks = Math.floor(total / sectorsPerTrack);
  let heads = Math.max(4, Math.floor((tracks + 1023) / 1024));
  if (tracks >= heads * 1024 || heads > 16) {
    heads = 16;
    sectorsPerTrack = 31;
    tracks = Math.floor(total / sectorsPerTrack);
  }
  if (tracks >= heads * 1024) {
    heads = 16;
    sectorsPerTrack = 63;
    tracks = Math.floor(total / sectorsPerTrack);
  }
  return { cylinders: Math.floor(tracks / heads), heads, sectorsPerTrack };
}

/** Tools that size a disk by its geometry: Virtual PC, and QEMU unless it was told to force the size. */
const GEOMETRY_RULES = new Set(['vpc ', 'qemu']);

/** Sectors of the disk that a footer describes. */
export function sectorsOf(footer: Footer): number {
  const byGeometry = footer.cylinders * footer.heads * footer.sectorsPerTrack;
  const bySize = Number(footer.currentSize / 512n);
  const creator = String.fromCharCode(...footer.creator);
  // The largest geometry says only that the disk is at least that large.
  return GEOMETRY_RULES.has(creator) && byGeometry !== MOST_GEOMETRY ? byGeometry : bySize;
}

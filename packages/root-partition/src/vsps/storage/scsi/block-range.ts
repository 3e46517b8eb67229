/** The one check between an address that a guest chose and a disk. */

/** Whether a run of blocks leaves the disk. Written so that no sum can overflow. */
export function outside(sectorCount: number, sector: number, count: number): boolean {
  return sector >= sectorCount || sectorCount - sector < count;
}

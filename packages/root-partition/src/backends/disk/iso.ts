/** ISO 9660 images: recognised by their volume descriptors, read as a disc of 2048-byte sectors, never written. */
import type { ImageSource } from './image-source.ts';

export const ISO_SECTOR = 2048;
/** Volume descriptors begin behind the system area and end with a terminator. */
const FIRST_DESCRIPTOR = 16;
const MOST_DESCRIPTORS = 64;
const STANDARD = 'CD001';
/** UDF discs that carry no ISO 9660 descriptors begin their recognition area so. */
const EXTENDED = 'BEA01';
const Descriptor = { Primary: 1, Terminator: 255 } as const;

/** Whether an image begins with the volume descriptors of a disc. */
export function looksLikeIso(source: ImageSource): boolean {
  const name = descriptorName(source, FIRST_DESCRIPTOR);
  return name === STANDARD || name === EXTENDED;
}

/** Checks the volume descriptors. @returns the number of sectors. @throws UserError when the disc is damaged. */
export function openIso(source: ImageSource): number {
  if (!looksLikeIso(source)) throw source.damaged('it has no volume descriptor');
  const sectors = Math.floor(source.size / ISO_SECTOR);
  if (descriptorName(source, FIRST_DESCRIPTOR) === EXTENDED) return sectors;
  for (let index = 0; index < MOST_DESCRIPTORS; index++) {
    const at = FIRST_DESCRIPTOR + index;
    if (descriptorName(source, at) !== STANDARD) break;
    const type = source.read(at * ISO_SECTOR, 1)[0];
    if (type === Descriptor.Primary) return sectors;
    if (type === Descriptor.Terminator) break;
  }
  throw source.damaged('it has no primary volume descriptor');
}

function descriptorName(source: ImageSource, sector: number): string | undefined {
  const at = sector * ISO_SECTOR;
  return source.holds(at, ISO_SECTOR) ? String.fromCharCode(...source.read(at + 1, 5)) : undefined;
}

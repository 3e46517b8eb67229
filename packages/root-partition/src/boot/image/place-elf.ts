/** Puts the segments of an ELF image into memory. */
import type { BootMemory } from '../boot-memory.ts';
import type { ElfImage } from './elf.ts';

/** Places all segments. @throws UserError when one does not fit RAM, or lies on something else */
export function placeElf(memory: BootMemory, image: ElfImage): void {
  for (const segment of image.segments) memory.place('the kernel', segment.address, segment.data, segment.size);
}

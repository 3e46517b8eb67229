/** The initial RAM disk: as high in RAM as the kernel can reach, on a page of its own, clear of everything else. */
import { UserError } from '@ringlet/wire';
import type { BootMemory } from './boot-memory.ts';
import type { MemoryRange } from './memory-map.ts';

/** Without a header that says otherwise: below 4 GiB. */
export const HIGHEST_RAMDISK = 0xffff_ffff;

/**
 * Places an initial RAM disk; the kernel must be placed already.
 *
 * @param highest - last address it may occupy
 * @returns where it lies, `undefined` when there is none
 * @throws UserError `memory-too-small` when there is no room
 */
export function placeRamdisk(
  memory: BootMemory,
  data: Uint8Array | undefined,
  highest: number,
): MemoryRange | undefined {
  if (data === undefined || data.length === 0) return undefined;
  const start = memory.highest(data.length, highest + 1);
  if (start < 0) {
    const size = Math.ceil(data.length / 2 ** 20);
    throw new UserError(
      'memory-too-small',
      `there is no room for an initial RAM disk of ${size} MiB beside the kernel`,
      {
        hint: 'Give the machine more memory.',
      },
    );
  }
  memory.place('the initial RAM disk', start, data);
  return { start, bytes: data.length };
}

/**
 * Loads Linux by its 64-bit boot protocol (Documentation/arch/x86/boot.rst).
 *
 * Two ways in: `direct` puts the uncompressed kernel where it was linked and starts it, which spares a slow processor
 * the decompression; `decompressor` loads the bzImage as a boot loader does, and the kernel unpacks and places itself.
 */
import type { BootMemory } from '../boot-memory.ts';
import { placeCommandLine } from '../command-line.ts';
import { decompressPayload } from '../compression/payload.ts';
import { giveBack } from '../give-back.ts';
import { damaged } from '../damaged.ts';
import { longEntry, type EntryState } from '../entry-state.ts';
import { placeFirmware } from '../firmware.ts';
import { placeDescriptorTable, placeIdentityMap } from '../first-tables.ts';
import { ENTRY_64, type BzImage } from '../image/bzimage.ts';
import { parseElf, type ElfImage } from '../image/elf.ts';
import { placeElf } from '../image/place-elf.ts';
import { HIGHEST_RAMDISK, placeRamdisk } from '../initrd.ts';
import type { KernelDescription } from '../kernel-description.ts';
import { guestMemoryMap, LISTS, PARAMETERS, STACK_TOP } from '../memory-map.ts';
import { makeBootParameters } from './boot-parameters.ts';
import { makeRandomSeed } from './setup-data.ts';

/** What kernels without a header of their own take at most (COMMAND_LINE_SIZE of x86, less the NUL). */
const DEFAULT_COMMAND_LINE_SIZE = 2047;
const STACK_BYTES = 0x1000;

/** Loads a bzImage, by its own decompressor or by ours. @returns how to start it */
export function loadBzImage(memory: BootMemory, image: BzImage, description: KernelDescription): EntryState {
  if (description.entry !== 'decompressor') {
    const { data } = decompressPayload(image.payload);
    const elf = parseElf(data);
    if (elf.width !== 64) throw damaged('bzImage', 'its payload is not a 64-bit kernel');
    placeElf(memory, elf);
    giveBack(data);
    return start(memory, elf.entry, image, description);
  }
  const load = image.preferredAddress;
  memory.place('the kernel', load, image.protectedModeCode, image.initSize);
  return start(memory, load + ENTRY_64, image, description);
}

/** Loads an uncompressed kernel (vmlinux). @returns how to start it */
export function loadVmlinux(memory: BootMemory, image: ElfImage, description: KernelDescription): EntryState {
  placeElf(memory, image);
  return start(memory, image.entry, undefined, description);
}

/** Places everything beside the kernel itself. */
function start(
  memory: BootMemory,
  rip: number,
  image: BzImage | undefined,
  description: KernelDescription,
): EntryState {
  const firmware = placeFirmware(memory, description.apicIds, description.platform);
  const commandLine = placeCommandLine(
    memory,
    description.commandLine,
    image?.commandLineSize ?? DEFAULT_COMMAND_LINE_SIZE,
  );
  const ramdisk = placeRamdisk(memory, description.ramdisk, image?.ramdiskMaximum ?? HIGHEST_RAMDISK);
  const seed = description.randomSeed;
  if (seed !== undefined) memory.place('the random seed', LISTS.start, makeRandomSeed(seed));
  const parameters = makeBootParameters({
    header: image?.header,
    rsdp: firmware.rsdp,
    efi: firmware.efi,
    memory: guestMemoryMap(memory.map),
    commandLine,
    ramdisk,
    setupData: seed === undefined ? 0 : LISTS.start,
  });
  memory.place('boot_params', PARAMETERS, parameters);
  const descriptorTable = placeDescriptorTable(memory, 64);
  const pageTables = placeIdentityMap(memory);
  memory.reserve('the first stack', STACK_TOP - STACK_BYTES, STACK_BYTES);
  return longEntry({ rip, rsi: PARAMETERS, rsp: STACK_TOP, pageTables, descriptorTable });
}

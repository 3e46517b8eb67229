/**
 * Loads a kernel by PVH: 32-bit protected mode, with a `start_info` page in EBX.
 *
 * Follows Xen's public/arch-x86/hvm/start_info.h. A kernel names its entry in an ELF note. Linux entered this way makes
 * its own boot parameters and so never sees an EFI signature: it takes the machine for one of generation 1.
 */
import { struct, u32, u64, reserved } from '@ringlet/wire';
import type { BootMemory } from '../boot-memory.ts';
import { placeCommandLine } from '../command-line.ts';
import { protectedEntry, type EntryState } from '../entry-state.ts';
import { placeFirmware } from '../firmware.ts';
import { placeDescriptorTable } from '../first-tables.ts';
import type { ElfImage } from '../image/elf.ts';
import { placeElf } from '../image/place-elf.ts';
import { HIGHEST_RAMDISK, placeRamdisk } from '../initrd.ts';
import type { KernelDescription } from '../kernel-description.ts';
import { COMMAND_LINE, guestMemoryMap, LISTS, PARAMETERS, type MemoryMapEntry } from '../memory-map.ts';

const StartInfo = struct('hvm_start_info', 56, {
  magic: u32,
  version: u32,
  flags: u32,
  moduleCount: u32,
  modules: u64,
  commandLine: u64,
  rsdp: u64,
  memoryMap: u64,
  memoryMapCount: u32,
  _reserved: reserved(4),
});
const Module = struct('hvm_modlist_entry', 32, { start: u64, bytes: u64, commandLine: u64, _reserved: reserved(8) });
const MemoryEntry = struct('hvm_memmap_table_entry', 24, { start: u64, bytes: u64, type: u32, _reserved: reserved(4) });

const MAGIC = 0x336e_c578;
/** The first version with a memory map. */
const VERSION = 1;
const OWNER = 'Xen';
const NOTE_ENTRY = 18;

/** The 32-bit entry that a kernel's note gives, `undefined` without that note. */
export function pvhEntry(image: ElfImage): number | undefined {
  const note = image.notes.find(({ owner, type, data }) => owner === OWNER && type === NOTE_ENTRY && data.length >= 4);
  // Eight bytes in some kernels: the upper four would lie beyond what 32-bit code reaches.
  return note === undefined ? undefined : new DataView(note.data.buffer, note.data.byteOffset).getUint32(0, true);
}

/** Loads a kernel that has the note. @param entry - from {@link pvhEntry} */
export function loadPvh(
  memory: BootMemory,
  image: ElfImage,
  entry: number,
  description: KernelDescription,
): EntryState {
  placeElf(memory, image);
  const { rsdp } = placeFirmware(memory, description.apicIds, description.platform);
  const commandLine = placeCommandLine(memory, description.commandLine, COMMAND_LINE.bytes - 1);
  const ramdisk = placeRamdisk(memory, description.ramdisk, HIGHEST_RAMDISK);

  const modules = ramdisk === undefined ? [] : [ramdisk];
  const map = guestMemoryMap(memory.map);
  const moduleBytes = modules.map(({ start, bytes }) =>
    Module.encode({ start: BigInt(start), bytes: BigInt(bytes), commandLine: 0n }),
  );
  memory.place('the module list', LISTS.start, Buffer.concat([...moduleBytes, ...map.map(memoryEntry)]));
  const startInfo = StartInfo.encode({
    magic: MAGIC,
    version: VERSION,
    flags: 0,
    moduleCount: modules.length,
    modules: modules.length === 0 ? 0n : BigInt(LISTS.start),
    commandLine: BigInt(commandLine),
    rsdp: BigInt(rsdp),
    memoryMap: BigInt(LISTS.start + modules.length * Module.size),
    memoryMapCount: map.length,
  });
  memory.place('start_info', PARAMETERS, startInfo);
  const descriptorTable = placeDescriptorTable(memory, 32);
  return protectedEntry({ rip: entry, registers: { rbx: PARAMETERS }, descriptorTable });
}

function memoryEntry(entry: MemoryMapEntry): Uint8Array {
  return MemoryEntry.encode({ start: BigInt(entry.start), bytes: BigInt(entry.bytes), type: entry.type });
}

/**
 * Loads a Multiboot kernel, as small operating systems and processor tests are.
 *
 * Follows the Multiboot Specification 0.6.96. The header stands in the first 8 KiB, aligned to four bytes. ELF kernels
 * are loaded by their segments, others by the addresses in the header.
 */
import { struct, u32, u64, reserved, UserError } from '@ringlet/wire';
import type { BootMemory } from '../boot-memory.ts';
import { placeCommandLine } from '../command-line.ts';
import { damaged } from '../damaged.ts';
import { protectedEntry, type EntryState } from '../entry-state.ts';
import { placeFirmware } from '../firmware.ts';
import { placeDescriptorTable } from '../first-tables.ts';
import { isElf, parseElf } from '../image/elf.ts';
import { placeElf } from '../image/place-elf.ts';
import { HIGHEST_RAMDISK, placeRamdisk } from '../initrd.ts';
import type { KernelDescription } from '../kernel-description.ts';
import {
  COMMAND_LINE,
  guestMemoryMap,
  HIGH_RAM_START,
  LISTS,
  PARAMETERS,
  LOW_RAM_END,
  type MemoryMapEntry,
} from '../memory-map.ts';

const SEARCHED = 8192;
const HEADER_MAGIC = 0x1bad_b002;
/** What EAX holds at the entry. */
const LOADED_MAGIC = 0x2bad_b002;

/** Features that a header asks for in bits that must be understood. */
const Wanted = { PageAligned: 1 << 0, Memory: 1 << 1, Video: 1 << 2, All: 0xffff, Addresses: 1 << 16 } as const;
/** What the information page holds. */
const Given = { Memory: 1 << 0, CommandLine: 1 << 2, Modules: 1 << 3, MemoryMap: 1 << 6, LoaderName: 1 << 9 } as const;

const Information = struct('multiboot_info', 68, {
  flags: u32,
  lowerKilobytes: u32,
  upperKilobytes: u32,
  _bootDevice: reserved(4),
  commandLine: u32,
  moduleCount: u32,
  modules: u32,
  _symbols: reserved(16),
  memoryMapBytes: u32,
  memoryMap: u32,
  _drivesAndTables: reserved(12),
  loaderName: u32,
});
const Module = struct('multiboot_mod_list', 16, { start: u32, end: u32, text: u32, _pad: reserved(4) });
/** `size` does not count itself. */
const MemoryEntry = struct('multiboot_mmap_entry', 24, { size: u32, start: u64, bytes: u64, type: u32 });
const LOADER_NAME = 'Ringlet\0';

/** A kernel's header, and where in the file it stands. */
export interface MultibootHeader {
  readonly at: number;
  readonly flags: number;
}

/** Finds the header. @returns `undefined` when there is none */
export function findMultibootHeader(data: Uint8Array): MultibootHeader | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let at = 0; at + 12 <= Math.min(data.length, SEARCHED); at += 4) {
    if (view.getUint32(at, true) !== HEADER_MAGIC) continue;
    const flags = view.getUint32(at + 4, true);
    if (((HEADER_MAGIC + flags + view.getUint32(at + 8, true)) & 0xffff_ffff) === 0) return { at, flags };
  }
  return undefined;
}

/** Loads a kernel with such a header. */
export function loadMultiboot(
  memory: BootMemory,
  data: Uint8Array,
  header: MultibootHeader,
  description: KernelDescription,
): EntryState {
  const unknown = header.flags & Wanted.All & ~(Wanted.PageAligned | Wanted.Memory);
  if (unknown !== 0) {
    throw new UserError('kernel-unsupported', `this Multiboot kernel asks for feature 0x${unknown.toString(16)}`, {
      hint:
        (unknown & Wanted.Video) !== 0
          ? 'Build it without a video mode: there is no display before the VMBus.'
          : 'Build it for Multiboot 1 without features beyond alignment and memory.',
    });
  }
  const entry =
    (header.flags & Wanted.Addresses) !== 0 ? placeByHeader(memory, data, header) : placeExecutable(memory, data);
  placeFirmware(memory, description.apicIds, description.platform);
  const commandLine = placeCommandLine(memory, description.commandLine, COMMAND_LINE.bytes - 1);
  const ramdisk = placeRamdisk(memory, description.ramdisk, HIGHEST_RAMDISK);

  const map = guestMemoryMap(memory.map);
  const modules =
    ramdisk === undefined
      ? []
      : [Module.encode({ start: ramdisk.start, end: ramdisk.start + ramdisk.bytes, text: commandLine })];
  const entries = map.map(memoryEntry);
  const name = new TextEncoder().encode(LOADER_NAME);
  const modulesBytes = modules.length * Module.size;
  const mapBytes = entries.length * MemoryEntry.size;
  memory.place('the Multiboot lists', LISTS.start, Buffer.concat([...modules, ...entries, name]));

  const upper = memory.map.ram.find(({ start }) => start === HIGH_RAM_START)!;
  const information = Information.encode({
    flags: Given.Memory | Given.CommandLine | Given.Modules | Given.MemoryMap | Given.LoaderName,
    lowerKilobytes: LOW_RAM_END / 1024,
    upperKilobytes: upper.bytes / 1024,
    commandLine,
    moduleCount: modules.length,
    modules: LISTS.start,
    memoryMapBytes: mapBytes,
    memoryMap: LISTS.start + modulesBytes,
    loaderName: LISTS.start + modulesBytes + mapBytes,
  });
  memory.place('the Multiboot information', PARAMETERS, information);
  const descriptorTable = placeDescriptorTable(memory, 32);
  return protectedEntry({ rip: entry, registers: { rax: LOADED_MAGIC, rbx: PARAMETERS }, descriptorTable });
}

/** Places an ELF kernel. @returns its entry */
function placeExecutable(memory: BootMemory, data: Uint8Array): number {
  if (!isElf(data)) throw damaged('Multiboot', 'it is no ELF file, and its header gives no addresses');
  const image = parseElf(data);
  placeElf(memory, image);
  return image.entry;
}

/** Places a kernel by the five addresses in its header. @returns its entry */
function placeByHeader(memory: BootMemory, data: Uint8Array, header: MultibootHeader): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (header.at + 32 > data.length) throw damaged('Multiboot', 'its header is cut short');
  const field = (i: number): number => view.getUint32(header.at + 12 + 4 * i, true);
  const [headerAddress, load, loadEnd, bssEnd, entry] = [field(0), field(1), field(2), field(3), field(4)];
  const from = header.at - (headerAddress - load);
  // No end means: to the end of the file. No end of zeroed memory means: none.
  const end = loadEnd === 0 ? load + data.length - from : loadEnd;
  const memoryEnd = Math.max(bssEnd, end);
  if (from < 0 || load > headerAddress || end <= load || from + end - load > data.length) {
    throw damaged('Multiboot', 'its header gives addresses outside the file');
  }
  if (entry < load || entry >= memoryEnd) throw damaged('Multiboot', 'its entry lies outside what is loaded');
  memory.place('the kernel', load, data.subarray(from, from + end - load), memoryEnd - load);
  return entry;
}

function memoryEntry(entry: MemoryMapEntry): Uint8Array {
  return MemoryEntry.encode({
    size: MemoryEntry.size - 4,
    start: BigInt(entry.start),
    bytes: BigInt(entry.bytes),
    type: entry.type,
  });
}

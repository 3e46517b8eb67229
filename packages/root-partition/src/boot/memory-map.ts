/**
 * Where things lie in a machine's guest-physical memory: RAM, windows for devices, and what the loader writes.
 *
 *     0000_0000  RAM    real-mode vectors and BIOS words: zero
 *     0000_8000         descriptor table, page tables, stack for the first instructions
 *     0001_0000         boot_params, start_info or Multiboot information
 *     0001_1000         setup_data, module list, memory map
 *     0002_0000         command line
 *     0003_0000         free: the guest starts its other processors from here
 *     0008_0000  ACPI   ACPI and EFI tables
 *     000a_0000         nothing
 *     0010_0000  RAM    kernel at its own address, initial RAM disk as high as it may be
 *     f800_0000         window of the VMBus, low
 *     fec0_0000         I/O APIC and local APIC, where a PC has them
 *   1_0000_0000  RAM    what did not fit below
 *                room   for memory that is added while the machine runs
 *                       window of the VMBus, high
 *
 * A PC reserves the same places, so guests expect them. RAM below 1 MiB is what real-mode code needs to start a
 * processor; without it Linux panics even with one.
 */
import { UserError } from '@ringlet/wire';

/** A run of guest-physical addresses. */
export interface MemoryRange {
  /** Guest-physical address of the first byte. */
  readonly start: number;
  /** Its length. */
  readonly bytes: number;
}

/** What lies where in a machine. */
export interface MemoryMap {
  /** What must be backed by memory, in address order; page-aligned. */
  readonly ram: readonly MemoryRange[];
  /** Where memory can be added while the machine runs: whole units of `ROOM_UNIT`, or nothing. */
  readonly room: MemoryRange;
  /** Address space for VMBus devices below 4 GiB; never covered by RAM. */
  readonly lowWindow: MemoryRange;
  /** The same above all RAM. */
  readonly highWindow: MemoryRange;
}

/** An entry of the memory map that a guest is given. */
export interface MemoryMapEntry extends MemoryRange {
  readonly type: number;
}

/** Entry types of the ACPI specification, section 15 (INT 15h, E820h). */
export const MemoryType = { Ram: 1, Reserved: 2, AcpiTables: 3 } as const;

/** One page. */
export const PAGE = 0x1000;
/** Descriptor table of the first processor. */
export const DESCRIPTOR_TABLE = 0x8000;
/** Page tables of the first processor: six pages. */
export const PAGE_TABLES = 0x9000;
/** End of the first processor's stack. */
export const STACK_TOP = 0x10000;
/** What the kernel's boot protocol calls its parameters: one page. */
export const PARAMETERS = 0x10000;
/** Lists that the parameters refer to, up to the command line. */
export const LISTS: MemoryRange = { start: 0x11000, bytes: 0xf000 };
/** The command line, with its NUL. */
export const COMMAND_LINE: MemoryRange = { start: 0x20000, bytes: 0x10000 };
/** ACPI and EFI tables. */
export const FIRMWARE_TABLES: MemoryRange = { start: 0x80000, bytes: 0x20000 };
/** Where RAM ends below 1 MiB, and where it goes on. */
export const LOW_RAM_END = 0xa0000;
export const HIGH_RAM_START = 0x10_0000;

/** Linux adds memory in sections of this size. */
const ROOM_UNIT = 128 * 2 ** 20;

const FOUR_GIB = 2 ** 32;
const LOW_WINDOW: MemoryRange = { start: 0xf800_0000, bytes: 0x06c0_0000 };
const HIGH_WINDOW_BYTES = FOUR_GIB;
const SMALLEST = 4 * 2 ** 20;
/** 2^40 addresses are what a processor with 40 physical address bits reaches; the high window has to fit too. */
const LARGEST = 2 ** 39;

/**
 * Lays out a machine's memory.
 *
 * @param memoryBytes - RAM, with the 384 KiB below 1 MiB that a PC does not show counted in
 * @param roomBytes - what may be added later; the room is larger where it is no whole number of units
 * @throws UserError `memory-size` when it is not a number of pages, or too little or too much
 */
export function layOutMemory(memoryBytes: number, roomBytes = 0): MemoryMap {
  if (!Number.isInteger(memoryBytes / PAGE) || memoryBytes < SMALLEST || memoryBytes > LARGEST) {
    throw new UserError('memory-size', `a machine cannot have ${memoryBytes} bytes of memory`, {
      hint: 'Give a multiple of 4 KiB from 4 MiB up, such as 512M.',
    });
  }
  const ram = [
    { start: 0, bytes: LOW_RAM_END },
    { start: HIGH_RAM_START, bytes: Math.min(memoryBytes, LOW_WINDOW.start) - HIGH_RAM_START },
  ];
  const above = memoryBytes - LOW_WINDOW.start;
  if (above > 0) ram.push({ start: FOUR_GIB, bytes: above });
  const room = {
    start: Math.ceil((FOUR_GIB + Math.max(above, 0)) / ROOM_UNIT) * ROOM_UNIT,
    bytes: Math.ceil(roomBytes / ROOM_UNIT) * ROOM_UNIT,
  };
  const top = room.start + room.bytes;
  const highWindow = { start: Math.ceil(top / FOUR_GIB) * FOUR_GIB, bytes: HIGH_WINDOW_BYTES };
  return { ram, room, lowWindow: LOW_WINDOW, highWindow };
}

/** The memory map as a guest is told: RAM, less what the tables occupy. The windows stay out, or drivers could not claim them. */
export function guestMemoryMap(map: MemoryMap): MemoryMapEntry[] {
  const entries = map.ram.map((range) => ({ ...range, type: MemoryType.Ram as number }));
  const tables = { ...FIRMWARE_TABLES, type: MemoryType.AcpiTables };
  return [{ ...entries[0]!, bytes: FIRMWARE_TABLES.start }, tables, ...entries.slice(1)];
}

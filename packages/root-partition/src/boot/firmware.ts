/** Firmware tables of a machine: what a BIOS would have left in memory. Placed for every kernel that reads any. */
import { invariant } from '@ringlet/wire';
import { makeAcpiTables } from './acpi/acpi.ts';
import type { PlatformDescription } from './acpi/platform-description.ts';
import type { BootMemory } from './boot-memory.ts';
import { FIRMWARE_TABLES, guestMemoryMap } from './memory-map.ts';
import { makeEfiTables, type EfiTables } from './linux/efi-tables.ts';

/** Where the tables lie. */
export interface Firmware {
  /** Address of the ACPI RSDP. */
  readonly rsdp: number;
  readonly efi: EfiTables;
}

/** Most processors that fit the tables' place: each takes 16 bytes at most. */
export const MOST_PROCESSORS = 4096;

/** Places ACPI and EFI tables. @param apicIds - ids of all processors, the one that boots first */
export function placeFirmware(memory: BootMemory, apicIds: readonly number[], platform: PlatformDescription): Firmware {
  const acpi = makeAcpiTables(FIRMWARE_TABLES.start, memory.map, apicIds, platform);
  const efiStart = FIRMWARE_TABLES.start + Math.ceil(acpi.data.length / 64) * 64;
  const efi = makeEfiTables(efiStart, acpi.rsdp, guestMemoryMap(memory.map));
  const end = efiStart + efi.data.length;
  invariant(end <= FIRMWARE_TABLES.start + FIRMWARE_TABLES.bytes, 'the firmware tables fit their place');
  memory.reserve('the firmware tables', FIRMWARE_TABLES.start, FIRMWARE_TABLES.bytes);
  memory.write(acpi.rsdp, acpi.data);
  memory.write(efiStart, efi.data);
  return { rsdp: acpi.rsdp, efi };
}

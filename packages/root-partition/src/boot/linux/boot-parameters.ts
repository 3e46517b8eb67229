/**
 * `boot_params`: the page that tells Linux what the loader knows.
 *
 * Follows Documentation/arch/x86/{boot,zero-page}.rst. All is zero but what is named here; `screen_info` stays zero, so
 * Linux looks for no display before the one on the VMBus.
 *
 *     070  address of the ACPI RSDP        0c0  upper halves of addresses      1c0  EFI tables
 *     1e8  entries of the memory map       1ec  secure boot                    1ef  sentinel
 *     1f1  setup header                    2d0  memory map
 */
import { invariant, struct, u32, u64 } from '@ringlet/wire';
import { BOOT_FLAG, HEADER_MAGIC, SetupHeader } from '../image/bzimage.ts';
import type { MemoryMapEntry, MemoryRange } from '../memory-map.ts';
import type { EfiTables } from './efi-tables.ts';

/** Bytes of the page. */
const BOOT_PARAMETERS_SIZE = 4096;

const ACPI_RSDP = 0x070;
const UPPER_RAMDISK_IMAGE = 0x0c0;
const UPPER_RAMDISK_SIZE = 0x0c4;
const EFI_INFO = 0x1c0;
const MEMORY_MAP_COUNT = 0x1e8;
const SECURE_BOOT = 0x1ec;
const MEMORY_MAP = 0x2d0;
const MOST_MEMORY_MAP_ENTRIES = 128;

const SECURE_BOOT_DISABLED = 2;
/** A loader without a number of its own. */
const LOADER_UNKNOWN = 0xff;
const NORMAL_VIDEO_MODE = 0xffff;
const EL64 = 0x3436_4c45;
/** What a header says that comes from no bzImage. */
const PLAIN_VERSION = 0x020f;
const PLAIN_ALIGNMENT = 0x20_0000;
const LOADED_HIGH = 0x01;

const EfiInfo = struct('efi_info', 32, {
  signature: u32,
  systemTable: u32,
  descriptorBytes: u32,
  descriptorVersion: u32,
  memoryMap: u32,
  memoryMapBytes: u32,
  upperSystemTable: u32,
  upperMemoryMap: u32,
});

const MemoryEntry = struct('boot_e820_entry', 20, { start: u64, bytes: u64, type: u32 });

/** What the page is made of. */
export interface BootParameters {
  /** The setup header of a bzImage; without one, a header for a plain ELF kernel is made. */
  readonly header: Uint8Array | undefined;
  readonly rsdp: number;
  readonly efi: EfiTables;
  readonly memory: readonly MemoryMapEntry[];
  readonly commandLine: number;
  readonly ramdisk: MemoryRange | undefined;
  /** Address of the first record of `setup_data`, 0 for none. */
  readonly setupData: number;
}

/** Makes the page. */
export function makeBootParameters(parameters: BootParameters): Uint8Array {
  const { header, efi, memory, ramdisk } = parameters;
  invariant(memory.length <= MOST_MEMORY_MAP_ENTRIES, 'the memory map fits the page');
  const page = new Uint8Array(BOOT_PARAMETERS_SIZE);
  const view = new DataView(page.buffer);
  if (header === undefined) writePlainHeader(view);
  else page.set(header, SetupHeader.start);

  view.setUint16(SetupHeader.videoMode, NORMAL_VIDEO_MODE, true);
  view.setUint8(SetupHeader.loaderType, LOADER_UNKNOWN);
  view.setUint32(SetupHeader.commandLine, parameters.commandLine, true);
  view.setBigUint64(SetupHeader.setupData, BigInt(parameters.setupData), true);
  if (ramdisk !== undefined) {
    const [start, bytes] = [BigInt(ramdisk.start), BigInt(ramdisk.bytes)];
    view.setUint32(SetupHeader.ramdiskImage, Number(start & 0xffff_ffffn), true);
    view.setUint32(SetupHeader.ramdiskSize, Number(bytes & 0xffff_ffffn), true);
    view.setUint32(UPPER_RAMDISK_IMAGE, Number(start >> 32n), true);
    view.setUint32(UPPER_RAMDISK_SIZE, Number(bytes >> 32n), true);
  }
  view.setBigUint64(ACPI_RSDP, BigInt(parameters.rsdp), true);
  EfiInfo.write(view, EFI_INFO, {
    signature: EL64,
    systemTable: efi.systemTable,
    descriptorBytes: efi.descriptorBytes,
    descriptorVersion: efi.descriptorVersion,
    memoryMap: efi.memoryMap,
    memoryMapBytes: efi.memoryMapBytes,
    upperSystemTable: 0,
    upperMemoryMap: 0,
  });
  view.setUint8(SECURE_BOOT, SECURE_BOOT_DISABLED);
  view.setUint8(MEMORY_MAP_COUNT, memory.length);
  memory.forEach((entry, i) =>
    MemoryEntry.write(view, MEMORY_MAP + i * MemoryEntry.size, {
      start: BigInt(entry.start),
      bytes: BigInt(entry.bytes),
      type: entry.type,
    }),
  );
  return page;
}

/** The least that a kernel expects of a header. */
function writePlainHeader(view: DataView): void {
  view.setUint16(SetupHeader.bootFlag, BOOT_FLAG, true);
  view.setUint32(SetupHeader.magic, HEADER_MAGIC, true);
  view.setUint16(SetupHeader.version, PLAIN_VERSION, true);
  view.setUint8(SetupHeader.loadFlags, LOADED_HIGH);
  view.setUint32(SetupHeader.alignment, PLAIN_ALIGNMENT, true);
}

/**
 * EFI tables without firmware: a system table that leads to ACPI, and a memory map.
 *
 * Linux takes a machine for one of generation 2 when its boot parameters carry an EFI signature, and only then do its
 * Hyper-V drivers work without PCI. It reads these tables; with `efi=noruntime` on the command line it calls nothing.
 * Layouts follow the UEFI specification 2.9, sections 4.3 (system table), 4.6 (configuration table) and 7.2 (memory
 * descriptors).
 */
import { crc32 } from 'node:zlib';
import { guid, reserved, struct, u32, u64, utf16 } from '@ringlet/wire';
import { MemoryType, PAGE, type MemoryMapEntry } from '../memory-map.ts';

const SystemTable = struct('EFI_SYSTEM_TABLE', 120, {
  signature: u64,
  revision: u32,
  headerSize: u32,
  crc32: u32,
  _reserved: reserved(4),
  vendor: u64,
  firmwareRevision: u32,
  _consolesAndServices: reserved(68),
  tableCount: u64,
  tables: u64,
});

const ConfigurationTable = struct('EFI_CONFIGURATION_TABLE', 24, { id: guid, table: u64 });
const Vendor = utf16(16);

/** One run of pages in the memory map. */
const MemoryDescriptor = struct('EFI_MEMORY_DESCRIPTOR', 48, {
  type: u32,
  _pad: reserved(4),
  start: u64,
  virtualStart: u64,
  pages: u64,
  attributes: u64,
  _stride: reserved(8),
});

/** Version of the descriptors' layout. */
const DESCRIPTOR_VERSION = 1;
const SYSTEM_TABLE_SIGNATURE = 0x5453_5953_2049_4249n;
const REVISION_2_90 = (2 << 16) | 90;
const ACPI_20_TABLE = '8868e871-e4f1-11d3-bc22-0080c73c8881';
const WRITE_BACK = 0x8n;

/** EFI's types for the entries of the guest's memory map. */
const EFI_MEMORY_TYPE: Readonly<Record<number, number>> = {
  [MemoryType.Ram]: 7,
  [MemoryType.Reserved]: 0,
  [MemoryType.AcpiTables]: 9,
};

/** The tables, to be put where they were made for. */
export interface EfiTables {
  readonly systemTable: number;
  readonly memoryMap: number;
  readonly memoryMapBytes: number;
  readonly descriptorBytes: number;
  readonly descriptorVersion: number;
  readonly data: Uint8Array;
}

/**
 * Makes the tables: system table, configuration table, vendor, memory map, in this order.
 *
 * @param start - address they will lie at, a multiple of 8
 * @param rsdp - address of the ACPI tables' start
 */
export function makeEfiTables(start: number, rsdp: number, memory: readonly MemoryMapEntry[]): EfiTables {
  const tablesAt = SystemTable.size;
  const vendorAt = tablesAt + ConfigurationTable.size;
  const mapAt = vendorAt + Vendor.size;
  const memoryMapBytes = memory.length * MemoryDescriptor.size;
  const data = new Uint8Array(mapAt + memoryMapBytes);
  const view = new DataView(data.buffer);

  SystemTable.write(view, 0, {
    signature: SYSTEM_TABLE_SIGNATURE,
    revision: REVISION_2_90,
    headerSize: SystemTable.size,
    crc32: 0,
    vendor: BigInt(start + vendorAt),
    firmwareRevision: 1,
    tableCount: 1n,
    tables: BigInt(start + tablesAt),
  });
  view.setUint32(SystemTable.at.crc32, crc32(data.subarray(0, SystemTable.size)), true);
  ConfigurationTable.write(view, tablesAt, { id: ACPI_20_TABLE, table: BigInt(rsdp) });
  Vendor.write(view, vendorAt, 'Ringlet');
  memory.forEach((entry, i) =>
    MemoryDescriptor.write(view, mapAt + i * MemoryDescriptor.size, {
      type: EFI_MEMORY_TYPE[entry.type] ?? 0,
      start: BigInt(entry.start),
      virtualStart: 0n,
      pages: BigInt(entry.bytes / PAGE),
      attributes: WRITE_BACK,
    }),
  );
  return {
    systemTable: start,
    memoryMap: start + mapAt,
    memoryMapBytes,
    descriptorBytes: MemoryDescriptor.size,
    descriptorVersion: DESCRIPTOR_VERSION,
    data,
  };
}

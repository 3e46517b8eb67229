/**
 * The tables that the first processor starts with: flat segments, and page tables that map the low 4 GiB to themselves.
 *
 *     8000  null, null, code, data, task          5 descriptors of 8 bytes
 *     9000  PML4: one entry
 *     a000  page-directory-pointer table: four entries
 *     b000  four page directories: 2048 pages of 2 MiB
 */
import type { BootMemory } from './boot-memory.ts';
import { FlatSegment, flatDescriptor, TASK_DESCRIPTOR } from './entry-state.ts';
import { DESCRIPTOR_TABLE, PAGE, PAGE_TABLES } from './memory-map.ts';

const PRESENT_WRITABLE = 0x3n;
const LARGE = 0x80n;
const ACCESSED_DIRTY = 0x60n;
const LARGE_PAGE = 0x20_0000n;
const ENTRIES = 512;
const DIRECTORIES = 4;

/** Places a descriptor table with flat code of the given width. @returns its address */
export function placeDescriptorTable(memory: BootMemory, width: 32 | 64): number {
  const table = new BigUint64Array(5);
  table[2] = flatDescriptor(width === 64 ? FlatSegment.Code64 : FlatSegment.Code32);
  table[3] = flatDescriptor(FlatSegment.Data);
  table[4] = TASK_DESCRIPTOR;
  memory.place('the descriptor table', DESCRIPTOR_TABLE, new Uint8Array(table.buffer));
  return DESCRIPTOR_TABLE;
}

/** Places page tables that map the first 4 GiB to themselves. @returns the value for CR3 */
export function placeIdentityMap(memory: BootMemory): number {
  const tables = new BigUint64Array((2 + DIRECTORIES) * ENTRIES);
  const page = (index: number): bigint => BigInt(PAGE_TABLES + index * PAGE);
  tables[0] = page(1) | PRESENT_WRITABLE;
  for (let i = 0; i < DIRECTORIES; i++) tables[ENTRIES + i] = page(2 + i) | PRESENT_WRITABLE;
  for (let i = 0; i < DIRECTORIES * ENTRIES; i++) {
    tables[2 * ENTRIES + i] = (BigInt(i) * LARGE_PAGE) | LARGE | ACCESSED_DIRTY | PRESENT_WRITABLE;
  }
  memory.place('the first page tables', PAGE_TABLES, new Uint8Array(tables.buffer));
  return PAGE_TABLES;
}

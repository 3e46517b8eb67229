/**
 * Second-level address translation: guest page number → system page number, with access rights.
 *
 * One u32 per guest page, in system pages of the same node that no partition maps, so that every thread and the
 * processor's own code read the same table:
 *
 *     31           12 11            3  2 1 0
 *    ┌───────────────┬───────────────┬─────┐
 *    │ system page   │ reserved (0)  │X W R│      0 = unmapped
 *    └───────────────┴───────────────┴─────┘
 */
import { PAGE_SIZE, type MemoryNode } from './node.ts';

/** Access rights of a mapping (HV_MAP_GPA_FLAGS: readable, writable, executable). */
export const Access = { Read: 0b001, Write: 0b010, Execute: 0b100, ReadWrite: 0b011, All: 0b111 } as const;

const PAGE_BITS = 0xfffff000;

/** One thread's view of one partition's second-level table. */
export class Slat {
  readonly #entries: Int32Array;
  /** Guest pages that the table can map: the partition's GPA space ends here. */
  readonly pageCount: number;

  /**
   * @param node - where both the table and the pages it maps live
   * @param tableOffset - byte offset of the table in the node, page-aligned
   * @param pageCount - number of entries
   */
  constructor(node: MemoryNode, tableOffset: number, pageCount: number) {
    this.#entries = new Int32Array(node.buffer, tableOffset, pageCount);
    this.pageCount = pageCount;
  }

  /** Bytes, in whole pages, that a table of `pageCount` entries takes. */
  static tableBytes(pageCount: number): number {
    return Math.ceil((pageCount * 4) / PAGE_SIZE) * PAGE_SIZE;
  }

  /** The raw entry of a guest page; 0 when unmapped or beyond the table. */
  entry(guestPage: number): number {
    return guestPage < this.pageCount ? Atomics.load(this.#entries, guestPage) >>> 0 : 0;
  }

  /** Byte offset in the node of a guest page that allows `access`, or -1. */
  translate(guestPage: number, access: number): number {
    const entry = this.entry(guestPage);
    return (entry & access) === access && entry !== 0 ? (entry & PAGE_BITS) >>> 0 : -1;
  }

  /** Maps one guest page. */
  map(guestPage: number, systemPage: number, access: number): void {
    Atomics.store(this.#entries, guestPage, ((systemPage << 12) | access) >>> 0);
  }

  /** Removes the mapping of one guest page. */
  unmap(guestPage: number): void {
    Atomics.store(this.#entries, guestPage, 0);
  }

  /** Removes the mapping of one guest page. @returns the system page that lay there, or -1. No two threads get the same */
  take(guestPage: number): number {
    const entry = Atomics.exchange(this.#entries, guestPage, 0) >>> 0;
    return entry === 0 ? -1 : entry >>> 12;
  }

  /** Maps a run of guest pages to a run of system pages. The caller has checked both against their limits. */
  mapRun(guestPage: number, systemPage: number, count: number, access: number): void {
    for (let i = 0; i < count; i++) this.map(guestPage + i, systemPage + i, access);
  }

  /** Removes the mappings of a run of guest pages, mapped or not. */
  unmapRun(guestPage: number, count: number): void {
    for (let i = 0; i < count; i++) this.unmap(guestPage + i);
  }

  /** Number of guest pages that are mapped. Reads the whole table: for people, not for a hot path. */
  mappedPages(): number {
    let mapped = 0;
    for (let page = 0; page < this.pageCount; page++) if (this.entry(page) !== 0) mapped++;
    return mapped;
  }
}

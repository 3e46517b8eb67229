/**
 * PageAllocator: contiguous runs of the guest's RAM, first fit.
 *
 * Its whole state is in guest memory, so that all virtual processors share it, each from its own thread:
 *
 *     +0   u32 lock: 0 free, 1 taken
 *     +64  one bit a page of the pool, 1 = taken, in 32-bit words
 */
import { Access, type GuestMemory } from '@ringlet/microkernel';
import { invariant } from '@ringlet/wire';
import { BITMAP_LOCK_BYTES, type MemoryMap } from './memory-map.ts';

/** Hands out pages of one guest. */
export class PageAllocator {
  readonly #words: Int32Array;
  readonly #lock: number;
  readonly #bits: number;
  readonly #firstPage: number;
  readonly #pageCount: number;

  /** @param memory - whose RAM `map` was made for; the bitmap is zero at boot */
  constructor(memory: GuestMemory, map: MemoryMap) {
    const bytes = BITMAP_LOCK_BYTES + Math.ceil(map.poolPages / 32) * 4;
    const at = memory.find(map.bitmapGpa, bytes, Access.ReadWrite);
    invariant(at >= 0, 'the pool’s bitmap lies in contiguous RAM');
    this.#words = memory.words;
    this.#lock = at >>> 2;
    this.#bits = (at + BITMAP_LOCK_BYTES) >>> 2;
    this.#firstPage = map.poolPage;
    this.#pageCount = map.poolPages;
  }

  /** Pages not taken. Counts them: not for hot paths. */
  get freePages(): number {
    let free = 0;
    for (let page = 0; page < this.#pageCount; page++) if (!this.#taken(page)) free++;
    return free;
  }

  /** Takes `count` contiguous pages; their content is whatever was there. @returns the first page number, or -1. */
  allocate(count: number): number {
    invariant(Number.isInteger(count) && count > 0, 'a run has at least one page');
    this.#acquire();
    try {
      const first = this.#find(count);
      if (first >= 0) this.#set(first, count, true);
      return first < 0 ? -1 : this.#firstPage + first;
    } finally {
      this.#release();
    }
  }

  /** Gives pages back. They must have been allocated: anything else is a mistake of the caller's, and throws. */
  free(firstPage: number, count: number): void {
    const first = firstPage - this.#firstPage;
    invariant(first >= 0 && first + count <= this.#pageCount, 'the pages are of the pool');
    this.#acquire();
    try {
      for (let page = first; page < first + count; page++) invariant(this.#taken(page), 'the pages were taken');
      this.#set(first, count, false);
    } finally {
      this.#release();
    }
  }

  #find(count: number): number {
    let run = 0;
    for (let page = 0; page < this.#pageCount; page++) {
      // A full word is skipped whole.
      if ((page & 31) === 0 && this.#words[this.#bits + (page >>> 5)] === -1) {
        run = 0;
        page += 31;
        continue;
      }
      run = this.#taken(page) ? 0 : run + 1;
      if (run === count) return page - count + 1;
    }
    return -1;
  }

  #taken(page: number): boolean {
    return ((this.#words[this.#bits + (page >>> 5)]! >>> (page & 31)) & 1) !== 0;
  }

  #set(first: number, count: number, taken: boolean): void {
    for (let page = first; page < first + count; page++) {
      const word = this.#bits + (page >>> 5);
      const bit = 1 << (page & 31);
      this.#words[word] = taken ? this.#words[word]! | bit : this.#words[word]! & ~bit;
    }
  }

  // A spin lock: held for the length of a scan, and never across anything that waits.
  #acquire(): void {
    while (Atomics.compareExchange(this.#words, this.#lock, 0, 1) !== 0);
  }

  #release(): void {
    Atomics.store(this.#words, this.#lock, 0);
  }
}

/**
 * The memory of a machine's video card: pages of the host's that appear in the guest's address space where the guest
 * wants them.
 *
 *     guest-physical       …│ window of the VMBus below 4 GiB │…
 *                                 ┌────▲────┐
 *                                 │ mapped here by VRAM_LOCATION; read and written, never executed
 *     system pages         …│ guest's RAM │ VRAM │…
 *
 * The pages are the machine's for as long as it lives and are used for nothing else. A processor may remember for a while
 * where they lay before a guest moved them: it then still reaches these pages, and no others.
 */
import { Access, HvStatus, type Microkernel, PAGE_SIZE } from '@ringlet/microkernel';
import type { MemoryRange } from '../boot/memory-map.ts';
import { GuestVideoMemory, type VideoMemory } from '../vsps/video/video-memory.ts';

/** System pages, a contiguous run. */
export interface PageRun {
  /** Number of the first page. */
  readonly first: number;
  /** Pages of the run. */
  readonly count: number;
}

/** VRAM that can be mapped, or lie in the guest's own memory if the guest says so. */
export class DisplayMemory implements VideoMemory {
  readonly byteLength: number;
  readonly #kernel: Microkernel;
  readonly #partition: number;
  readonly #windows: readonly MemoryRange[];
  readonly #pages: PageRun;
  readonly #own: GuestVideoMemory;
  readonly #bytes: Uint8Array;
  /** Guest page at which they are mapped, or -1. */
  #mapped = -1;

  /** @param windows - address space for devices, where no RAM is */
  constructor(kernel: Microkernel, partition: number, windows: readonly MemoryRange[], pages: PageRun) {
    const memory = kernel.memory(partition);
    this.byteLength = pages.count * PAGE_SIZE;
    this.#kernel = kernel;
    this.#partition = partition;
    this.#windows = windows;
    this.#pages = pages;
    this.#own = new GuestVideoMemory(memory, this.byteLength);
    this.#bytes = memory.bytes.subarray(pages.first * PAGE_SIZE, (pages.first + pages.count) * PAGE_SIZE);
  }

  place(gpa: number): boolean {
    const page = gpa / PAGE_SIZE;
    if (page === this.#mapped) return true;
    const end = gpa + this.byteLength;
    const inWindow = this.#windows.some(({ start, bytes }) => gpa >= start && end <= start + bytes);
    if (inWindow ? !this.#map(page) : !this.#own.place(gpa)) return false;
    if (!inWindow) this.#unmap();
    return true;
  }

  withdraw(): void {
    this.#unmap();
    this.#own.withdraw();
  }

  covers(at: number, length: number): boolean {
    if (this.#mapped < 0) return this.#own.covers(at, length);
    return at >= 0 && at + length <= this.byteLength;
  }

  read(at: number, target: Uint8Array): boolean {
    if (this.#mapped < 0) return this.#own.read(at, target);
    if (at + target.length > this.byteLength) return false;
    target.set(this.#bytes.subarray(at, at + target.length));
    return true;
  }

  #map(page: number): boolean {
    if (!Number.isInteger(page)) return false;
    const before = this.#mapped;
    // The old place goes first: the new one may overlap it.
    this.#unmap();
    if (this.#isFree(page) && this.#mapAt(page)) return true;
    if (before >= 0) this.#mapAt(before);
    return false;
  }

  #isFree(page: number): boolean {
    const memory = this.#kernel.memory(this.#partition);
    for (let i = 0; i < this.#pages.count; i++) {
      if (memory.locate((page + i) * PAGE_SIZE, 1, Access.Read) >= 0) return false;
    }
    return true;
  }

  #mapAt(page: number): boolean {
    const { first, count } = this.#pages;
    const mapped = this.#kernel.mapGpaPages(this.#partition, page, first, count, Access.ReadWrite);
    this.#mapped = mapped === HvStatus.Success ? page : -1;
    return this.#mapped >= 0;
  }

  #unmap(): void {
    if (this.#mapped >= 0) this.#kernel.unmapGpaPages(this.#partition, this.#mapped, this.#pages.count);
    this.#mapped = -1;
  }
}

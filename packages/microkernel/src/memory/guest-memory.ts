/**
 * Guest memory: GPA-addressed access to one partition's pages, through its second-level table.
 *
 * Nothing here throws on an address a guest chose: a GPA that is not mapped, or not with the needed right, yields
 * `false` or -1. Guest code runs meanwhile, so a caller copies once and then checks the copy.
 */
import { MemoryUses } from './memory-uses.ts';
import { PAGE_SIZE, type MemoryNode } from './node.ts';
import { Access, type Slat } from './slat.ts';

const OFFSET_MASK = PAGE_SIZE - 1;

/** One thread's view of one partition's memory. */
export class GuestMemory {
  readonly #slat: Slat;
  readonly #node: MemoryNode;
  /** The bytes that {@link find} returns offsets into. Long-lived: keep it, make no views of it on hot paths. */
  readonly bytes: Uint8Array;
  /** The same memory as signed words, for `Atomics`; index = offset / 4. */
  readonly words: Int32Array;
  /** The same memory for unaligned and mixed-width access. */
  readonly view: DataView;
  /** Offsets that {@link find} returned are good for the turn they were found in; who needs them longer says so here. */
  readonly uses = new MemoryUses();

  constructor(node: MemoryNode, slat: Slat) {
    this.#slat = slat;
    this.#node = node;
    this.bytes = node.bytes;
    this.words = node.words;
    this.view = node.view;
  }

  /** Bytes of guest-physical address space, mapped or not. */
  get limit(): number {
    return this.#slat.pageCount * PAGE_SIZE;
  }

  /** Copies inside {@link bytes}, by offsets as {@link find} returns them. */
  copyWithin(target: number, source: number, length: number): void {
    this.#node.copy(target, source, length);
  }

  /**
   * Finds a contiguous run.
   *
   * @param gpa - guest physical address, any non-negative number
   * @param length - bytes wanted, at least 1
   * @param access - {@link Access} bits that every page must allow
   * @returns the offset of the run in {@link bytes}, or -1 when a page is missing, forbidden, or not adjacent to its
   * predecessor.
   */
  find(gpa: number, length: number, access: number): number {
    if (!(gpa >= 0) || gpa + length > this.limit) return -1;
    const first = Math.floor(gpa / PAGE_SIZE);
    const last = Math.floor((gpa + length - 1) / PAGE_SIZE);
    const start = this.#slat.translate(first, access);
    if (start < 0) return -1;
    for (let page = first + 1, expected = start + PAGE_SIZE; page <= last; page++, expected += PAGE_SIZE) {
      if (this.#slat.translate(page, access) !== expected) return -1;
    }
    return start + (gpa % PAGE_SIZE);
  }

  /** Bytes from `gpa` on that are mapped with `access` and contiguous, at most `most`; 0 when the first is not. */
  contiguous(gpa: number, most: number, access: number): number {
    if (!(gpa >= 0) || gpa >= this.limit || most <= 0) return 0;
    const wanted = Math.min(most, this.limit - gpa);
    let page = Math.floor(gpa / PAGE_SIZE);
    let expected = this.#slat.translate(page, access);
    let length = expected < 0 ? 0 : PAGE_SIZE - (gpa % PAGE_SIZE);
    while (length > 0 && length < wanted) {
      page++;
      expected += PAGE_SIZE;
      if (this.#slat.translate(page, access) !== expected) break;
      length += PAGE_SIZE;
    }
    return Math.min(length, wanted);
  }

  /** Copies guest memory out. @returns whether all of it was readable; when not, `target` holds what came before. */
  read(gpa: number, target: Uint8Array): boolean {
    for (let done = 0; done < target.length;) {
      const length = this.contiguous(gpa + done, target.length - done, Access.Read);
      const at = length === 0 ? -1 : this.find(gpa + done, length, Access.Read);
      if (at < 0) return false;
      target.set(this.bytes.subarray(at, at + length), done);
      done += length;
    }
    return true;
  }

  /** Copies into guest memory. @returns whether all of it was writable; when not, what came before was written. */
  write(gpa: number, source: Uint8Array): boolean {
    for (let done = 0; done < source.length;) {
      const length = this.contiguous(gpa + done, source.length - done, Access.Write);
      const at = length === 0 ? -1 : this.find(gpa + done, length, Access.Write);
      if (at < 0) return false;
      this.bytes.set(source.subarray(done, done + length), at);
      done += length;
    }
    return true;
  }

  /** Fills guest memory with one byte value. @returns whether all of it was writable. */
  fill(gpa: number, value: number, length: number): boolean {
    for (let done = 0; done < length;) {
      const run = this.contiguous(gpa + done, length - done, Access.Write);
      const at = run === 0 ? -1 : this.find(gpa + done, run, Access.Write);
      if (at < 0) return false;
      this.bytes.fill(value, at, at + run);
      done += run;
    }
    return true;
  }

  /** Offset in {@link bytes} of `gpa` when its page allows `access` and `width` bytes do not leave the page; else -1. */
  locate(gpa: number, width: number, access: number): number {
    if (!(gpa >= 0) || (gpa & OFFSET_MASK) + width > PAGE_SIZE) return -1;
    const page = this.#slat.translate(Math.floor(gpa / PAGE_SIZE), access);
    return page < 0 ? -1 : page + (gpa % PAGE_SIZE);
  }
}

/**
 * Guest buffer: the memory behind a GPADL, addressed by offset. Its pages can lie anywhere, and each use looks again
 * where: a guest may take a page away at any time, and then only that use fails.
 */
import type { GuestMemory } from '@ringlet/microkernel';
import { PAGE_SIZE } from '@ringlet/microkernel';
import type { GpadlView } from '@ringlet/vmbus';

/** A buffer of the guest's, held until {@link release}. */
export class GuestBuffer {
  readonly byteLength: number;
  /** Bytes that lie together where {@link find} found the first. */
  run = 0;
  readonly #memory: GuestMemory;
  readonly #view: GpadlView;

  constructor(memory: GuestMemory, view: GpadlView) {
    this.#memory = memory;
    this.#view = view;
    this.byteLength = view.byteLength;
  }

  /**
   * Finds `most` bytes, inside the buffer, from `at` on; {@link run} says how many of them lie together.
   *
   * @param access - `Access` bits that their pages must allow
   * @returns the offset of the first in `memory.bytes`; -1 when it is not there
   */
  find(at: number, most: number, access: number): number {
    const { pages, offset } = this.#view;
    const position = offset + at;
    const inPage = position % PAGE_SIZE;
    let page = (position - inPage) / PAGE_SIZE;
    let length = Math.min(most, PAGE_SIZE - inPage);
    const start = this.#memory.locate(pages[page]! * PAGE_SIZE + inPage, length, access);
    this.run = 0;
    if (start < 0) return -1;
    while (length < most) {
      const more = Math.min(PAGE_SIZE, most - length);
      if (this.#memory.locate(pages[++page]! * PAGE_SIZE, more, access) !== start + length) break;
      length += more;
    }
    this.run = length;
    return start;
  }

  /** Lets the guest's teardown complete. */
  release(): void {
    this.#view.release();
  }
}

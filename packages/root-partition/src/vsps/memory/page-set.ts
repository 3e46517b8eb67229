/** Page set: which guest pages a guest gave away. One bit a page, so that a guest cannot make it grow. */
import type { PageRange } from '@ringlet/protocols';

const WORD_BITS = 32;

/** Pages below a limit. */
export class PageSet {
  readonly #words: Int32Array;
  readonly #limit: number;
  #size = 0;

  /** @param limit - pages are below this */
  constructor(limit: number) {
    this.#limit = limit;
    this.#words = new Int32Array(Math.ceil(limit / WORD_BITS));
  }

  get size(): number {
    return this.#size;
  }

  has(page: number): boolean {
    return page < this.#limit && (this.#words[page >>> 5]! & (1 << (page & 31))) !== 0;
  }

  /** Whether a range has no page of the set, and lies below the limit. */
  lacks({ first, count }: PageRange): boolean {
    if (first + count > this.#limit) return false;
    for (let page = first; page < first + count; page++) if (this.has(page)) return false;
    return true;
  }

  /** Adds pages that it lacks. */
  add({ first, count }: PageRange): void {
    for (let page = first; page < first + count; page++) this.#words[page >>> 5]! |= 1 << (page & 31);
    this.#size += count;
  }

  /** Removes pages that it has. */
  remove({ first, count }: PageRange): void {
    for (let page = first; page < first + count; page++) this.#words[page >>> 5]! &= ~(1 << (page & 31));
    this.#size -= count;
  }

  /** Its lowest runs: at most `pages` pages in at most `most` ranges, none longer than `longest`. */
  runs(pages: number, most: number, longest: number): PageRange[] {
    const runs: PageRange[] = [];
    let left = Math.min(pages, this.#size);
    for (let page = 0; left > 0 && page < this.#limit && runs.length < most;) {
      if ((page & 31) === 0 && this.#words[page >>> 5] === 0) {
        page += WORD_BITS;
        continue;
      }
      let count = 0;
      while (count < Math.min(left, longest) && this.has(page + count)) count++;
      if (count > 0) runs.push({ first: page, count });
      left -= count;
      page += Math.max(count, 1);
    }
    return runs;
  }
}

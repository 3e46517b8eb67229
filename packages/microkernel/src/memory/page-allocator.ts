/**
 * Page allocator of one node: which system pages are taken, in contiguous runs.
 *
 * Two bitmaps at the end of the node, one bit a page, in pages that no partition maps:
 *
 *    page 0 …
 *    ┌──────────────────────┬─────────────────────────────┬──────────────────────────────────┐
 *    │ pages to hand out    │ taken: 1 = someone owns it  │ stale: 1 = once owned, not wiped │
 *    └──────────────────────┴─────────────────────────────┴──────────────────────────────────┘
 *
 * At the end, because a processor's own code may want the low addresses: whoever allocates first gets them.
 *
 * A page is wiped when it is handed out again, not when it is freed: a new owner never sees the old one's data, and
 * pages that were never owned stay untouched, so that a large idle partition costs nothing.
 *
 * The counters and the lock stand in the microkernel's state, not in the node.
 */
import { invariant } from '@ringlet/wire';
import { NodeWord, type State } from '../state/layout.ts';
import { lock, unlock } from '../state/lock.ts';
import { PAGE_SIZE, type MemoryNode } from './node.ts';

const PAGE_WORDS = PAGE_SIZE / 4;
const PAGES_PER_BITMAP_PAGE = PAGE_SIZE * 8;
/** A word of a bitmap with all bits set, and what is neither that nor empty. */
const ALL = -1;
const PARTIAL = 1;

/** Pages at the end of a node of `pages` pages that its bitmaps take. */
export const bitmapPages = (pages: number): number => 2 * Math.ceil(pages / PAGES_PER_BITMAP_PAGE);

/** One thread's handle on a node's allocator. */
export class PageAllocator {
  readonly #state: State;
  readonly #node: MemoryNode;
  readonly #record: number;
  /** Pages that can be handed out: those before the bitmaps. */
  readonly #pages: number;
  /** Words in the node at which the bitmaps start. */
  readonly #taken: number;
  readonly #stale: number;

  constructor(state: State, node: MemoryNode) {
    this.#state = state;
    this.#node = node;
    this.#record = state.node(node.id);
    this.#pages = node.pages - bitmapPages(node.pages);
    this.#taken = this.#pages * PAGE_WORDS;
    this.#stale = this.#taken + (bitmapPages(node.pages) / 2) * PAGE_WORDS;
    invariant(this.#pages > 0, 'a node has room for more than its own bitmaps');
  }

  /** Makes all pages free. Once, by the thread that attaches the node first. */
  format(): void {
    this.#node.bytes.fill(0, this.#taken * 4);
    const { words } = this.#state;
    words[this.#record + NodeWord.Pages] = this.#pages;
    words[this.#record + NodeWord.Free] = this.#pages;
    words[this.#record + NodeWord.Hint] = 0;
  }

  /** Pages that nobody owns. */
  get free(): number {
    return Atomics.load(this.#state.words, this.#record + NodeWord.Free);
  }

  /** Takes `count` contiguous pages, all zero. @returns the first, or -1 when there is no such run. */
  allocate(count: number): number {
    if (!Number.isInteger(count) || count < 1 || count > this.#pages) return -1;
    const { words } = this.#state;
    lock(words, this.#record + NodeWord.Lock);
    const first = this.#search(count);
    if (first >= 0) {
      this.#markRun(this.#taken, first, count);
      words[this.#record + NodeWord.Free] = words[this.#record + NodeWord.Free]! - count;
      words[this.#record + NodeWord.Hint] = first + count;
    }
    unlock(words, this.#record + NodeWord.Lock);
    // Wiped outside the lock: the run is ours now, and nobody else's bits are in question.
    if (first >= 0) this.#wipe(first, count);
    return first;
  }

  /** Gives back pages that were taken. @throws Error when one of them was not: two owners would follow. */
  release(first: number, count: number): void {
    invariant(
      Number.isInteger(first) && Number.isInteger(count) && first >= 0 && count >= 1,
      'pages that are freed were allocated',
    );
    invariant(first + count <= this.#pages, 'pages that are freed lie in the node');
    const { words } = this.#state;
    lock(words, this.#record + NodeWord.Lock);
    const owned = this.#allMarked(first, count);
    if (owned) {
      this.#markRun(this.#stale, first, count);
      this.#clearRun(this.#taken, first, count);
      words[this.#record + NodeWord.Free] = words[this.#record + NodeWord.Free]! + count;
      if (first < words[this.#record + NodeWord.Hint]!) words[this.#record + NodeWord.Hint] = first;
    }
    unlock(words, this.#record + NodeWord.Lock);
    invariant(owned, 'a page is freed once');
  }

  /** First page of a free run: from the hint on, then from the start. */
  #search(count: number): number {
    const hint = this.#state.words[this.#record + NodeWord.Hint]!;
    const start = hint >= 0 && hint < this.#pages ? hint : 0;
    const after = this.#run(start, this.#pages, count);
    return after >= 0 ? after : this.#run(0, Math.min(this.#pages, start + count), count);
  }

  #run(from: number, to: number, count: number): number {
    let length = 0;
    for (let page = from; page < to;) {
      // Whole words are the common case: taken ones in a full node, free ones in a run for a large partition.
      const word = wholeWord(page, to) ? this.#word(this.#taken, page) : PARTIAL;
      if (word === ALL) length = 0;
      else if (word === 0 && length + 32 < count) length += 32;
      else {
        length = this.#isMarked(this.#taken, page) ? 0 : length + 1;
        page++;
        if (length === count) return page - count;
        continue;
      }
      page += 32;
    }
    return -1;
  }

  #wipe(first: number, count: number): void {
    const end = first + count;
    for (let page = first; page < end;) {
      if (wholeWord(page, end) && this.#word(this.#stale, page) === 0) {
        page += 32;
        continue;
      }
      if (this.#isMarked(this.#stale, page)) {
        // By words: filling shared bytes one by one is four times slower.
        this.#node.words.fill(0, page * PAGE_WORDS, (page + 1) * PAGE_WORDS);
        Atomics.and(this.#node.words, this.#stale + (page >>> 5), ~(1 << (page & 31)));
      }
      page++;
    }
  }

  // Bits change atomically, because runs that are not ours share words with runs that are.
  #word(bitmap: number, page: number): number {
    return Atomics.load(this.#node.words, bitmap + (page >>> 5));
  }

  #isMarked(bitmap: number, page: number): boolean {
    return (this.#word(bitmap, page) & (1 << (page & 31))) !== 0;
  }

  #allMarked(first: number, count: number): boolean {
    const end = first + count;
    for (let page = first; page < end;) {
      if (wholeWord(page, end) && this.#word(this.#taken, page) === ALL) page += 32;
      else if (this.#isMarked(this.#taken, page)) page++;
      else return false;
    }
    return true;
  }

  #markRun(bitmap: number, first: number, count: number): void {
    const end = first + count;
    for (let page = first; page < end;) {
      const whole = wholeWord(page, end);
      Atomics.or(this.#node.words, bitmap + (page >>> 5), whole ? ALL : 1 << (page & 31));
      page += whole ? 32 : 1;
    }
  }

  #clearRun(bitmap: number, first: number, count: number): void {
    const end = first + count;
    for (let page = first; page < end;) {
      const whole = wholeWord(page, end);
      Atomics.and(this.#node.words, bitmap + (page >>> 5), whole ? 0 : ~(1 << (page & 31)));
      page += whole ? 32 : 1;
    }
  }
}

/** Whether `page` starts a word of a bitmap that lies wholly before `end`. */
const wholeWord = (page: number, end: number): boolean => (page & 31) === 0 && page + 32 <= end;

/**
 * ChangedPages: which pages of a VHDX's structures differ from the file.
 *
 * A commit takes them in an order that a crash may cut anywhere: sector bitmaps before the table that makes a block
 * partially present, since bits of a block that is not are not looked at.
 */
import { ENTRIES_PER_PAGE } from './bat.ts';
import { MIB, PAGE } from './layout.ts';
import type { LoggedPage } from './log-entry.ts';
import type { VhdxImage } from './open-vhdx.ts';

const PAGES_PER_BITMAP = MIB / PAGE;

/** Pages taken for a commit. */
export interface Taken {
  /** With their contents at the moment they were taken. */
  pages: LoggedPage[];
  /** They did not reach the file: the next commit has to bring them. */
  putBack(): void;
}

/** The set of pages that a commit has to write. */
export class ChangedPages {
  readonly #image: VhdxImage;
  #table = new Set<number>();
  #bitmaps = new Set<number>();
  /** Whether the size of the disk differs. */
  #size = false;

  constructor(image: VhdxImage) {
    this.#image = image;
  }

  /** How many pages differ. */
  get count(): number {
    return this.#table.size + this.#bitmaps.size + (this.#size ? 1 : 0);
  }

  /** The table's entry of a payload block has changed, */
  block(block: number): void {
    this.#table.add(this.#image.bat.pageOf(block));
  }

  /** or that of a sector bitmap block, */
  bitmapHome(chunk: number): void {
    this.#table.add(this.#image.bat.bitmapPageOf(chunk));
  }

  /** or bits of a block's sectors, */
  bitmap(block: number, within: number, count: number): void {
    const { chunk, first, last } = this.#image.partial.pages(block, within, count);
    for (let page = first; page <= last; page++) this.#bitmaps.add(chunk * PAGES_PER_BITMAP + page);
  }

  /** or the size of the disk, and with it the number of entries. */
  grown(before: number, entries: number): void {
    this.#size = true;
    const first = Math.floor((before - 1) / ENTRIES_PER_PAGE);
    for (let page = first; page * ENTRIES_PER_PAGE < entries; page++) this.#table.add(page);
  }

  /** Takes all pages, with their contents as they are now. */
  take(): Taken {
    const table = this.#table;
    const bitmaps = this.#bitmaps;
    const size = this.#size;
    this.#table = new Set();
    this.#bitmaps = new Set();
    this.#size = false;
    const { bat, partial, batRegion, sizePage } = this.#image;
    const pages: LoggedPage[] = [];
    for (const bitmap of bitmaps) {
      const chunk = Math.floor(bitmap / PAGES_PER_BITMAP);
      const page = bitmap % PAGES_PER_BITMAP;
      pages.push({ position: bat.bitmapHome[chunk]! * MIB + page * PAGE, data: partial.encodePage(chunk, page) });
    }
    for (const page of table) pages.push({ position: batRegion.offset + page * PAGE, data: bat.encodePage(page) });
    if (size) pages.push({ position: sizePage!.position, data: sizePage!.data.slice() });
    return {
      pages,
      putBack: () => {
        for (const page of table) this.#table.add(page);
        for (const bitmap of bitmaps) this.#bitmaps.add(bitmap);
        this.#size ||= size;
      },
    };
  }
}

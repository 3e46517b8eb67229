/** Pages of 4 KiB, each kept once however many have a use for it. */

export const PAGE = 4096;
/** All zeroes: takes no room. */
export const ZERO_PAGE = 0;

const PAGES_A_SLAB = 1024;
const ZEROES = Buffer.alloc(PAGE);

/** Room for pages, in slabs. A page's number is good until the last who has it releases it. */
export class PageStore {
  readonly #slabs: Buffer[] = [];
  readonly #free: number[] = [];
  /** By page: how many have it. The first is that of zeroes. */
  readonly #references: number[] = [1];
  #used = 0;

  /** Pages that take room. */
  get used(): number {
    return this.#used;
  }

  /** Keeps `length` bytes of `bytes` from `at` on. @returns the page's number */
  add(bytes: Buffer, at: number, length: number): number {
    if (ZEROES.compare(bytes, at, at + length, 0, length) === 0) return ZERO_PAGE;
    const page = this.#free.pop() ?? this.#references.length;
    this.#references[page] = 1;
    this.#used++;
    this.#slab(page).set(bytes.subarray(at, at + length), offsetOf(page));
    return page;
  }

  /** Somebody else has it, too. @returns `page` */
  share(page: number): number {
    if (page !== ZERO_PAGE) this.#references[page]!++;
    return page;
  }

  release(page: number): void {
    if (page === ZERO_PAGE || --this.#references[page]! > 0) return;
    this.#free.push(page);
    this.#used--;
  }

  /** Whether `length` bytes of `bytes`, from `at` on, are those of a page. */
  equals(page: number, bytes: Buffer, at: number, length: number): boolean {
    if (page === ZERO_PAGE) return ZEROES.compare(bytes, at, at + length, 0, length) === 0;
    const offset = offsetOf(page);
    return this.#slab(page).compare(bytes, at, at + length, offset, offset + length) === 0;
  }

  /** Its bytes, as long as it is not released. */
  bytes(page: number): Uint8Array {
    if (page === ZERO_PAGE) return ZEROES;
    return this.#slab(page).subarray(offsetOf(page), offsetOf(page) + PAGE);
  }

  #slab(page: number): Buffer {
    const index = Math.floor(page / PAGES_A_SLAB);
    return (this.#slabs[index] ??= Buffer.from(new ArrayBuffer(PAGES_A_SLAB * PAGE)));
  }
}

const offsetOf = (page: number): number => (page % PAGES_A_SLAB) * PAGE;

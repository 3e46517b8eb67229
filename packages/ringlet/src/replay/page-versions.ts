/**
 * What each page of a memory, or of an overlay, was at several points of a run.
 *
 *     page 0   ──A───────────B──────     A from point 1 on, B from point 4 on
 *     page 1   ──────C──────────────     zeroes at point 1, C from point 2 on
 *     points     1   2   3   4
 */
import { type PageStore, ZERO_PAGE } from './page-store.ts';

interface Version {
  /** From this point on. */
  point: number;
  readonly page: number;
}

/** Versions of pages. A page of which there is none is all zeroes. */
export class PageVersions {
  readonly #store: PageStore;
  /** By index of the page, in the order of points. */
  readonly #versions = new Map<number, Version[]>();

  constructor(store: PageStore) {
    this.#store = store;
  }

  /** The page that `index` was at a point, as the store numbers it. */
  at(index: number, point: number): number {
    const versions = this.#versions.get(index);
    if (versions === undefined) return ZERO_PAGE;
    const newest = versions[versions.length - 1]!;
    if (newest.point <= point) return newest.page;
    return versions.findLast((each) => each.point <= point)?.page ?? ZERO_PAGE;
  }

  /** Takes over `page` as what `index` is at `point`; at `next`, the point after it, it is what it was before. */
  put(index: number, point: number, page: number, next: number | undefined): void {
    const before = this.at(index, point);
    let versions = this.#versions.get(index);
    if (versions === undefined) this.#versions.set(index, (versions = []));
    const from = versions.findLastIndex((each) => each.point <= point) + 1;
    const changed = next === undefined || versions[from]?.point === next;
    const after = changed ? [] : [{ point: next, page: this.#store.share(before) }];
    versions.splice(from, 0, { point, page }, ...after);
  }

  /** Forgets what only `point` had. `next` is the point after it. @returns indices of pages that changed there */
  drop(point: number, next: number | undefined): number[] {
    const changed: number[] = [];
    for (const [index, versions] of this.#versions) {
      const at = versions.findIndex((each) => each.point === point);
      if (at < 0) continue;
      changed.push(index);
      const version = versions[at]!;
      if (next !== undefined && versions[at + 1]?.point !== next) version.point = next;
      else {
        versions.splice(at, 1);
        this.#store.release(version.page);
        if (versions.length === 0) this.#versions.delete(index);
      }
    }
    return changed;
  }

  /** How many pages are not all zeroes at a point. */
  count(point: number): number {
    let count = 0;
    for (const index of this.#versions.keys()) if (this.at(index, point) !== ZERO_PAGE) count++;
    return count;
  }

  /** Pages that are not all zeroes at a point. */
  *pages(point: number): Generator<readonly [index: number, bytes: Uint8Array]> {
    for (const index of this.#versions.keys()) {
      const page = this.at(index, point);
      if (page !== ZERO_PAGE) yield [index, this.#store.bytes(page)];
    }
  }
}

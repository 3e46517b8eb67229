/** Code that one VP changes and another one has decoded: a ring of pages to drop, in the page after the state block. */
import { dropPage, resetArena } from './blocks/pages';
import { CODE_DROPS, CODE_DROPS_HEAD, CODE_DROPS_TAIL, EXIT_REQUEST, VP_COUNT, VP_TABLE } from '../src/state';

/** Pages that a ring holds; when it is full, its owner drops everything. */
export const CODE_DROPS_LIMIT: u32 = 64;

/** Tells the other VPs of the partition to drop a page, at the latest when they next leave a block. */
export function dropForOthers(s: usize, page: usize): void {
  const count = load<u32>(s, VP_COUNT);
  const table: usize = load<u32>(s, VP_TABLE);
  for (let i: u32 = 0; i < count; i++) {
    const other: usize = load<u32>(table + (i << 2));
    if (other == s) continue;
    const ring: usize = load<u32>(other, CODE_DROPS);
    const place = atomic.add<u32>(other + CODE_DROPS_HEAD, 1);
    atomic.store<u32>(ring + ((place & (CODE_DROPS_LIMIT - 1)) << 2), (<u32>page) | 1);
    atomic.or<u32>(other + EXIT_REQUEST, REQUEST_CODE);
  }
}

/** Bit of EXIT_REQUEST: the ring has something. */
export const REQUEST_CODE: u32 = 0x80000000;

/** Drops what other VPs asked for. */
export function takeDrops(s: usize): void {
  atomic.and<u32>(s + EXIT_REQUEST, ~REQUEST_CODE);
  const head = atomic.load<u32>(s + CODE_DROPS_HEAD);
  let tail = load<u32>(s, CODE_DROPS_TAIL);
  if (head - tail > CODE_DROPS_LIMIT) {
    resetArena(s);
    store<u32>(s, head, CODE_DROPS_TAIL);
    return;
  }
  const ring: usize = load<u32>(s, CODE_DROPS);
  while (tail != head) {
    const slot = ring + ((tail & (CODE_DROPS_LIMIT - 1)) << 2);
    // The place is taken before it is filled.
    let page = atomic.xchg<u32>(slot, 0);
    while (page == 0) page = atomic.xchg<u32>(slot, 0);
    dropPage(s, page & ~1);
    tail++;
  }
  store<u32>(s, tail, CODE_DROPS_TAIL);
}

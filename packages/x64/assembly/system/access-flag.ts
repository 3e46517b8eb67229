/**
 * RFLAGS.AC, which is two things (APM volume 2 sections 3.1.6, 5.6.6; Intel SDM volume 3 sections 4.6, 6.15):
 *
 * - At CPL 3, with CR0.AM, misaligned accesses fault. The user TLB holds no data page then, so that every access takes
 *   the slow path, which looks. Nothing is tested while the check is off.
 * - Below it, with CR4.SMAP, it opens user pages to the kernel. They are in the supervisor TLB like others while it is
 *   set, and in a short list; closing sets a bit in their tags, which opens again without a page walk.
 */
import { TLB_EMPTY, TLB_FLAGS, TLB_READ, TLB_WRITE } from '../memory';
import {
  ALIGNMENT_CHECK,
  CPL,
  CR0,
  FLAG_SYSTEM,
  OPEN_PAGES,
  OPEN_PAGES_COUNT,
  OPEN_PAGES_LIMIT,
  USER_UNCHECKED,
} from '../../src/state';
import { CR0_AM, FLAG_AC } from './machine';
import { flushUser } from './paging';

/** In a read or write tag of the supervisor TLB: a user page, closed. */
export const TAG_CLOSED: u64 = 2;
/** In the flags word of an entry: it is in the list of open pages. */
export const ENTRY_OPEN: u32 = 16;

/** To be called after AC, CR0.AM or CPL changed. */
export function accessFlagChanged(s: usize): void {
  const set = (load<u32>(s, FLAG_SYSTEM) & FLAG_AC) != 0;
  if (load<u32>(s, CPL) != 3) {
    store<u32>(s, 0, ALIGNMENT_CHECK);
    if (!set) closeUserPages(s);
    return;
  }
  const check = set && (load<u64>(s, CR0) & CR0_AM) != 0;
  store<u32>(s, <u32>check, ALIGNMENT_CHECK);
  if (check && load<u32>(s, USER_UNCHECKED) != 0) flushUser(s);
}

/** Enters a TLB entry that was just filled into the list of open pages. */
export function openUserPage(s: usize, slot: usize): void {
  const flags = load<u32>(slot, TLB_FLAGS);
  if ((flags & ENTRY_OPEN) != 0) return;
  if (load<u32>(s, OPEN_PAGES_COUNT) == OPEN_PAGES_LIMIT) closeUserPages(s);
  const count = load<u32>(s, OPEN_PAGES_COUNT);
  store<u32>(s + OPEN_PAGES + (count << 2), <u32>slot);
  store<u32>(s, count + 1, OPEN_PAGES_COUNT);
  store<u32>(slot, flags | ENTRY_OPEN, TLB_FLAGS);
}

/** Closes what {@link openUserPage} opened. */
// @ts-ignore: decorator
@inline
export function closeUserPages(s: usize): void {
  if (load<u32>(s, OPEN_PAGES_COUNT) != 0) closeAll(s);
}

function closeAll(s: usize): void {
  const count = load<u32>(s, OPEN_PAGES_COUNT);
  store<u32>(s, 0, OPEN_PAGES_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const slot: usize = load<u32>(s + OPEN_PAGES + (i << 2));
    const flags = load<u32>(slot, TLB_FLAGS);
    // The entry may have become another page's since.
    if ((flags & ENTRY_OPEN) == 0) continue;
    store<u32>(slot, flags & ~ENTRY_OPEN, TLB_FLAGS);
    close(slot + TLB_READ);
    close(slot + TLB_WRITE);
  }
}

function close(tag: usize): void {
  const before = load<u64>(tag);
  if (before != TLB_EMPTY) store<u64>(tag, before | TAG_CLOSED);
}

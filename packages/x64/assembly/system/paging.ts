/**
 * The software TLB: filled from page walk and second level, emptied by what the architecture says empties it.
 *
 * Pages that must be looked at on every access (watched by a data breakpoint, or of user mode whose alignment is
 * checked) get an entry whose addend is valid and whose tags stay empty: the access that filled it succeeds, the next comes here again.
 *
 * Which entries are filled is kept in a list of 8192 u16 entry numbers per TLB, so that flushing costs what was filled:
 *
 *     [0 … kept)                entries with global pages that outlived a CR3 write
 *     [8192 - fresh … 8192)     entries filled since
 *
 * TLB_FILLED_*_COUNT holds kept << 16 | fresh. The entry's flags word says which parts it is in.
 */
import { chooseEpoch, flushJumpCache, forgetKernelCode, forgetUserCode } from '../blocks/pages';
import { codeWritten, holdsCode } from '../blocks/writes';
import { pageWatched, watchAccess } from '../debugger';
import {
  FILL_FAULT,
  FILL_MMIO,
  FILL_RAM,
  PAGE_MASK,
  TLB_ADDEND,
  TLB_CODE,
  TLB_EMPTY,
  TLB_EXECUTE,
  TLB_FLAGS,
  TLB_READ,
  TLB_WRITE,
  entryOf,
} from '../memory';
import { faultCode } from '../op';
import {
  ALIGNMENT_CHECK,
  CONTEXTS,
  CONTEXT_COUNT,
  CONTEXT_CURRENT,
  CONTEXT_EPOCH,
  CONTEXT_FILLED,
  CONTEXT_LIST,
  CONTEXT_PCID,
  CONTEXT_SIZE,
  CONTEXT_TLB,
  CONTEXT_UNUSED,
  COUNT_TLB_FLUSHES,
  COUNT_TLB_MISSES,
  CR4,
  DEBUG_TABLE,
  EFER,
  EXIT_GPA,
  FAULT_CANONICAL,
  FLAG_SYSTEM,
  KERNEL_CODE_LOCAL,
  LARGE_SEEN,
  TLB_CURRENT,
  TLB_FILLED_SUPERVISOR,
  TLB_FILLED_SUPERVISOR_COUNT,
  TLB_FILLED_USER,
  TLB_FILLED_USER_COUNT,
  TLB_SUPERVISOR,
  TLB_USER,
  USER_CODE_GLOBAL,
  USER_UNCHECKED,
} from '../../src/state';
import { implicitAccess } from './access';
import { TAG_CLOSED, openUserPage } from './access-flag';
import { watch, watched } from './breakpoints';
import { CR4_SMAP, EFER_LMA, FLAG_AC, canonical, code64 } from './machine';
import {
  EXECUTE,
  IMPLICIT,
  READ,
  USER,
  WRITE,
  pageExecutable,
  pageGlobal,
  pageGpa,
  pageShift,
  pageUser,
  pageWritable,
  walk,
} from './page-walk';
import { SLAT_EXECUTE, SLAT_READ, SLAT_WRITE, slatEntry } from './second-level';

/**
 * Outside 64-bit mode a linear address with this bit was made through a segment that cannot be written. It has no tag of
 * its own: every access through it comes to {@link fillRead} or {@link fillWrite}.
 */
export const NOT_WRITABLE: u64 = 1 << 62;
/** With {@link NOT_WRITABLE}: the segment, execute-only code, cannot be read either. */
export const NOT_READABLE: u64 = 1 << 61;

/** Both parts of a list have room for every entry of the TLB. */
const LIST_CAPACITY: u32 = 8192;

// Bits of an entry's flags word.
const IN_FRESH: u32 = 1;
const IN_KEPT: u32 = 2;
const GLOBAL: u32 = 4;
/** The page is a piece of a large one: its shift is in bits 8-15. */
const LARGE: u32 = 8;

/** Makes the page of `a` readable at the current privilege, for an access of `size` bytes within it. @returns FILL_* */
export function fillRead(s: usize, a: u64, size: u32): i32 {
  return fill(s, a, size, READ);
}

/** Makes the page of `a` writable, its dirty bit set. @returns FILL_* */
export function fillWrite(s: usize, a: u64, size: u32): i32 {
  return fill(s, a, size, WRITE);
}

/**
 * As `writableRun`, for a page that has no tag because a debugger watches it: where it would have one, it is one run all
 * the same.
 */
export function watchedRun(s: usize, a: u64, size: u32): usize {
  if (load<u32>(s, DEBUG_TABLE) == 0 || !pageWatched(s, a & PAGE_MASK) || fillWrite(s, a, size) != FILL_RAM) return 0;
  const host = <usize>a + <usize>load<u32>(entryOf(s, a), TLB_ADDEND);
  return holdsCode(s, host) ? 0 : host;
}

/** Makes the page of `a` executable. @returns FILL_* */
export function fillExec(s: usize, a: u64): i32 {
  return fill(s, a, 1, EXECUTE);
}

function fill(s: usize, a: u64, size: u32, kind: u32): i32 {
  store<u64>(s, load<u64>(s, COUNT_TLB_MISSES) + 1, COUNT_TLB_MISSES);
  const bySegment = a >> 62 == 1 && !code64(s);
  let va = a;
  if (bySegment) {
    va = a & 0xffffffff;
    if (kind == WRITE || (a & NOT_READABLE) != 0) {
      faultCode(s, 13, 0);
      return FILL_FAULT;
    }
  }
  if ((load<u64>(s, EFER) & EFER_LMA) != 0 && !canonical(va)) {
    faultCode(s, 13, 0);
    store<u32>(s, 1, FAULT_CANONICAL);
    return FILL_FAULT;
  }
  const userTlb = load<u32>(s, TLB_CURRENT) == load<u32>(s, TLB_USER);
  let access = kind;
  if (userTlb) access |= USER;
  else if (implicitAccess) access |= IMPLICIT;
  if (!walk(s, va, access)) return FILL_FAULT;

  const entry = slatEntry(s, pageGpa);
  const need = kind == WRITE ? SLAT_WRITE : kind == EXECUTE ? SLAT_EXECUTE : SLAT_READ;
  if ((entry & need) == 0) {
    store<u64>(s, pageGpa, EXIT_GPA);
    return FILL_MMIO;
  }

  const page = a & PAGE_MASK;
  const slot = entryOf(s, a);
  const guarded = !userTlb && pageUser && (load<u64>(s, CR4) & CR4_SMAP) != 0;
  // One that is read or written has passed the walk: AC is set.
  const open = guarded && kind != EXECUTE && !implicitAccess;
  const byDebugger = load<u32>(s, DEBUG_TABLE) != 0 && pageWatched(s, va & PAGE_MASK);
  const onWatch = watched(s, va & PAGE_MASK) || byDebugger;
  const checked = userTlb && load<u32>(s, ALIGNMENT_CHECK) != 0;
  const apart = (guarded && !open) || onWatch || bySegment || checked;
  if (onWatch && kind != EXECUTE && !implicitAccess) {
    if (byDebugger && !watchAccess(s, va, size, kind == WRITE)) return FILL_FAULT;
    watch(s, va, size, kind == WRITE);
  }
  const host = <usize>(entry & 0xfffff000);
  const code = holdsCode(s, host);
  if (apart && code && kind == WRITE) codeWritten(s, host + (<usize>a & 0xfff), size);
  store<u64>(slot, !apart && (entry & SLAT_READ) != 0 ? page : TLB_EMPTY, TLB_READ);
  const writable = !apart && pageWritable && (entry & SLAT_WRITE) != 0;
  atomic.store<u64>(slot, writable ? (code ? page | TLB_CODE : page) : TLB_EMPTY, TLB_WRITE);
  // Another VP that decodes code here marks the page first and looks for write tags then: one of us sees the other.
  if (writable && !code && holdsCode(s, host)) store<u64>(slot, page | TLB_CODE, TLB_WRITE);
  store<u64>(slot, pageExecutable && !guarded && !bySegment && (entry & SLAT_EXECUTE) != 0 ? page : TLB_EMPTY, TLB_EXECUTE);
  store<u32>(slot, <u32>host - <u32>page, TLB_ADDEND);
  enlist(s, slot, userTlb, <u32>(va >> 63));
  if (kind == EXECUTE) {
    if (!userTlb && (!pageGlobal || va >> 63 == 0)) store<u32>(s, 1, KERNEL_CODE_LOCAL);
    if (userTlb && pageGlobal) store<u32>(s, 1, USER_CODE_GLOBAL);
  }
  if (open && !apart) openUserPage(s, slot);
  if (userTlb && !apart) store<u32>(s, 1, USER_UNCHECKED);
  return FILL_RAM;
}

/** Whether a page of user mode whose entry was closed may be used again, RFLAGS.AC being set. Its tags are as before then. */
export function reopen(s: usize, slot: usize, page: u64): bool {
  if ((load<u32>(s, FLAG_SYSTEM) & FLAG_AC) == 0 || implicitAccess) return false;
  if (load<u64>(slot, TLB_READ) == (page | TAG_CLOSED)) store<u64>(slot, page, TLB_READ);
  if ((load<u64>(slot, TLB_WRITE) & ~TLB_CODE) == (page | TAG_CLOSED)) {
    atomic.store<u64>(slot, page, TLB_WRITE);
    // Code may have been decoded there meanwhile, unseen by a tag that was closed.
    if (holdsCode(s, <usize>page + <usize>load<u32>(slot, TLB_ADDEND))) store<u64>(slot, page | TLB_CODE, TLB_WRITE);
  }
  openUserPage(s, slot);
  return true;
}

/** Enters a slot that was just filled into the list of its TLB. */
function enlist(s: usize, slot: usize, userTlb: bool, upperHalf: u32): void {
  let flags = load<u32>(slot, TLB_FLAGS) & (IN_FRESH | IN_KEPT);
  if (pageGlobal) flags |= GLOBAL;
  if (pageShift != 12) {
    flags |= LARGE | (pageShift << 8);
    store<u32>(s, load<u32>(s, LARGE_SEEN) | (1 << upperHalf), LARGE_SEEN);
  }
  if ((flags & IN_FRESH) == 0 && !(pageGlobal && (flags & IN_KEPT) != 0)) {
    const tlb: usize = load<u32>(s, TLB_CURRENT);
    const list: usize = userTlb ? load<u32>(s, TLB_FILLED_USER) : load<u32>(s, TLB_FILLED_SUPERVISOR);
    const counter = s + (userTlb ? TLB_FILLED_USER_COUNT : TLB_FILLED_SUPERVISOR_COUNT);
    const count = load<u32>(counter) + 1;
    store<u32>(counter, count);
    store<u16>(list + ((LIST_CAPACITY - (count & 0xffff)) << 1), <u16>((slot - tlb) >> 5));
    flags |= IN_FRESH;
  }
  store<u32>(slot, flags, TLB_FLAGS);
}

/** The entry that a list names at `place`. */
// @ts-ignore: decorator
@inline
function listed(tlb: usize, list: usize, place: u32): usize {
  return tlb + (<usize>load<u16>(list + (place << 1)) << 5);
}

/** Empties one entry; it stays in the lists it is in. */
function empty(slot: usize): void {
  store<u64>(slot, TLB_EMPTY, TLB_READ);
  store<u64>(slot, TLB_EMPTY, TLB_WRITE);
  store<u64>(slot, TLB_EMPTY, TLB_EXECUTE);
}

/** Empties every entry of a TLB. */
export function emptyAll(tlb: usize, list: usize, counter: usize): void {
  const count = load<u32>(counter);
  const kept = count >> 16;
  for (let i: u32 = 0; i < kept; i++) forget(listed(tlb, list, i));
  for (let i = LIST_CAPACITY - (count & 0xffff); i < LIST_CAPACITY; i++) forget(listed(tlb, list, i));
  store<u32>(counter, 0);
}

function forget(slot: usize): void {
  empty(slot);
  store<u32>(slot, 0, TLB_FLAGS);
}

/** Empties the entries that are not global, and forgets them: `counter` is the address of the list's count. */
export function emptyFresh(tlb: usize, list: usize, counter: usize): void {
  const count = load<u32>(counter);
  let kept = count >> 16;
  // Kept entries grow upwards from the other end: at most one for each fresh one, each slot once.
  for (let i = LIST_CAPACITY - (count & 0xffff); i < LIST_CAPACITY; i++) {
    const slot = listed(tlb, list, i);
    const flags = load<u32>(slot, TLB_FLAGS);
    if ((flags & GLOBAL) == 0) {
      empty(slot);
      store<u32>(slot, flags & IN_KEPT, TLB_FLAGS);
      continue;
    }
    if ((flags & IN_KEPT) == 0) {
      store<u16>(list + (kept << 1), <u16>((slot - tlb) >> 5));
      kept++;
    }
    store<u32>(slot, (flags & ~IN_FRESH) | IN_KEPT, TLB_FLAGS);
  }
  store<u32>(counter, kept << 16);
}

/** Forgets every translation of every address space, global ones as well. */
export function flushAll(s: usize): void {
  flushJumpCache(s);
  store<u64>(s, load<u64>(s, COUNT_TLB_FLUSHES) + 1, COUNT_TLB_FLUSHES);
  store<u32>(s, 0, LARGE_SEEN);
  store<u32>(s, 0, USER_CODE_GLOBAL);
  const current = s + load<u32>(s, CONTEXT_CURRENT);
  for (let i: u32 = 0; i < <u32>CONTEXT_COUNT; i++) {
    const context = s + CONTEXTS + i * CONTEXT_SIZE;
    const counter = context == current ? s + TLB_FILLED_USER_COUNT : context + CONTEXT_FILLED;
    emptyAll(load<u32>(context, CONTEXT_TLB), load<u32>(context, CONTEXT_LIST), counter);
  }
  emptyAll(load<u32>(s, TLB_SUPERVISOR), load<u32>(s, TLB_FILLED_SUPERVISOR), s + TLB_FILLED_SUPERVISOR_COUNT);
}

/** Forgets every translation of user mode, global ones as well. */
export function flushUser(s: usize): void {
  emptyAll(load<u32>(s, TLB_USER), load<u32>(s, TLB_FILLED_USER), s + TLB_FILLED_USER_COUNT);
  store<u32>(s, 0, USER_UNCHECKED);
}

/** Forgets every translation of the current address space but the global ones: a CR3 write. */
export function flushLocal(s: usize): void {
  emptyFresh(load<u32>(s, TLB_USER), load<u32>(s, TLB_FILLED_USER), s + TLB_FILLED_USER_COUNT);
  forgetUserCode(s);
  flushKernelLocal(s);
}

/** The kernel's part of {@link flushLocal}: what it knows of its own code stays when all of that is global. */
export function flushKernelLocal(s: usize): void {
  store<u64>(s, load<u64>(s, COUNT_TLB_FLUSHES) + 1, COUNT_TLB_FLUSHES);
  emptyFresh(load<u32>(s, TLB_SUPERVISOR), load<u32>(s, TLB_FILLED_SUPERVISOR), s + TLB_FILLED_SUPERVISOR_COUNT);
  if (load<u32>(s, KERNEL_CODE_LOCAL) != 0) forgetKernelCode(s);
  else chooseEpoch(s);
}

/** Forgets the translation of one page, large or small, global or not: INVLPG. Other address spaces may keep theirs. */
export function flushPage(s: usize, va: u64): void {
  // Code of the lower half is user mode's, unless the kernel has run some. What is known of code outlasts its entry.
  if (va >> 63 != 0 || load<u32>(s, KERNEL_CODE_LOCAL) != 0) flushJumpCache(s);
  else forgetUserCode(s);
  // Large pages have pieces anywhere in the TLB.
  const pieces = ((load<u32>(s, LARGE_SEEN) >> (<u32>(va >> 63))) & 1) != 0;
  const current = s + load<u32>(s, CONTEXT_CURRENT);
  for (let i: u32 = 0; i < <u32>CONTEXT_COUNT; i++) {
    const context = s + CONTEXTS + i * CONTEXT_SIZE;
    if (load<u32>(context, CONTEXT_PCID) == CONTEXT_UNUSED) continue;
    const counter = context == current ? s + TLB_FILLED_USER_COUNT : context + CONTEXT_FILLED;
    const dropped = dropPage(load<u32>(context, CONTEXT_TLB), load<u32>(context, CONTEXT_LIST), load<u32>(counter), va, pieces);
    if (context != current && (dropped || load<u32>(s, USER_CODE_GLOBAL) != 0)) store<u32>(context, 0, CONTEXT_EPOCH);
  }
  dropPage(load<u32>(s, TLB_SUPERVISOR), load<u32>(s, TLB_FILLED_SUPERVISOR), load<u32>(s, TLB_FILLED_SUPERVISOR_COUNT), va, pieces);
}

/** @returns whether there was something to drop, or may have been */
function dropPage(tlb: usize, list: usize, count: u32, va: u64, pieces: bool): bool {
  const slot = tlb + (<usize>(va >> 7) & 0x1ffe0);
  const covered = covers(slot, va, 12);
  if (covered) empty(slot);
  if (!pieces) return covered;
  const kept = count >> 16;
  for (let i: u32 = 0; i < kept; i++) dropPiece(listed(tlb, list, i), va);
  for (let i = LIST_CAPACITY - (count & 0xffff); i < LIST_CAPACITY; i++) dropPiece(listed(tlb, list, i), va);
  return true;
}

/** Drops an entry that is a piece of the large page that `va` lies in. */
function dropPiece(slot: usize, va: u64): void {
  const flags = load<u32>(slot, TLB_FLAGS);
  if ((flags & LARGE) != 0 && covers(slot, va, (flags >> 8) & 0xff)) empty(slot);
}

function covers(slot: usize, va: u64, shift: u64): bool {
  const wanted = va >> shift;
  return (
    load<u64>(slot, TLB_READ) >> shift == wanted ||
    load<u64>(slot, TLB_WRITE) >> shift == wanted ||
    load<u64>(slot, TLB_EXECUTE) >> shift == wanted
  );
}

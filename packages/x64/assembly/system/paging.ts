/**
 * The software TLB: filled from page walk and second level, emptied by what the architecture says empties it.
 *
 * Pages that must be looked at on every access (watched by a data breakpoint, or a user page that SMAP guards) get an
 * entry whose addend is valid and whose tags stay empty: the access that filled it succeeds, the next comes here again.
 *
 * Which entries are filled is kept in a list of u32 addresses per TLB, so that flushing costs what was filled:
 *
 *     [0 … kept)                entries with global pages that outlived a CR3 write
 *     [4096 - fresh … 4096)     entries filled since
 *
 * TLB_FILLED_*_COUNT holds kept << 16 | fresh. The entry's flags word says which parts it is in.
 */
import {
  COUNT_TLB_FLUSHES,
  COUNT_TLB_MISSES,
  CR4,
  EFER,
  EXIT_GPA,
  FAULT_CANONICAL,
  TLB_CURRENT,
  TLB_FILLED_SUPERVISOR,
  TLB_FILLED_SUPERVISOR_COUNT,
  TLB_FILLED_USER,
  TLB_FILLED_USER_COUNT,
  TLB_SUPERVISOR,
  TLB_USER,
} from '../state';
import { codeWritten, flushJumpCache, holdsCode } from '../code';
import { faultCode } from '../op';
import {
  entryOf,
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
} from '../memory';
import { implicitAccess } from './access';
import { watch, watched } from './breakpoints';
import { canonical, CR4_SMAP, EFER_LMA } from './machine';
import {
  EXECUTE,
  IMPLICIT,
  pageExecutable,
  pageGlobal,
  pageGpa,
  pageShift,
  pageUser,
  pageWritable,
  READ,
  USER,
  walk,
  WRITE,
} from './page-walk';
import { SLAT_EXECUTE, SLAT_READ, SLAT_WRITE, slatEntry } from './second-level';

const LIST_CAPACITY: u32 = 4096;

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

/** Makes the page of `a` executable. @returns FILL_* */
export function fillExec(s: usize, a: u64): i32 {
  return fill(s, a, 1, EXECUTE);
}

function fill(s: usize, a: u64, size: u32, kind: u32): i32 {
  store<u64>(s, load<u64>(s, COUNT_TLB_MISSES) + 1, COUNT_TLB_MISSES);
  if ((load<u64>(s, EFER) & EFER_LMA) != 0 && !canonical(a)) {
    faultCode(s, 13, 0);
    store<u32>(s, 1, FAULT_CANONICAL);
    return FILL_FAULT;
  }
  const userTlb = load<u32>(s, TLB_CURRENT) == load<u32>(s, TLB_USER);
  let access = kind;
  if (userTlb) access |= USER;
  else if (implicitAccess) access |= IMPLICIT;
  if (!walk(s, a, access)) return FILL_FAULT;

  const entry = slatEntry(s, pageGpa);
  const need = kind == WRITE ? SLAT_WRITE : kind == EXECUTE ? SLAT_EXECUTE : SLAT_READ;
  if ((entry & need) == 0) {
    store<u64>(s, pageGpa, EXIT_GPA);
    return FILL_MMIO;
  }

  const page = a & PAGE_MASK;
  const slot = entryOf(s, a);
  const guarded = !userTlb && pageUser && (load<u64>(s, CR4) & CR4_SMAP) != 0;
  const onWatch = watched(s, page);
  const apart = guarded || onWatch;
  if (onWatch && kind != EXECUTE && !implicitAccess) watch(s, a, size, kind == WRITE);
  const host = <usize>(entry & 0xfffff000);
  const code = holdsCode(s, host);
  if (apart && code && kind == WRITE) codeWritten(s, host + (<usize>a & 0xfff), size);
  store<u64>(slot, !apart && (entry & SLAT_READ) != 0 ? page : TLB_EMPTY, TLB_READ);
  const writable = !apart && pageWritable && (entry & SLAT_WRITE) != 0;
  store<u64>(slot, writable ? (code ? page | TLB_CODE : page) : TLB_EMPTY, TLB_WRITE);
  store<u64>(slot, pageExecutable && !guarded && (entry & SLAT_EXECUTE) != 0 ? page : TLB_EMPTY, TLB_EXECUTE);
  store<u32>(slot, <u32>host - <u32>page, TLB_ADDEND);
  enlist(s, slot, userTlb);
  return FILL_RAM;
}

/** Enters a slot that was just filled into the list of its TLB. */
function enlist(s: usize, slot: usize, userTlb: bool): void {
  const before = load<u32>(slot, TLB_FLAGS);
  let flags = before & (IN_FRESH | IN_KEPT);
  if (pageGlobal) flags |= GLOBAL;
  if (pageShift != 12) flags |= LARGE | (pageShift << 8);
  if ((flags & IN_FRESH) == 0 && !(pageGlobal && (flags & IN_KEPT) != 0)) {
    const list = <usize>(userTlb ? load<u32>(s, TLB_FILLED_USER) : load<u32>(s, TLB_FILLED_SUPERVISOR));
    const counter = s + (userTlb ? TLB_FILLED_USER_COUNT : TLB_FILLED_SUPERVISOR_COUNT);
    let count = load<u32>(counter);
    if ((count >> 16) + (count & 0xffff) >= LIST_CAPACITY) {
      const read = load<u64>(slot, TLB_READ);
      const write = load<u64>(slot, TLB_WRITE);
      const execute = load<u64>(slot, TLB_EXECUTE);
      emptyList(list, counter);
      store<u64>(slot, read, TLB_READ);
      store<u64>(slot, write, TLB_WRITE);
      store<u64>(slot, execute, TLB_EXECUTE);
      flags &= ~(IN_FRESH | IN_KEPT);
      count = 0;
    }
    count++;
    store<u32>(counter, count);
    store<u32>(list + ((LIST_CAPACITY - (count & 0xffff)) << 2), <u32>slot);
    flags |= IN_FRESH;
  }
  store<u32>(slot, flags, TLB_FLAGS);
}

/** Empties one entry; it stays in the lists it is in. */
function empty(slot: usize): void {
  store<u64>(slot, TLB_EMPTY, TLB_READ);
  store<u64>(slot, TLB_EMPTY, TLB_WRITE);
  store<u64>(slot, TLB_EMPTY, TLB_EXECUTE);
}

function emptyList(list: usize, counter: usize): void {
  const count = load<u32>(counter);
  const kept = count >> 16;
  const fresh = count & 0xffff;
  for (let i: u32 = 0; i < kept; i++) forget(load<u32>(list + (i << 2)));
  for (let i = LIST_CAPACITY - fresh; i < LIST_CAPACITY; i++) forget(load<u32>(list + (i << 2)));
  store<u32>(counter, 0);
}

function forget(slot: usize): void {
  empty(slot);
  store<u32>(slot, 0, TLB_FLAGS);
}

/** Empties the entries that are not global. */
function emptyFresh(list: usize, counter: usize): void {
  const count = load<u32>(counter);
  let kept = count >> 16;
  // Upwards: what is appended at `kept` never overtakes what is still to be read.
  for (let i = LIST_CAPACITY - (count & 0xffff); i < LIST_CAPACITY; i++) {
    const slot: usize = load<u32>(list + (i << 2));
    const flags = load<u32>(slot, TLB_FLAGS);
    if ((flags & GLOBAL) == 0) {
      empty(slot);
      store<u32>(slot, flags & IN_KEPT, TLB_FLAGS);
      continue;
    }
    if ((flags & IN_KEPT) == 0) {
      store<u32>(list + (kept << 2), <u32>slot);
      kept++;
    }
    store<u32>(slot, (flags & ~IN_FRESH) | IN_KEPT, TLB_FLAGS);
  }
  store<u32>(counter, kept << 16);
}

/** Forgets every translation, global ones as well. */
export function flushAll(s: usize): void {
  flushJumpCache(s);
  store<u64>(s, load<u64>(s, COUNT_TLB_FLUSHES) + 1, COUNT_TLB_FLUSHES);
  emptyList(load<u32>(s, TLB_FILLED_USER), s + TLB_FILLED_USER_COUNT);
  emptyList(load<u32>(s, TLB_FILLED_SUPERVISOR), s + TLB_FILLED_SUPERVISOR_COUNT);
}

/** Forgets every translation but the global ones: a CR3 write. */
export function flushLocal(s: usize): void {
  flushJumpCache(s);
  store<u64>(s, load<u64>(s, COUNT_TLB_FLUSHES) + 1, COUNT_TLB_FLUSHES);
  emptyFresh(load<u32>(s, TLB_FILLED_USER), s + TLB_FILLED_USER_COUNT);
  emptyFresh(load<u32>(s, TLB_FILLED_SUPERVISOR), s + TLB_FILLED_SUPERVISOR_COUNT);
}

/** Forgets the translation of one page, large or small, global or not: INVLPG. */
export function flushPage(s: usize, va: u64): void {
  flushJumpCache(s);
  dropPage(load<u32>(s, TLB_USER), load<u32>(s, TLB_FILLED_USER), load<u32>(s, TLB_FILLED_USER_COUNT), va);
  dropPage(load<u32>(s, TLB_SUPERVISOR), load<u32>(s, TLB_FILLED_SUPERVISOR), load<u32>(s, TLB_FILLED_SUPERVISOR_COUNT), va);
}

function dropPage(tlb: usize, list: usize, count: u32, va: u64): void {
  const slot = tlb + (<usize>(va >> 7) & 0x1ffe0);
  if (covers(slot, va, 12)) empty(slot);
  const kept = count >> 16;
  for (let i: u32 = 0; i < kept; i++) dropPiece(load<u32>(list + (i << 2)), va);
  for (let i = LIST_CAPACITY - (count & 0xffff); i < LIST_CAPACITY; i++) dropPiece(load<u32>(list + (i << 2)), va);
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

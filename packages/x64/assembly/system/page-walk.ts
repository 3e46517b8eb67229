/**
 * Page walk: linear address → guest-physical address, with the rights of the page (APM volume 2 chapter 5).
 *
 * Four levels in long mode, three with PAE, two without; pages of 4 KiB, 2 MiB (4 MiB without PAE) and 1 GiB. Accessed
 * and dirty bits are set by compare-exchange once all checks have passed, so that a fault leaves the tables as they were
 * and two VPs never lose each other's updates.
 *
 * PDPTEs of PAE paging are read at each walk, as AMD allows; MOV CR3 does not preload them.
 */
import { faultCode } from '../op';
import { CR0, CR3, CR4, EFER, FAULT_ADDRESS, FLAG_SYSTEM, PHYSICAL_WIDTH, SYSTEM_SCRATCH } from '../../src/state';
import { CR0_PG, CR0_WP, CR4_PAE, CR4_PGE, CR4_PSE, CR4_SMAP, CR4_SMEP, EFER_LMA, EFER_NXE, FLAG_AC } from './machine';
import { answer, answered, exitGpa, systemAddress } from './second-level';

/** Kinds of access, to be or-ed. */
export const READ: u32 = 0;
export const WRITE: u32 = 1;
export const EXECUTE: u32 = 2;
/** By user mode. */
export const USER: u32 = 4;
/** By the processor itself (descriptor tables, TSS): SMAP does not look at RFLAGS.AC. */
export const IMPLICIT: u32 = 8;

/** Bits 12-51: an address in an entry. Those beyond the physical width are reserved. */
const TABLE_MASK: u64 = 0x000ffffffffff000;
const NX: u64 = 1 << 63;

const ENTRY_PRESENT: u64 = 1;
const ENTRY_WRITABLE: u64 = 2;
const ENTRY_USER: u64 = 4;
const ENTRY_ACCESSED: u64 = 0x20;
const ENTRY_DIRTY: u64 = 0x40;
const ENTRY_LARGE: u64 = 0x80;
const ENTRY_GLOBAL: u64 = 0x100;

const PF_PRESENT: u32 = 1;
const PF_WRITE: u32 = 2;
const PF_USER: u32 = 4;
const PF_RESERVED: u32 = 8;
const PF_FETCH: u32 = 16;

// What the last successful walk found.

/** Guest-physical address of the byte. */
export let pageGpa: u64 = 0;
/** Bytes that the translation covers, as a shift: 12, 21, 22 or 30. */
export let pageShift: u32 = 12;
/** Writes are allowed to the privilege that asked, and the dirty bit is set already. */
export let pageWritable: bool = false;
/** Fetches are allowed to the privilege that asked. */
export let pageExecutable: bool = false;
/** User mode may use the page. */
export let pageUser: bool = false;
/** The page survives CR3 writes. */
export let pageGlobal: bool = false;

/**
 * Translates `va` for `access`.
 * @returns false when a fault or an exit was set
 */
export function walk(s: usize, va: u64, access: u32): bool {
  if ((load<u64>(s, CR0) & CR0_PG) == 0) {
    pageGpa = va & 0xffffffff;
    pageShift = 12;
    pageWritable = pageExecutable = pageUser = pageGlobal = true;
    return true;
  }
  while (true) {
    const outcome = attempt(s, va, access);
    if (outcome != AGAIN) return outcome == DONE;
  }
}

const DONE: i32 = 0;
const FAILED: i32 = 1;
/** Another VP changed an entry between our look and our update. */
const AGAIN: i32 = 2;

function attempt(s: usize, va: u64, access: u32): i32 {
  const cr4 = load<u64>(s, CR4);
  const efer = load<u64>(s, EFER);
  const long = (efer & EFER_LMA) != 0;
  const wide = long || (cr4 & CR4_PAE) != 0;
  const indexBits: u64 = wide ? 9 : 10;
  const entryLog: u64 = wide ? 3 : 2;
  const top: i32 = long ? 3 : wide ? 2 : 1;
  const noExecute = wide && (efer & EFER_NXE) != 0;
  let code: u32 = 0;
  if ((access & WRITE) != 0) code |= PF_WRITE;
  if ((access & USER) != 0) code |= PF_USER;
  if ((access & EXECUTE) != 0 && (noExecute || (cr4 & CR4_SMEP) != 0)) code |= PF_FETCH;
  if (!long) va &= 0xffffffff;

  const tooWide = TABLE_MASK & ~(((<u64>1) << (<u64>load<u32>(s, PHYSICAL_WIDTH))) - 1);
  const cr3 = load<u64>(s, CR3);
  let table: u64 = long ? cr3 & TABLE_MASK : wide ? cr3 & 0xffffffe0 : cr3 & 0xfffff000;
  let rights: u64 = ENTRY_WRITABLE | ENTRY_USER;
  let nx: u64 = 0;
  let level = top;
  let shift: u64 = 0;
  let entry: u64 = 0;
  while (true) {
    shift = 12 + indexBits * <u64>level;
    const at = table + (((va >> shift) & ((1 << indexBits) - 1)) << entryLog);
    const host = systemAddress(s, at, 1);
    if (host == 0) {
      if (!answered(s, at)) {
        exitGpa(s, at, 1 << (<u32>entryLog), 0, 0);
        return FAILED;
      }
      entry = answer;
    } else entry = wide ? atomic.load<u64>(host) : <u64>atomic.load<u32>(host);
    remember(s, level, at, host, entry);
    if ((entry & ENTRY_PRESENT) == 0) return pageFault(s, va, code);

    const pointer = wide && !long && level == 2;
    let reserved: u64 = wide ? entry & tooWide : 0;
    if (pointer) reserved = entry & (tooWide | 0xfff00000000001e6);
    else if (wide && !long) reserved |= entry & 0x7ff0000000000000;
    if (wide && !noExecute) reserved |= entry & NX;
    const large = level > 0 && level < 3 && !pointer && (entry & ENTRY_LARGE) != 0 && (wide || (cr4 & CR4_PSE) != 0);
    if (level == 3 && (entry & ENTRY_LARGE) != 0) reserved |= 1;
    if (large) {
      // Bit 12 is PAT; without PAE bits 13-20 are address bits 32-39 (PSE-36).
      if (wide) reserved |= entry & ((1 << shift) - 1) & ~0x1fff;
      else reserved |= entry & 0x200000;
    }
    if (reserved != 0) return pageFault(s, va, code | PF_PRESENT | PF_RESERVED);
    if (!pointer) {
      rights &= entry;
      if (noExecute) nx |= entry & NX;
    }
    if (level == 0 || large) break;
    table = wide ? entry & TABLE_MASK : entry & 0xfffff000;
    level--;
  }

  const user = (rights & ENTRY_USER) != 0;
  const byUser = (access & USER) != 0;
  const smepForbids = !byUser && user && (cr4 & CR4_SMEP) != 0;
  let allowed = user || !byUser;
  if ((cr4 & CR4_SMAP) != 0 && user && !byUser && (access & EXECUTE) == 0) {
    if ((access & IMPLICIT) != 0 || (load<u32>(s, FLAG_SYSTEM) & FLAG_AC) == 0) allowed = false;
  }
  const mayWrite = (rights & ENTRY_WRITABLE) != 0 || (!byUser && (load<u64>(s, CR0) & CR0_WP) == 0);
  const mayExecute = nx == 0 && !smepForbids;
  if ((access & WRITE) != 0 && !mayWrite) allowed = false;
  if ((access & EXECUTE) != 0 && !mayExecute) allowed = false;
  if (!allowed) return pageFault(s, va, code | PF_PRESENT);

  for (let at = top; at >= level; at--) {
    if (wide && !long && at == 2) continue; // PDPTEs have no accessed bit
    let want: u64 = ENTRY_ACCESSED;
    if (at == level && (access & WRITE) != 0) want |= ENTRY_DIRTY;
    const outcome = update(s, at, want, wide);
    if (outcome != DONE) return outcome;
  }

  let base: u64;
  if (level == 0) base = wide ? entry & TABLE_MASK : entry & 0xfffff000;
  else if (wide) base = entry & TABLE_MASK & ~((1 << shift) - 1);
  else base = (entry & 0xffc00000) | ((entry & 0x1fe000) << 19);
  pageGpa = base | (va & ((1 << shift) - 1));
  pageShift = <u32>shift;
  pageWritable = mayWrite && ((access & WRITE) != 0 || (entry & ENTRY_DIRTY) != 0);
  pageExecutable = mayExecute;
  pageUser = user;
  pageGlobal = (entry & ENTRY_GLOBAL) != 0 && (cr4 & CR4_PGE) != 0;
  return DONE;
}

function pageFault(s: usize, va: u64, code: u32): i32 {
  faultCode(s, 14, code);
  store<u64>(s, va, FAULT_ADDRESS);
  return FAILED;
}

// SYSTEM_SCRATCH: per level {host address u32, guest page u32, entry u64}.

function remember(s: usize, level: i32, gpa: u64, host: usize, entry: u64): void {
  const slot = s + SYSTEM_SCRATCH + ((<usize>level) << 4);
  store<u32>(slot, <u32>host);
  store<u32>(slot, <u32>(gpa >> 12), 4);
  store<u64>(slot, entry, 8);
}

/** Sets bits in the entry that was remembered for `level`, unless it changed. */
function update(s: usize, level: i32, want: u64, wide: bool): i32 {
  const slot = s + SYSTEM_SCRATCH + ((<usize>level) << 4);
  const entry = load<u64>(slot, 8);
  if ((entry & want) == want) return DONE;
  const host: usize = load<u32>(slot);
  if (host == 0) return DONE; // the entry is no memory: there is nothing to update
  const gpa = (<u64>load<u32>(slot, 4) << 12) | <u64>(host & 0xfff);
  if (systemAddress(s, gpa, 2) != host) {
    exitGpa(s, gpa, wide ? 8 : 4, 1, entry | want);
    return FAILED;
  }
  if (wide) return atomic.cmpxchg<u64>(host, entry, entry | want) == entry ? DONE : AGAIN;
  return atomic.cmpxchg<u32>(host, <u32>entry, <u32>(entry | want)) == <u32>entry ? DONE : AGAIN;
}

/** Writes to pages that hold decoded code: marks that send writers here, and what a write takes away. */
import { dropForOthers } from '../cross';
import { TLB_ADDEND, TLB_CODE, TLB_ENTRY_COUNT, TLB_ENTRY_SIZE, TLB_WRITE } from '../memory';
import {
  CODE_MASKS,
  CONTEXTS,
  CONTEXT_COUNT,
  CONTEXT_PCID,
  CONTEXT_SIZE,
  CONTEXT_TLB,
  CONTEXT_UNUSED,
  TLB_SUPERVISOR,
  VP_COUNT,
  VP_TABLE,
} from '../../src/state';
import { dropPage } from './pages';

/** Marks a 64-byte chunk of a system page as holding code; its writers take the slow path from now on. */
export function markChunk(s: usize, page: usize, chunk: u32): void {
  const masks: usize = load<u32>(s, CODE_MASKS);
  if (masks == 0) return;
  const slot = masks + ((page >> 12) << 3);
  const bit: u64 = (<u64>1) << (<u64>chunk);
  const before = load<u64>(slot);
  if ((before & bit) != 0) return;
  if (atomic.or<u64>(slot, bit) == 0) protectPage(s, page);
}

/** Takes the fast write path to a page from the TLBs of all VPs of the partition. */
function protectPage(s: usize, page: usize): void {
  const count = load<u32>(s, VP_COUNT);
  const table: usize = load<u32>(s, VP_TABLE);
  if (count < 2 || table == 0) return protectFor(s, page);
  for (let i: u32 = 0; i < count; i++) protectFor(load<u32>(table + (i << 2)), page);
}

/** In the TLBs of one VP: the kernel's, and those of the contexts that were ever used. */
function protectFor(s: usize, page: usize): void {
  protectIn(load<u32>(s, TLB_SUPERVISOR), page);
  for (let i: u32 = 0; i < <u32>CONTEXT_COUNT; i++) {
    const context = s + CONTEXTS + i * CONTEXT_SIZE;
    if (atomic.load<u32>(context, CONTEXT_PCID) != CONTEXT_UNUSED) protectIn(load<u32>(context, CONTEXT_TLB), page);
  }
}

function protectIn(tlb: usize, page: usize): void {
  for (let i: u32 = 0; i < TLB_ENTRY_COUNT; i++) {
    const entry = tlb + i * TLB_ENTRY_SIZE;
    const tag = load<u64>(entry, TLB_WRITE);
    if ((tag & 0xfff) == 0 && <u32>tag + load<u32>(entry, TLB_ADDEND) == <u32>page)
      store<u64>(entry, tag | TLB_CODE, TLB_WRITE);
  }
}

/**
 * A write of `size` bytes at `host`, inside one page that holds code, is about to happen: drops the page's blocks when
 * it touches a chunk with code. @returns whether the page holds no code any more
 */
export function codeWritten(s: usize, host: usize, size: u32): bool {
  const page = host & ~0xfff;
  const slot = <usize>load<u32>(s, CODE_MASKS) + ((page >> 12) << 3);
  const from = <u64>(((<u32>host) & 0xfff) >> 6);
  const to = <u64>((((<u32>host) & 0xfff) + size - 1) >> 6);
  const touched = ((<u64>-1) << from) & ((<u64>-1) >> (63 - to));
  const mask = atomic.load<u64>(slot);
  if (mask == 0) return true;
  if ((mask & touched) == 0) return false;
  atomic.store<u64>(slot, 0);
  dropPage(s, page);
  if (load<u32>(s, VP_COUNT) > 1) dropForOthers(s, page);
  return true;
}

/** Whether a system page is marked as holding decoded code: then its write tag gets TLB_CODE. */
export function holdsCode(s: usize, host: usize): bool {
  const masks: usize = load<u32>(s, CODE_MASKS);
  return masks != 0 && atomic.load<u64>(masks + ((host >> 12) << 3)) != 0;
}

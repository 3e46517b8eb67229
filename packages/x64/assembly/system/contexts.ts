/**
 * Address spaces that CR4.PCIDE keeps apart (APM volume 2 section 5.5.1; Intel SDM volume 3 section 4.10).
 *
 * User mode has a TLB for each of a few PCIDs; the one that was used longest ago gives way to a new one. The kernel has one
 * TLB: its pages are global, and of the few that are not (user pages that it copied from) none outlives a change of the
 * PCID. Without PCIDE the current context is the only one.
 */
import { nextEpoch } from '../blocks/pages';
import {
  CONTEXTS,
  CONTEXT_CLOCK,
  CONTEXT_COUNT,
  CONTEXT_CURRENT,
  CONTEXT_EPOCH,
  CONTEXT_FILLED,
  CONTEXT_LIST,
  CONTEXT_PCID,
  CONTEXT_SIZE,
  CONTEXT_TLB,
  CONTEXT_UNUSED,
  CONTEXT_USED,
  COUNT_TLB_FLUSHES,
  EPOCH_USER,
  TLB_FILLED_USER,
  TLB_FILLED_USER_COUNT,
  TLB_USER,
  USER_UNCHECKED,
} from '../../src/state';
import { emptyAll, emptyFresh, flushKernelLocal, flushLocal } from './paging';

/** Makes `pcid` the current address space. `keep`: what is known of it stays (bit 63 of what goes to CR3). */
export function switchContext(s: usize, pcid: u32, keep: bool): void {
  const current = s + load<u32>(s, CONTEXT_CURRENT);
  if (load<u32>(current, CONTEXT_PCID) == pcid) {
    if (!keep) flushLocal(s);
    return;
  }
  store<u32>(current, load<u32>(s, TLB_FILLED_USER_COUNT), CONTEXT_FILLED);
  store<u32>(current, load<u32>(s, EPOCH_USER), CONTEXT_EPOCH);
  let next = find(s, pcid);
  if (next == 0) {
    next = oldest(s, current);
    emptyAll(load<u32>(next, CONTEXT_TLB), load<u32>(next, CONTEXT_LIST), next + CONTEXT_FILLED);
    store<u32>(next, 0, CONTEXT_EPOCH);
    atomic.store<u32>(next + CONTEXT_PCID, pcid);
  } else if (!keep) forgetContext(next);
  const now = load<u32>(s, CONTEXT_CLOCK) + 1;
  store<u32>(s, now, CONTEXT_CLOCK);
  store<u32>(next, now, CONTEXT_USED);
  store<u32>(s, <u32>(next - s), CONTEXT_CURRENT);
  store<u32>(s, load<u32>(next, CONTEXT_TLB), TLB_USER);
  store<u32>(s, load<u32>(next, CONTEXT_LIST), TLB_FILLED_USER);
  store<u32>(s, load<u32>(next, CONTEXT_FILLED), TLB_FILLED_USER_COUNT);
  store<u32>(s, 1, USER_UNCHECKED);
  const epoch = load<u32>(next, CONTEXT_EPOCH);
  if (epoch != 0) store<u32>(s, epoch, EPOCH_USER);
  else store<u32>(s, nextEpoch(s), EPOCH_USER);
  flushKernelLocal(s);
}

/** After CR4.PCIDE changed, and every TLB was emptied: the current context is that of PCID 0, and there is no other. */
export function resetContexts(s: usize): void {
  const current = s + load<u32>(s, CONTEXT_CURRENT);
  for (let i: u32 = 0; i < <u32>CONTEXT_COUNT; i++) {
    const context = s + CONTEXTS + i * CONTEXT_SIZE;
    atomic.store<u32>(context + CONTEXT_PCID, context == current ? 0 : CONTEXT_UNUSED);
  }
}

/** INVPCID of one context: all of it but global pages. */
export function invalidateContext(s: usize, pcid: u32): void {
  const context = find(s, pcid);
  if (context == s + load<u32>(s, CONTEXT_CURRENT)) flushLocal(s);
  else if (context != 0) forgetContext(context);
}

/** INVPCID of all contexts, global pages excepted. */
export function invalidateContexts(s: usize): void {
  const current = s + load<u32>(s, CONTEXT_CURRENT);
  for (let i: u32 = 0; i < <u32>CONTEXT_COUNT; i++) {
    const context = s + CONTEXTS + i * CONTEXT_SIZE;
    if (context != current) forgetContext(context);
  }
  flushLocal(s);
}

/** Forgets which address means which code in a context that is not current. */
export function forgetCodeOf(s: usize, pcid: u32): void {
  const context = find(s, pcid);
  if (context != 0) store<u32>(context, 0, CONTEXT_EPOCH);
}

function forgetContext(context: usize): void {
  emptyFresh(load<u32>(context, CONTEXT_TLB), load<u32>(context, CONTEXT_LIST), context + CONTEXT_FILLED);
  store<u32>(context, 0, CONTEXT_EPOCH);
}

/** The record of a PCID, 0 when it has none. */
function find(s: usize, pcid: u32): usize {
  for (let i: u32 = 0; i < <u32>CONTEXT_COUNT; i++) {
    const context = s + CONTEXTS + i * CONTEXT_SIZE;
    if (load<u32>(context, CONTEXT_PCID) == pcid) return context;
  }
  return 0;
}

function oldest(s: usize, current: usize): usize {
  let found: usize = 0;
  for (let i: u32 = 0; i < <u32>CONTEXT_COUNT; i++) {
    const context = s + CONTEXTS + i * CONTEXT_SIZE;
    if (context == current) continue;
    if (load<u32>(context, CONTEXT_PCID) == CONTEXT_UNUSED) return context;
    if (found == 0 || load<u32>(context, CONTEXT_USED) < load<u32>(found, CONTEXT_USED)) found = context;
  }
  return found;
}

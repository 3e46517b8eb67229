/**
 * What a debugger outside the guest waits for: breakpoints, watchpoints, MSRs, single steps. It has no part in the guest's own
 * debug registers, and the guest cannot see it.
 *
 * The partition's debug table (drawn in `state.ts`) says for what. Nothing here is asked while nobody debugs:
 *
 * - A breakpoint is an op of its own, put before the instruction when a block is decoded. As decoded code is known by its
 *   system page, whatever the linear address, every instruction at the same offset of any page gets the op, which compares
 *   the whole address. Whoever adds a breakpoint empties the arenas; one that was taken away leaves ops that find nothing.
 *   An op of this kind counts as no instruction, so blocks end where they would end without.
 * - A watched page has TLB entries without tags, as one that is watched by a debug register has: see `system/paging.ts`. The
 *   access that hits starts its instruction over, alone, so that the stop comes right behind it.
 */
import { BLOCK_HEADER, BLOCK_STOPS } from './blocks/layout';
import { EXIT_DEBUG, EXIT_GPA_ACCESS, EXIT_IO_STRING } from '../src/exits';
import { linearRip } from './blocks/lookup';
import { EXIT, EXIT_FAULT, HOT_LIMIT, JUMP, NEXT, OP_PLACE, OP_SIZE, ripOf } from './op';
import {
  CAUSE_BREAKPOINT,
  CAUSE_READ_MSR,
  CAUSE_STEP,
  CAUSE_WATCHPOINT,
  CAUSE_WATCHPOINT_AHEAD,
  CAUSE_WRITE_MSR,
  CHARGE,
  DEBUG_ADDRESS,
  DEBUG_BREAKPOINTS,
  DEBUG_BREAKPOINT_COUNT,
  DEBUG_CAUSE,
  DEBUG_EXACT,
  DEBUG_MSRS,
  DEBUG_MSR_COUNT,
  DEBUG_OFFSETS,
  DEBUG_PENDING,
  DEBUG_TABLE,
  DEBUG_WATCHPOINTS,
  DEBUG_WATCHPOINT_COUNT,
  EXIT_REASON,
  FAULT_VECTOR,
  INJECT_VECTOR,
  MODE,
  RIP,
  SHADOW,
  SINGLE,
  SINGLE_DONE,
  SINGLE_STEP,
  SINGLE_WAKE,
  SINGLE_WATCHED,
  WATCH_READ,
  WATCH_WRITE,
} from '../src/state';
import { INJECT_EXCEPTION, takeEvents } from './system/exceptions';

/** The handler of the op that stands for a breakpoint. */
// @ts-ignore: decorator
@inline
export function breakpointHandler(): u32 {
  return HOT_LIMIT + load<u32>(changetype<usize>(opBreakpoint));
}

/** Whether an instruction at this offset of some page has a breakpoint. */
export function breakpointAtOffset(s: usize, offset: u32): bool {
  const table: usize = load<u32>(s, DEBUG_TABLE);
  if (table == 0 || load<u32>(table, DEBUG_BREAKPOINT_COUNT) == 0) return false;
  return ((load<u8>(table + DEBUG_OFFSETS + (offset >> 3)) >> <u8>(offset & 7)) & 1) != 0;
}

/** Whether a breakpoint is at a linear address. */
function breakpointAt(s: usize, linear: u64): bool {
  if (!breakpointAtOffset(s, (<u32>linear) & 0xfff)) return false;
  const table: usize = load<u32>(s, DEBUG_TABLE);
  const count = load<u32>(table, DEBUG_BREAKPOINT_COUNT);
  for (let i: u32 = 0; i < count; i++) if (load<u64>(table + DEBUG_BREAKPOINTS + (i << 3)) == linear) return true;
  return false;
}

/** Before an instruction that has a breakpoint in some page. */
export function opBreakpoint(s: usize, p: usize): i32 {
  const rip = ripOf(s, p);
  if (!breakpointAt(s, linearRip(s, rip, load<u32>(s, MODE)))) return NEXT;
  store<u64>(s, rip, RIP);
  return note(s, CAUSE_BREAKPOINT, rip);
}

/** Before an instruction that is run alone, for the guest's sake or by the way of its kind: it has no op of ours. */
export function stopsAtRip(s: usize): bool {
  if (load<u32>(s, DEBUG_TABLE) == 0) return false;
  const rip = load<u64>(s, RIP);
  if (!breakpointAt(s, linearRip(s, rip, load<u32>(s, MODE)))) return false;
  note(s, CAUSE_BREAKPOINT, rip);
  return true;
}

/** Makes the exit of what was met. @returns EXIT */
function note(s: usize, cause: u32, address: u64): i32 {
  store<u32>(s, cause, DEBUG_CAUSE);
  store<u64>(s, address, DEBUG_ADDRESS);
  store<i32>(s, EXIT_DEBUG, EXIT_REASON);
  return EXIT;
}

/** How many of a block's ops up to `p` are breakpoints, which count as no instruction. */
export function stopsUpTo(b: usize, p: usize): i32 {
  if (load<u32>(b, BLOCK_STOPS) == 0) return 0;
  const handler = breakpointHandler();
  let count: i32 = 0;
  for (let at = b + BLOCK_HEADER; at <= p; at += OP_SIZE) count += <i32>(load<u16>(at) == handler);
  return count;
}

/** Whether something is watched in the page at `page`. */
export function pageWatched(s: usize, page: u64): bool {
  const table: usize = load<u32>(s, DEBUG_TABLE);
  const count = load<u32>(table, DEBUG_WATCHPOINT_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const record = table + DEBUG_WATCHPOINTS + (i << 4);
    const first = load<u64>(record);
    if (first < page + 0x1000 && page < first + load<u32>(record, 8)) return true;
  }
  return false;
}

/**
 * An access within one page is about to be made.
 * @returns false when it must not be made yet: its instruction is to start over alone (FAULT_VECTOR is set)
 */
export function watchAccess(s: usize, a: u64, size: u32, write: bool): bool {
  const table: usize = load<u32>(s, DEBUG_TABLE);
  const count = load<u32>(table, DEBUG_WATCHPOINT_COUNT);
  const kind: u32 = write ? WATCH_WRITE : WATCH_READ;
  for (let i: u32 = 0; i < count; i++) {
    const record = table + DEBUG_WATCHPOINTS + (i << 4);
    const first = load<u64>(record);
    if ((load<u32>(record, 12) & kind) == 0 || first >= a + size || a >= first + load<u32>(record, 8)) continue;
    const alone = load<u32>(s, SINGLE) != 0;
    note(s, alone ? CAUSE_WATCHPOINT : CAUSE_WATCHPOINT_AHEAD, first);
    if (!alone) store<i32>(s, EXIT_FAULT, FAULT_VECTOR);
    return alone;
  }
  return true;
}

/** Whether the access that was refused last was refused by {@link watchAccess}. */
export function watchedAhead(s: usize): bool {
  return load<i32>(s, FAULT_VECTOR) == EXIT_FAULT && load<u32>(s, DEBUG_CAUSE) == CAUSE_WATCHPOINT_AHEAD;
}

/** Whether RDMSR or WRMSR of a register is waited for: then the exit is made. A step goes over it. */
export function stopsAtMsr(s: usize, index: u32, write: bool): bool {
  const table: usize = load<u32>(s, DEBUG_TABLE);
  if (table == 0 || load<u32>(s, SINGLE) != 0) return false;
  const count = load<u32>(table, DEBUG_MSR_COUNT);
  const kind: u32 = write ? WATCH_WRITE : WATCH_READ;
  for (let i: u32 = 0; i < count; i++) {
    const record = table + DEBUG_MSRS + (i << 3);
    if (load<u32>(record) != index || (load<u32>(record, 4) & kind) == 0) continue;
    note(s, write ? CAUSE_WRITE_MSR : CAUSE_READ_MSR, index);
    return true;
  }
  return false;
}

/**
 * At the boundary before an instruction that is stepped: what has to be delivered first. Interrupts are not, unless the VP
 * waited for one in HLT.
 * @returns NEXT (run the instruction), or EXIT (leave run(): the step is done, or needs the caller)
 */
export function beforeStep(s: usize): i32 {
  const single = load<u32>(s, SINGLE);
  const injected = load<i32>(s, INJECT_VECTOR);
  const exception = injected >= 0 && (injected & INJECT_EXCEPTION) != 0;
  const begins = (single & (SINGLE_DONE | 1)) == 0;
  const trap = load<u32>(s, DEBUG_PENDING) != 0 && load<u32>(s, SHADOW) != 2;
  if (exception || (begins && (trap || (single & SINGLE_WAKE) != 0))) {
    const outcome = takeEvents(s);
    if (outcome == EXIT) return EXIT;
    if (outcome == JUMP) return stepped(s);
  }
  return (single & SINGLE_DONE) != 0 ? stepped(s) : NEXT;
}

/** The step is done. What is watched and was met comes first. @returns EXIT */
export function stepped(s: usize): i32 {
  store<u32>(s, 0, SINGLE);
  if (load<u32>(s, DEBUG_CAUSE) == CAUSE_WATCHPOINT) return note(s, CAUSE_WATCHPOINT, load<u64>(s, DEBUG_ADDRESS));
  return note(s, CAUSE_STEP, load<u64>(s, RIP));
}

/**
 * Behind an instruction that was run alone: whether run() is to be left for the debugger.
 *
 * @param single - SINGLE before it
 * @param rip - its address
 * @param answered - the caller had answered an access of its
 * @param exited - it ended by an exit to the caller
 * @param faulted - it ended by a fault that was delivered
 */
export function behindSingle(s: usize, single: u32, rip: u64, answered: bool, exited: bool, faulted: bool): bool {
  if (faulted) store<u32>(s, 0, DEBUG_CAUSE);
  if (exited) {
    // It starts over, or the caller has something to do for it first.
    const reason = load<i32>(s, EXIT_REASON);
    const over = (load<u32>(s, SINGLE) & 1) != 0 || reason == EXIT_GPA_ACCESS;
    if (over) store<u32>(s, 0, DEBUG_CAUSE);
    if ((single & SINGLE_STEP) == 0 && load<u32>(s, DEBUG_CAUSE) == 0) return false;
    // Repeated INS and OUTS leave at each element.
    const again = over || (reason == EXIT_IO_STRING && load<u64>(s, RIP) == rip && load<u32>(s, DEBUG_CAUSE) == 0);
    store<u32>(s, load<u32>(s, SINGLE) | stepBits(s) | (again ? 0 : SINGLE_DONE), SINGLE);
    return false;
  }
  if (load<u32>(s, DEBUG_CAUSE) == CAUSE_WATCHPOINT) {
    stepped(s);
    return true;
  }
  if ((single & SINGLE_STEP) == 0) return false;
  // A repeated string instruction is one step.
  if (!faulted && load<u64>(s, RIP) == rip && (answered || load<i32>(s, CHARGE) != 0)) {
    store<u32>(s, stepBits(s), SINGLE);
    return false;
  }
  stepped(s);
  return true;
}

/** Behind EXIT_DEBUG: whether run() goes on by running one instruction alone, whose access is watched. */
export function startsAlone(s: usize): bool {
  if (load<u32>(s, DEBUG_CAUSE) != CAUSE_WATCHPOINT_AHEAD) return false;
  store<u32>(s, 0, DEBUG_CAUSE);
  store<u32>(s, load<u32>(s, DEBUG_EXACT) != 0 ? SINGLE_WATCHED : 1, SINGLE);
  return true;
}

/** What SINGLE has for a step: in an exact run, it takes what would come before its instruction. */
function stepBits(s: usize): u32 {
  return load<u32>(s, DEBUG_EXACT) != 0 ? SINGLE_STEP | SINGLE_WAKE : SINGLE_STEP;
}

/**
 * Behind EXIT_DEBUG that a block was left for: its instruction has not been done.
 *
 * @param unreached - ops of the block from the one that made the exit on
 * @param begun - ops of the same instruction before that
 * @returns how many of the block are left
 */
export function restOfBlock(s: usize, unreached: i32, begun: i32): i32 {
  const cause = load<u32>(s, DEBUG_CAUSE);
  if (cause == CAUSE_BREAKPOINT) return unreached - 1;
  return cause == CAUSE_WATCHPOINT_AHEAD ? unreached + begun : unreached;
}

/** Of those ops, how many execute() took for done. */
export function takenForDone(s: usize, begun: i32): i32 {
  const cause = load<u32>(s, DEBUG_CAUSE);
  if (cause == CAUSE_BREAKPOINT) return 0;
  return cause == CAUSE_WATCHPOINT_AHEAD ? begun : 1;
}

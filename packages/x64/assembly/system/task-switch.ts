/**
 * Hardware task switches, outside long mode: JMP, CALL, IRET and task gates (APM volume 2 section 12.3; Intel SDM volume 3
 * chapter 8).
 *
 * A switch has two halves. In the first everything that it needs is read, and everything that it will write is made
 * writable: a fault belongs to the old task, and the instruction can start over. Then the old task's state is stored and the
 * new one's loaded; what is wrong with its segments from there on are faults of the new task.
 *
 *     32-bit TSS   link 0 · stacks 4-1b · CR3 1c · EIP 20 · EFLAGS 24 · EAX … EDI 28-47 · ES … GS 48-5f · LDT 60 · T 64
 *     16-bit TSS   link 0 · stacks 2-d · IP e · FLAGS 10 · AX … DI 12-21 · ES … DS 22-29 · LDT 2a
 */
import { faultCode } from '../op';
import {
  CR0,
  CR3,
  CS,
  DEBUG_PENDING,
  DR,
  FAULT_CODE,
  FAULT_VECTOR,
  LDTR,
  RIP,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  TR,
} from '../../src/state';
import { clearBits, peek, poke, setBits, touch } from './access';
import {
  GENERAL_PROTECTION,
  INVALID_TSS,
  NOT_PRESENT,
  attributesOf,
  baseOf,
  descriptor,
  descriptorAt,
  limitOf,
  markDescriptor,
  readDescriptor,
} from './descriptors';
import { breakpointsEnabled } from './breakpoints';
import { cancelStep } from './exceptions';
import {
  CR0_PG,
  CR0_TS,
  FLAG_NT,
  FLAG_RF,
  NOT_SYSTEM,
  NULL_SEGMENT,
  PRESENT,
  TYPE,
  TYPE_CE,
  TYPE_CODE,
  TYPE_RW,
  dpl,
  failed,
  gpr,
  record,
  rflags,
  selectorOf,
  setCpl,
  setGpr,
  setRflags,
  setSegment,
  virtual8086,
} from './machine';
import { flushLocal } from './paging';
import { forgetAnswers } from './second-level';
import { SEG_CS, SEG_SS, checkStackSegment, loadCode, loadRealSegment, loadStackSegment } from './segments';
import { commitStack, openStack, push } from './stack';

/** What makes the switch. */
export const TASK_JUMP: u32 = 0;
export const TASK_CALL: u32 = 1;
export const TASK_GATE: u32 = 2;
export const TASK_RETURN: u32 = 3;

const AVAILABLE16: u32 = 1;
const BUSY: u32 = 2;
/** Type bit of 32-bit system segments. */
const WIDE: u32 = 8;
const LDT: u32 = 2;
const LDT_INDEX: u32 = 6;
const LAST32: u32 = 0x67;
const LAST16: u32 = 0x2b;
/** The local enables of DR7, LE among them. */
const LOCAL_BREAKPOINTS: u64 = 0x155;
const DR6_TASK: u32 = 1 << 15;

/** The new task's state is loaded: a fault that is pending is the new task's, and RIP is where it happened. */
export let taskSwitched: bool = false;

/** Before anything that may switch tasks. */
export function beginTransfer(): void {
  taskSwitched = false;
}

// Of the new task: GPRs, then selectors of ES … GS and LDTR, as they are in its TSS.
const REGISTERS: usize = memory.data(8 * 4, 8);
const SELECTORS: usize = memory.data(7 * 4, 8);

/** Reads the TSS that a gate or a back link names. `vector`: what a bad selector raises. @returns false on a fault */
export function readTask(s: usize, selector: u32, vector: i32, busy: bool, ext: u32): bool {
  const error = (selector & 0xfffc) | ext;
  if ((selector & 0xfffc) == 0 || (selector & 4) != 0) return refused(s, vector, error);
  if (!readDescriptor(s, selector, vector)) return false;
  const type = attributesOf(descriptor) & (TYPE | NOT_SYSTEM);
  const wanted = busy ? AVAILABLE16 | BUSY : AVAILABLE16;
  if ((type & ~WIDE) != wanted) return refused(s, vector, error);
  if ((attributesOf(descriptor) & PRESENT) == 0) return refused(s, NOT_PRESENT, error);
  return true;
}

function refused(s: usize, vector: i32, error: u32): bool {
  faultCode(s, vector, error);
  return false;
}

/**
 * Switches to the task whose TSS descriptor was just read and checked by {@link readTask}.
 *
 * @param next - what the old task goes on with
 * @returns false when a fault or an exit was set: before the switch or, with {@link taskSwitched}, behind it
 */
export function switchTask(s: usize, selector: u32, how: u32, next: u64, ext: u32): bool {
  const task = descriptor;
  const taskAt = descriptorAt;
  const wide = (attributesOf(task) & WIDE) != 0;
  const base = baseOf(task);
  if (limitOf(task) < (wide ? LAST32 : LAST16)) return refused(s, INVALID_TSS, (selector & 0xfffc) | ext);

  // What is needed.
  const link = how == TASK_CALL || how == TASK_GATE;
  const cr3 = wide ? peek(s, linear(base + 0x1c), 4, 0) : 0;
  if (failed(s)) return false;
  const rip = field(s, base, wide, 0x20, 0x0e);
  if (failed(s)) return false;
  let flags = <u32>field(s, base, wide, 0x24, 0x10);
  if (failed(s)) return false;
  for (let i: u32 = 0; i < 8; i++) {
    let value = <u32>field(s, base, wide, 0x28 + (i << 2), 0x12 + (i << 1));
    if (failed(s)) return false;
    if (!wide) value |= 0xffff0000;
    store<u32>(REGISTERS + (i << 2), value);
  }
  for (let i: u32 = 0; i < 7; i++) {
    let value: u32 = 0;
    if (wide) value = <u32>peek(s, linear(base + 0x48 + (i << 2)), 2, 0);
    else if (i < 4) value = <u32>peek(s, linear(base + 0x22 + (i << 1)), 2, 0);
    else if (i == 6) value = <u32>peek(s, linear(base + 0x2a), 2, 0);
    if (failed(s)) return false;
    store<u32>(SELECTORS + (i << 2), value);
  }
  const traps = wide && (peek(s, linear(base + 0x64), 2, 0) & 1) != 0;
  if (failed(s)) return false;

  // What will be written.
  const oldSelector = selectorOf(s, 7);
  const oldWide = (load<u32>(s, TR + SEG_ATTRIBUTES) & WIDE) != 0;
  const oldBase = load<u64>(s, TR + SEG_BASE);
  const first: u32 = oldWide ? 0x20 : 0x0e;
  const last: u32 = oldWide ? 0x5f : 0x29;
  if (load<u32>(s, TR + SEG_LIMIT) < last) return refused(s, INVALID_TSS, (oldSelector & 0xfffc) | ext);
  for (let at = first; at <= last; at += 4) if (!touch(s, linear(oldBase + at), oldWide ? 4 : 2)) return false;
  if (!touch(s, linear(oldBase + last - 1), 2)) return false;
  if (link && !touch(s, linear(base), 2)) return false;
  if (!touch(s, taskAt + 5, 1)) return false;
  let oldAt: u64 = 0;
  if (how == TASK_JUMP || how == TASK_RETURN) {
    if (!readDescriptor(s, oldSelector, INVALID_TSS)) return false;
    oldAt = descriptorAt;
    if (!touch(s, oldAt + 5, 1)) return false;
  }

  // The old task goes. Nothing below can fail before the new one is there.
  let oldFlags = rflags(s);
  if (how == TASK_RETURN) oldFlags &= ~FLAG_NT;
  put(s, oldBase, oldWide, 0x20, 0x0e, next);
  put(s, oldBase, oldWide, 0x24, 0x10, oldFlags);
  for (let i: u32 = 0; i < 8; i++) put(s, oldBase, oldWide, 0x28 + (i << 2), 0x12 + (i << 1), gpr(s, i));
  for (let i: u32 = 0; i < 6; i++) {
    if (oldWide) poke(s, linear(oldBase + 0x48 + (i << 2)), 2, 0, selectorOf(s, i));
    else if (i < 4) poke(s, linear(oldBase + 0x22 + (i << 1)), 2, 0, selectorOf(s, i));
  }
  if (oldAt != 0) clearBits(s, oldAt + 5, BUSY);
  if (link) {
    poke(s, linear(base), 2, 0, oldSelector);
    flags |= FLAG_NT;
  }

  // The new one comes.
  taskSwitched = true;
  cancelStep();
  forgetAnswers(s);
  if (how != TASK_RETURN) setBits(s, taskAt + 5, BUSY);
  setSegment(s + TR, selector, base, limitOf(task), attributesOf(task) | BUSY);
  store<u64>(s, load<u64>(s, CR0) | CR0_TS, CR0);
  store<u64>(s, load<u64>(s, DR + 56) & ~LOCAL_BREAKPOINTS, DR + 56);
  if (wide && (load<u64>(s, CR0) & CR0_PG) != 0) {
    store<u64>(s, cr3, CR3);
    flushLocal(s);
  }
  store<u64>(s, rip, RIP);
  for (let i: u32 = 0; i < 8; i++) setGpr(s, i, load<u32>(REGISTERS + (i << 2)));
  setRflags(s, breakpointsEnabled(s) ? flags : flags & ~FLAG_RF);
  if (!loadSegments(s)) {
    const vector = load<i32>(s, FAULT_VECTOR);
    if (vector >= INVALID_TSS && vector <= GENERAL_PROTECTION) {
      store<u32>(s, load<u32>(s, FAULT_CODE) | ext, FAULT_CODE);
    }
    return false;
  }
  if (rip > <u64>load<u32>(s, CS + SEG_LIMIT)) return refused(s, GENERAL_PROTECTION, ext);
  if (traps) store<u32>(s, load<u32>(s, DEBUG_PENDING) | DR6_TASK, DEBUG_PENDING);
  return true;
}

/** Pushes the error code of an exception on the stack of the task that handles it. */
export function pushTaskError(s: usize, code: u32): bool {
  openStack(s);
  if (!push(s, (load<u32>(s, TR + SEG_ATTRIBUTES) & WIDE) != 0 ? 4 : 2, code)) return false;
  commitStack(s);
  return true;
}

/** LDTR and the segments of the new task. Until each is loaded its register has the selector and cannot be used. */
function loadSegments(s: usize): bool {
  const virtual = virtual8086(s);
  const cs = selectorAt(SEG_CS);
  for (let i: u32 = 0; i < 6; i++) setSegment(record(s, i), selectorAt(i), 0, 0, NULL_SEGMENT);
  setSegment(s + LDTR, selectorAt(LDT_INDEX), 0, 0, NULL_SEGMENT);
  setCpl(s, virtual ? 3 : cs & 3);
  if (!loadTaskLdt(s)) return false;
  if (virtual) {
    for (let i: u32 = 0; i < 6; i++) loadRealSegment(s, i, selectorAt(i));
    return true;
  }
  if (!loadTaskCode(s, cs)) return false;
  const ss = selectorAt(SEG_SS);
  if (!checkStackSegment(s, ss, cs & 3, INVALID_TSS, false)) return false;
  loadStackSegment(s, ss, cs & 3, descriptor);
  for (let i: u32 = 0; i < 6; i++) if (i != SEG_CS && i != SEG_SS && !loadTaskData(s, i, cs & 3)) return false;
  return true;
}

function selectorAt(index: u32): u32 {
  return load<u32>(SELECTORS + (index << 2));
}

function loadTaskLdt(s: usize): bool {
  const selector = selectorAt(LDT_INDEX);
  if ((selector & 0xfffc) == 0) return true;
  if ((selector & 4) != 0) return refused(s, INVALID_TSS, selector & 0xfffc);
  if (!readDescriptor(s, selector, INVALID_TSS)) return false;
  const attributes = attributesOf(descriptor);
  if ((attributes & (TYPE | NOT_SYSTEM | PRESENT)) != (LDT | PRESENT)) return refused(s, INVALID_TSS, selector & 0xfffc);
  setSegment(s + LDTR, selector, baseOf(descriptor), limitOf(descriptor), attributes);
  return true;
}

function loadTaskCode(s: usize, selector: u32): bool {
  if ((selector & 0xfffc) == 0) return refused(s, INVALID_TSS, 0);
  if (!readDescriptor(s, selector, INVALID_TSS)) return false;
  const attributes = attributesOf(descriptor);
  const level = selector & 3;
  const code = (attributes & (NOT_SYSTEM | TYPE_CODE)) == (NOT_SYSTEM | TYPE_CODE);
  const fits = (attributes & TYPE_CE) != 0 ? dpl(attributes) <= level : dpl(attributes) == level;
  if (!code || !fits) return refused(s, INVALID_TSS, selector & 0xfffc);
  if ((attributes & PRESENT) == 0) return refused(s, NOT_PRESENT, selector & 0xfffc);
  if (!markDescriptor(s, 1)) return false;
  loadCode(s, selector, level, descriptor);
  return true;
}

function loadTaskData(s: usize, index: u32, cpl: u32): bool {
  const selector = selectorAt(index);
  if ((selector & 0xfffc) == 0) return true;
  if (!readDescriptor(s, selector, INVALID_TSS)) return false;
  const attributes = attributesOf(descriptor);
  const unreadable = (attributes & (TYPE_CODE | TYPE_RW)) == TYPE_CODE;
  const conforming = (attributes & (TYPE_CODE | TYPE_CE)) == (TYPE_CODE | TYPE_CE);
  const level = dpl(attributes);
  if ((attributes & NOT_SYSTEM) == 0 || unreadable || (!conforming && (level < (selector & 3) || level < cpl))) {
    return refused(s, INVALID_TSS, selector & 0xfffc);
  }
  if ((attributes & PRESENT) == 0) return refused(s, NOT_PRESENT, selector & 0xfffc);
  if (!markDescriptor(s, 1)) return false;
  setSegment(record(s, index), selector, baseOf(descriptor), limitOf(descriptor), attributesOf(descriptor));
  return true;
}

/** A field of a TSS that has 32 bits in one format and 16 in the other. */
function field(s: usize, base: u64, wide: bool, at32: u32, at16: u32): u64 {
  return wide ? peek(s, linear(base + at32), 4, 0) : peek(s, linear(base + at16), 2, 0);
}

function put(s: usize, base: u64, wide: bool, at32: u32, at16: u32, value: u64): void {
  if (wide) poke(s, linear(base + at32), 4, 0, value);
  else poke(s, linear(base + at16), 2, 0, value);
}

function linear(address: u64): u64 {
  return address & 0xffffffff;
}

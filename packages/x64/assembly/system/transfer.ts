/**
 * Far JMP, CALL and RET in every mode, through code segments and call gates (APM volume 2 section 4.10, volume 3).
 *
 * Those whose selector names a TSS or a task gate switch tasks, see `task-switch.ts`.
 */
import { FAULT, JUMP, faultCode } from '../op';
import { CPL, CS, RIP, RSP, SEG_ATTRIBUTES, SEG_BASE, SEG_LIMIT, SEG_SELECTOR, SS, TR } from '../../src/state';
import { peek } from './access';
import {
  GENERAL_PROTECTION,
  INVALID_TSS,
  NOT_PRESENT,
  attributesOf,
  baseOf,
  descriptor,
  gateOffset,
  gateSelector,
  limitOf,
  markDescriptor,
  readDescriptor,
  readUpperHalf,
  upperHalf,
} from './descriptors';
import { deliverFault } from './exceptions';
import {
  BIG,
  LONG,
  NOT_SYSTEM,
  PRESENT,
  TYPE,
  TYPE_CE,
  TYPE_CODE,
  canonical,
  describedSegments,
  dpl,
  failed,
  longMode,
} from './machine';
import {
  SEG_CS,
  checkStackSegment,
  dropPrivilegedSegments,
  loadCode,
  loadRealSegment,
  loadStackSegment,
} from './segments';
import {
  commitStack,
  openFlatStack,
  openSegmentStack,
  openStack,
  pop,
  push,
  setStackPointer,
  skip,
  stackPointer,
} from './stack';
import { TASK_CALL, TASK_JUMP, beginTransfer, readTask, switchTask, taskSwitched } from './task-switch';

const CALL_GATE16: u32 = 4;
const CALL_GATE: u32 = 12;
const TASK_GATE_TYPE: u32 = 5;
const TSS_TYPE: u32 = 1;
/** Bits in which the types of TSSs differ: busy, 32-bit. */
const TSS_VARIANTS: u32 = 10;

/** JMP far. `log`: log2 of the operand size (1-3); `next`: address of the instruction after it, for task switches. */
export function farJump(s: usize, selector: u32, offset: u64, log: u32, next: u64): i32 {
  offset = truncate(offset, log);
  if (!describedSegments(s)) return realJump(s, selector, offset);
  if (!readCodeOrGate(s, selector)) return FAULT;
  if ((attributesOf(descriptor) & NOT_SYSTEM) == 0) return throughSystem(s, selector, false, 0, next);
  if (!checkDirect(s, selector)) return FAULT;
  return enter(s, selector, offset, load<u32>(s, CPL));
}

/** CALL far. `next`: address of the instruction after it. */
export function farCall(s: usize, selector: u32, offset: u64, log: u32, next: u64): i32 {
  offset = truncate(offset, log);
  const size: u32 = 1 << log;
  const real = !describedSegments(s);
  if (!real) {
    if (!readCodeOrGate(s, selector)) return FAULT;
    if ((attributesOf(descriptor) & NOT_SYSTEM) == 0) return throughSystem(s, selector, true, size, next);
    if (!checkDirect(s, selector)) return FAULT;
    if (!checkOffset(s, descriptor, offset, 0)) return FAULT;
  } else if (offset > <u64>load<u32>(s, CS + SEG_LIMIT)) return faultCode(s, GENERAL_PROTECTION, 0);
  const code = descriptor;
  openStack(s);
  if (!push(s, size, load<u16>(s, CS + SEG_SELECTOR)) || !push(s, size, next)) return FAULT;
  if (!real && !markDescriptor(s, 1)) return FAULT;
  commitStack(s);
  if (real) loadRealSegment(s, SEG_CS, selector);
  else loadCode(s, selector, load<u32>(s, CPL), code | (1 << 40));
  store<u64>(s, offset, RIP);
  return JUMP;
}

/** RET far. `extra`: bytes of parameters to drop. */
export function farReturn(s: usize, log: u32, extra: u32): i32 {
  const size: u32 = 1 << log;
  openStack(s);
  const offset = pop(s, size);
  if (failed(s)) return FAULT;
  const selector = (<u32>pop(s, size)) & 0xffff;
  if (failed(s)) return FAULT;
  if (!describedSegments(s)) {
    if (offset > <u64>load<u32>(s, CS + SEG_LIMIT)) return faultCode(s, GENERAL_PROTECTION, 0);
    skip(extra);
    commitStack(s);
    return realJump(s, selector, offset);
  }
  if (!checkReturn(s, selector)) return FAULT;
  const code = descriptor;
  const target = selector & 3;
  if (!checkOffset(s, code, offset, 0)) return FAULT;
  if (target == load<u32>(s, CPL)) {
    if (!markDescriptor(s, 1)) return FAULT;
    skip(extra);
    commitStack(s);
    loadCode(s, selector, target, descriptor);
  } else {
    skip(extra);
    if (!markDescriptor(s, 1)) return FAULT;
    const newPointer = pop(s, size);
    if (failed(s)) return FAULT;
    const newStack = (<u32>pop(s, size)) & 0xffff;
    if (failed(s)) return FAULT;
    if (!checkStackSegment(s, newStack, target, GENERAL_PROTECTION, (attributesOf(code) & LONG) != 0 && longMode(s))) {
      return FAULT;
    }
    const stack = descriptor;
    loadCode(s, selector, target, code | (1 << 40));
    loadStackSegment(s, newStack, target, stack);
    setStackPointer(s, newPointer + extra);
    dropPrivilegedSegments(s);
  }
  store<u64>(s, offset, RIP);
  return JUMP;
}

/** Checks the code selector of a far return or IRET; {@link descriptor} is its descriptor. */
export function checkReturn(s: usize, selector: u32): bool {
  if ((selector & 0xfffc) == 0) return refuse(s, GENERAL_PROTECTION, 0);
  if (!readDescriptor(s, selector, GENERAL_PROTECTION)) return false;
  const attributes = attributesOf(descriptor);
  const rpl = selector & 3;
  if (!isCode(s, attributes) || rpl < load<u32>(s, CPL)) return refuse(s, GENERAL_PROTECTION, selector & 0xfffc);
  if ((attributes & TYPE_CE) != 0 ? dpl(attributes) > rpl : dpl(attributes) != rpl) {
    return refuse(s, GENERAL_PROTECTION, selector & 0xfffc);
  }
  if ((attributes & PRESENT) == 0) return refuse(s, NOT_PRESENT, selector & 0xfffc);
  return true;
}

/** Attributes of a code segment that this mode can run: in long mode L and D are not both set. */
export function isCode(s: usize, attributes: u32): bool {
  if ((attributes & (NOT_SYSTEM | TYPE_CODE)) != (NOT_SYSTEM | TYPE_CODE)) return false;
  return !longMode(s) || (attributes & (LONG | BIG)) != (LONG | BIG);
}

/** Checks the target offset of a transfer to a code segment: canonical in 64-bit code, within the limit elsewhere. */
export function checkOffset(s: usize, code: u64, offset: u64, error: u32): bool {
  const long = (attributesOf(code) & LONG) != 0 && longMode(s);
  if (long ? canonical(offset) : offset <= <u64>limitOf(code)) return true;
  return refuse(s, GENERAL_PROTECTION, error);
}

/** Sets a fault. @returns false */
export function refuse(s: usize, vector: i32, code: u32): bool {
  faultCode(s, vector, code);
  return false;
}

/**
 * Stack of privilege `cpl` from the TSS, opened for pushing; {@link innerStack} is its selector and {@link descriptor} its
 * descriptor outside long mode.
 */
export function openInnerStack(s: usize, cpl: u32, ext: u32): bool {
  const taskError = (load<u16>(s, TR + SEG_SELECTOR) & 0xfffc) | ext;
  const task = load<u64>(s, TR + SEG_BASE);
  const limit = load<u32>(s, TR + SEG_LIMIT);
  if (longMode(s)) {
    const at: u32 = 4 + (cpl << 3);
    if (at + 7 > limit) return refuse(s, INVALID_TSS, taskError);
    const rsp = peek(s, task + at, 8, 0);
    if (failed(s)) return false;
    innerStack = cpl;
    openFlatStack(rsp, cpl, ext);
    return true;
  }
  const wide = (load<u32>(s, TR + SEG_ATTRIBUTES) & 8) != 0;
  const at: u32 = wide ? 4 + (cpl << 3) : 2 + (cpl << 2);
  const size: u32 = wide ? 4 : 2;
  if (at + size + 1 > limit) return refuse(s, INVALID_TSS, taskError);
  const esp = peek(s, task + at, size, 0);
  if (failed(s)) return false;
  innerStack = <u32>peek(s, task + at + size, 2, 0);
  if (failed(s)) return false;
  if (!checkStackSegment(s, innerStack, cpl, INVALID_TSS, false)) return false;
  openSegmentStack(
    baseOf(descriptor),
    limitOf(descriptor),
    attributesOf(descriptor),
    esp,
    cpl,
    (innerStack & 0xfffc) | ext,
  );
  return true;
}

/** Selector of the stack that {@link openInnerStack} opened. */
export let innerStack: u32 = 0;

function realJump(s: usize, selector: u32, offset: u64): i32 {
  if (offset > <u64>load<u32>(s, CS + SEG_LIMIT)) return faultCode(s, GENERAL_PROTECTION, 0);
  loadRealSegment(s, SEG_CS, selector);
  store<u64>(s, offset, RIP);
  return JUMP;
}

function truncate(offset: u64, log: u32): u64 {
  return log == 3 ? offset : log == 2 ? offset & 0xffffffff : offset & 0xffff;
}

function readCodeOrGate(s: usize, selector: u32): bool {
  if ((selector & 0xfffc) == 0) return refuse(s, GENERAL_PROTECTION, 0);
  return readDescriptor(s, selector, GENERAL_PROTECTION);
}

/** A direct far jump or call: same privilege, or conforming. */
function checkDirect(s: usize, selector: u32): bool {
  const attributes = attributesOf(descriptor);
  const cpl = load<u32>(s, CPL);
  const bad =
    !isCode(s, attributes) ||
    ((attributes & TYPE_CE) != 0 ? dpl(attributes) > cpl : (selector & 3) > cpl || dpl(attributes) != cpl);
  if (bad) return refuse(s, GENERAL_PROTECTION, selector & 0xfffc);
  if ((attributes & PRESENT) == 0) return refuse(s, NOT_PRESENT, selector & 0xfffc);
  return true;
}

function enter(s: usize, selector: u32, offset: u64, cpl: u32): i32 {
  if (!checkOffset(s, descriptor, offset, 0) || !markDescriptor(s, 1)) return FAULT;
  loadCode(s, selector, cpl, descriptor);
  store<u64>(s, offset, RIP);
  return JUMP;
}

/** JMP or CALL whose selector names a system segment (the descriptor just read): a call gate, a task gate, a TSS. */
function throughSystem(s: usize, selector: u32, call: bool, size: u32, next: u64): i32 {
  const attributes = attributesOf(descriptor);
  const type = attributes & TYPE;
  const error = selector & 0xfffc;
  if (longMode(s) || (type != TASK_GATE_TYPE && (type & ~TSS_VARIANTS) != TSS_TYPE)) {
    return throughGate(s, selector, call, size, next);
  }
  const level = dpl(attributes);
  if (level < load<u32>(s, CPL) || level < (selector & 3)) return faultCode(s, GENERAL_PROTECTION, error);
  let task = selector;
  if (type == TASK_GATE_TYPE) {
    if ((attributes & PRESENT) == 0) return faultCode(s, NOT_PRESENT, error);
    task = gateSelector(descriptor);
  }
  beginTransfer();
  if (readTask(s, task, GENERAL_PROTECTION, false, 0) && switchTask(s, task, call ? TASK_CALL : TASK_JUMP, next, 0)) return JUMP;
  return endTransfer(s);
}

/** Ends a transfer that may have switched tasks and failed: behind the switch the fault is the new task's. */
export function endTransfer(s: usize): i32 {
  return taskSwitched ? deliverFault(s) : FAULT;
}

/** JMP or CALL whose selector names a call gate (the descriptor just read). */
function throughGate(s: usize, selector: u32, call: bool, size: u32, next: u64): i32 {
  const gate = descriptor;
  const gateAttributes = attributesOf(gate);
  const type = gateAttributes & TYPE;
  const long = longMode(s);
  const cpl = load<u32>(s, CPL);
  const error = selector & 0xfffc;
  if (type != CALL_GATE && (long || type != CALL_GATE16)) return faultCode(s, GENERAL_PROTECTION, error);
  if (dpl(gateAttributes) < cpl || (selector & 3) > dpl(gateAttributes)) return faultCode(s, GENERAL_PROTECTION, error);
  if ((gateAttributes & PRESENT) == 0) return faultCode(s, NOT_PRESENT, error);
  let offset = gateOffset(gate);
  if (long) {
    if (!readUpperHalf(s, selector, GENERAL_PROTECTION)) return FAULT;
    offset |= upperHalf << 32;
  } else if (type == CALL_GATE16) offset &= 0xffff;

  const target = gateSelector(gate);
  if (!readCodeOrGate(s, target)) return FAULT;
  const attributes = attributesOf(descriptor);
  const conforming = (attributes & TYPE_CE) != 0;
  const level = dpl(attributes);
  if (!isCode(s, attributes) || level > cpl || (long && (attributes & LONG) == 0)) {
    return faultCode(s, GENERAL_PROTECTION, target & 0xfffc);
  }
  if (!call && !conforming && level != cpl) return faultCode(s, GENERAL_PROTECTION, target & 0xfffc);
  if ((attributes & PRESENT) == 0) return faultCode(s, NOT_PRESENT, target & 0xfffc);
  if (!call) return enter(s, target, offset, cpl);
  if (!checkOffset(s, descriptor, offset, 0) || !markDescriptor(s, 1)) return FAULT;

  const code = descriptor;
  const width: u32 = long ? 8 : type == CALL_GATE ? 4 : 2;
  const inner = !conforming && level < cpl;
  let stack: u64 = 0;
  if (inner) {
    const oldStack = load<u16>(s, SS + SEG_SELECTOR);
    const oldPointer = load<u64>(s, RSP);
    if (!openInnerStack(s, level, 0)) return FAULT;
    stack = descriptor;
    if (!push(s, width, oldStack) || !push(s, width, oldPointer)) return FAULT;
    if (!long && !copyParameters(s, (<u32>(gate >> 32)) & 31, width, oldPointer)) return FAULT;
  } else {
    openStack(s);
  }
  if (!push(s, width, load<u16>(s, CS + SEG_SELECTOR)) || !push(s, width, next)) return FAULT;
  const pointer = stackPointer();
  loadCode(s, target, inner ? level : cpl, code);
  if (inner) {
    if (long) loadStackSegment(s, level, level, 0);
    else loadStackSegment(s, innerStack, level, stack);
  }
  setStackPointer(s, pointer);
  store<u64>(s, offset, RIP);
  return JUMP;
}

/** Copies the parameters of a call gate from the old stack to the new one, the last one first. */
function copyParameters(s: usize, count: u32, width: u32, oldPointer: u64): bool {
  const wide = (load<u32>(s, SS + SEG_ATTRIBUTES) & BIG) != 0;
  const base = load<u64>(s, SS + SEG_BASE);
  for (let i = count; i > 0; i--) {
    const offset = oldPointer + (i - 1) * width;
    const at = (base + (wide ? offset & 0xffffffff : offset & 0xffff)) & 0xffffffff;
    const value = peek(s, at, width, load<u32>(s, CPL));
    if (failed(s) || !push(s, width, value)) return false;
  }
  return true;
}

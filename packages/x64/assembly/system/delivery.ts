/**
 * One delivery through IVT or IDT: the gate, the code it leads to, the stack, the frame (APM volume 2 chapter 8).
 *
 * A delivery changes nothing that the guest can see but bytes below its stack pointer until all checks have passed, so
 * one that faults or needs its caller can start over.
 *
 * A task gate hands over to another task instead, see `task-switch.ts`: then a fault may be that task's own.
 */
import {
  CPL,
  CS,
  FAULT_CODE,
  FAULT_VECTOR,
  HALTED,
  IDTR_BASE,
  IDTR_LIMIT,
  RIP,
  RSP,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SHADOW,
  SS,
  TR,
} from '../../src/state';
import { peek } from './access';
import {
  GENERAL_PROTECTION,
  INVALID_TSS,
  NOT_PRESENT,
  STACK_FAULT,
  attributesOf,
  descriptor,
  gateOffset,
  gateSelector,
  limitOf,
  markDescriptor,
  readDescriptor,
} from './descriptors';
import { cancelStep } from './exceptions';
import {
  FLAG_AC,
  FLAG_IF,
  FLAG_NT,
  FLAG_RF,
  FLAG_TF,
  FLAG_VM,
  LONG,
  NOT_SYSTEM,
  NULL_SEGMENT,
  PRESENT,
  TYPE,
  TYPE_CE,
  canonical,
  dpl,
  failed,
  longMode,
  protectedMode,
  record,
  rflags,
  selectorOf,
  setRflags,
  setSegment,
  virtual8086,
} from './machine';
import { forgetAnswers } from './second-level';
import { SEG_CS, SEG_DS, SEG_ES, SEG_GS, loadCode, loadRealSegment, loadStackSegment } from './segments';
import { openFlatStack, openStack, push, setStackPointer, stackPointer } from './stack';
import { TASK_GATE, beginTransfer, pushTaskError, readTask, switchTask } from './task-switch';
import { innerStack, isCode, openInnerStack, refuse } from './transfer';

/** Where an event comes from. */
export const FROM_PROCESSOR: u32 = 0;
/** INT n, INT3, INTO: the gate's DPL is checked, and nested faults do not carry EXT. */
export const FROM_PROGRAM: u32 = 1;
/** Interrupts and NMI. */
export const FROM_OUTSIDE: u32 = 2;

const DEBUG: u32 = 1;

const GATE_TASK: u32 = 5;
const GATE_INTERRUPT16: u32 = 6;
const GATE_INTERRUPT: u32 = 14;

/** Delivers one event; RIP is the address to save. @returns false when a fault or an exit was set */
export function deliver(s: usize, vector: u32, from: u32, hasCode: bool, code: u32): bool {
  let flags = rflags(s);
  // A fault's saved RF lets the instruction start over past its breakpoint; the handler of #DB decides for itself.
  if (from == FROM_PROCESSOR && vector != DEBUG) flags |= FLAG_RF;
  beginTransfer();
  const done = !protectedMode(s)
    ? deliverReal(s, vector, flags)
    : deliverProtected(s, vector, from, hasCode, code, flags);
  if (!done) return false;
  cancelStep();
  forgetAnswers(s);
  store<u32>(s, 0, HALTED);
  store<u32>(s, 0, SHADOW);
  return true;
}

function deliverReal(s: usize, vector: u32, flags: u32): bool {
  const at = vector << 2;
  if (at + 3 > load<u16>(s, IDTR_LIMIT)) return refuse(s, GENERAL_PROTECTION, 0);
  const entry = <u32>peek(s, load<u64>(s, IDTR_BASE) + at, 4, 0);
  if (failed(s)) return false;
  openStack(s);
  if (!push(s, 2, flags) || !push(s, 2, load<u16>(s, CS + SEG_SELECTOR)) || !push(s, 2, load<u64>(s, RIP)))
    return false;
  setStackPointer(s, stackPointer());
  loadRealSegment(s, SEG_CS, entry >> 16);
  setRflags(s, rflags(s) & ~(FLAG_IF | FLAG_TF | FLAG_AC | FLAG_RF));
  store<u64>(s, entry & 0xffff, RIP);
  return true;
}

function deliverProtected(s: usize, vector: u32, from: u32, hasCode: bool, code: u32, flags: u32): bool {
  const long = longMode(s);
  const ext: u32 = from == FROM_PROGRAM ? 0 : 1;
  const idtError = (vector << 3) | 2 | ext;
  const cpl = load<u32>(s, CPL);

  const gateSize: u32 = long ? 16 : 8;
  const at = vector * gateSize;
  if (at + gateSize - 1 > load<u16>(s, IDTR_LIMIT)) return refuse(s, GENERAL_PROTECTION, idtError);
  const base = load<u64>(s, IDTR_BASE) + at;
  const gate = peek(s, long ? base : base & 0xffffffff, 8, 0);
  if (failed(s)) return false;
  const gateAttributes = attributesOf(gate);
  const type = gateAttributes & (TYPE | NOT_SYSTEM);
  if (type == GATE_TASK && !long) {
    if (from == FROM_PROGRAM && dpl(gateAttributes) < cpl) return refuse(s, GENERAL_PROTECTION, idtError);
    if ((gateAttributes & PRESENT) == 0) return refuse(s, NOT_PRESENT, idtError);
    const task = gateSelector(gate);
    if (!readTask(s, task, GENERAL_PROTECTION, false, ext)) return withExt(s, ext);
    if (!switchTask(s, task, TASK_GATE, load<u64>(s, RIP), ext)) return false;
    return !hasCode || pushTaskError(s, code);
  }
  const interrupt = type == GATE_INTERRUPT || type == GATE_INTERRUPT16;
  const narrow = (type & ~(<u32>1)) == GATE_INTERRUPT16;
  if ((type & ~(<u32>1)) != GATE_INTERRUPT && (!narrow || long)) return refuse(s, GENERAL_PROTECTION, idtError);
  if (from == FROM_PROGRAM && dpl(gateAttributes) < cpl) return refuse(s, GENERAL_PROTECTION, idtError);
  if ((gateAttributes & PRESENT) == 0) return refuse(s, NOT_PRESENT, idtError);
  let offset = gateOffset(gate);
  if (narrow) offset &= 0xffff;
  if (long) {
    offset |= peek(s, base + 8, 8, 0) << 32;
    if (failed(s)) return false;
  }

  const selector = gateSelector(gate);
  if ((selector & 0xfffc) == 0) return refuse(s, GENERAL_PROTECTION, ext);
  if (!readDescriptor(s, selector, GENERAL_PROTECTION)) return withExt(s, ext);
  const attributes = attributesOf(descriptor);
  const error = (selector & 0xfffc) | ext;
  if (!isCode(s, attributes) || dpl(attributes) > cpl || (long && (attributes & LONG) == 0)) {
    return refuse(s, GENERAL_PROTECTION, error);
  }
  const virtual = virtual8086(s);
  // From virtual-8086 mode only to the kernel.
  if (virtual && ((attributes & TYPE_CE) != 0 || dpl(attributes) != 0)) return refuse(s, GENERAL_PROTECTION, error);
  if ((attributes & PRESENT) == 0) return refuse(s, NOT_PRESENT, error);
  if (long ? !canonical(offset) : offset > <u64>limitOf(descriptor)) return refuse(s, GENERAL_PROTECTION, ext);
  if (!markDescriptor(s, 1)) return false;
  const newCode = descriptor;
  const level = (attributes & TYPE_CE) != 0 ? cpl : dpl(attributes);
  const inner = level < cpl;

  const size: u32 = long ? 8 : narrow ? 2 : 4;
  const oldStack = load<u16>(s, SS + SEG_SELECTOR);
  const oldPointer = load<u64>(s, RSP);
  let newStack: u64 = 0;
  if (long) {
    if (!openLongStack(s, (<u32>(gate >> 32)) & 7, level, inner, ext)) return false;
  } else if (inner) {
    if (!openInnerStack(s, level, ext)) return withExt(s, ext);
    newStack = descriptor;
  } else openStack(s);

  if (virtual) {
    for (let index = SEG_GS; index >= SEG_DS; index--) if (!push(s, size, selectorOf(s, index))) return false;
    if (!push(s, size, selectorOf(s, SEG_ES))) return false;
  }
  if (long || inner) {
    if (!push(s, size, oldStack) || !push(s, size, oldPointer)) return false;
  }
  if (!push(s, size, flags) || !push(s, size, load<u16>(s, CS + SEG_SELECTOR)) || !push(s, size, load<u64>(s, RIP))) {
    return false;
  }
  if (hasCode && !push(s, size, code)) return false;
  const pointer = stackPointer();

  if (virtual) {
    setRflags(s, rflags(s) & ~FLAG_VM);
    for (let index = SEG_ES; index <= SEG_GS; index++) setSegment(record(s, index), 0, 0, 0, NULL_SEGMENT);
  }
  loadCode(s, selector, level, newCode);
  if (inner) {
    if (long) loadStackSegment(s, level, level, 0);
    else loadStackSegment(s, innerStack, level, newStack);
  }
  setStackPointer(s, pointer);
  let cleared = FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM;
  if (interrupt) cleared |= FLAG_IF;
  setRflags(s, rflags(s) & ~cleared);
  store<u64>(s, offset, RIP);
  return true;
}

/** Stack of a handler in long mode: an IST entry, that of the inner level, or the running one; aligned to 16. */
function openLongStack(s: usize, ist: u32, level: u32, inner: bool, ext: u32): bool {
  let rsp = load<u64>(s, RSP);
  if (ist != 0 || inner) {
    const at: u32 = ist != 0 ? 0x1c + (ist << 3) : 4 + (level << 3);
    if (at + 7 > load<u32>(s, TR + SEG_LIMIT)) {
      return refuse(s, INVALID_TSS, (load<u16>(s, TR + SEG_SELECTOR) & 0xfffc) | ext);
    }
    rsp = peek(s, load<u64>(s, TR + SEG_BASE) + at, 8, 0);
    if (failed(s)) return false;
    if (!canonical(rsp)) return refuse(s, STACK_FAULT, ext);
  }
  openFlatStack(rsp & ~(<u64>15), level, ext);
  return true;
}

/** Adds EXT to the error code of a selector fault; page faults and exits stay as they are. */
function withExt(s: usize, ext: u32): bool {
  const vector = load<i32>(s, FAULT_VECTOR);
  if (vector >= INVALID_TSS && vector <= GENERAL_PROTECTION) {
    store<u32>(s, load<u32>(s, FAULT_CODE) | ext, FAULT_CODE);
  }
  return false;
}

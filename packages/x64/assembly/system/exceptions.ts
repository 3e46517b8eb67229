/**
 * Delivery of exceptions and interrupts through IVT and IDT in real, protected and long mode (APM volume 2 chapter 8).
 *
 * A delivery changes nothing that the guest can see but bytes below its stack pointer until all checks have passed, so
 * one that faults or needs its caller can start over.
 *
 * Departure: task gates raise #GP; there are no hardware task switches.
 */
import {
  COUNT_FAULTS,
  COUNT_INTERRUPTS,
  CPL,
  CR2,
  CS,
  DEBUG_PENDING,
  DELIVERING,
  DR,
  EXCEPTION_EXITS,
  EXIT_INDEX,
  EXIT_REASON,
  EXIT_VALUE,
  FAULT_ADDRESS,
  FAULT_CODE,
  FAULT_HAS_CODE,
  FAULT_VECTOR,
  FLAG_SYSTEM,
  HALTED,
  IDTR_BASE,
  IDTR_LIMIT,
  INJECT_VECTOR,
  NMI_STATE,
  RIP,
  RSP,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SHADOW,
  SS,
  TR,
  WANT_WINDOW,
} from '../state';
import { EXIT, EXIT_FAULT, FAULT, JUMP, NEXT, NO_FAULT } from '../op';
import { EXIT_EXCEPTION, EXIT_GPA_ACCESS, EXIT_INTERRUPT_WINDOW, EXIT_TRIPLE_FAULT } from '../exits';
import { peek } from './access';
import { instructionBreakpoints } from './breakpoints';
import {
  attributesOf,
  descriptor,
  GENERAL_PROTECTION,
  gateOffset,
  gateSelector,
  INVALID_TSS,
  limitOf,
  markDescriptor,
  NOT_PRESENT,
  readDescriptor,
  STACK_FAULT,
} from './descriptors';
import {
  canonical,
  dpl,
  failed,
  FLAG_AC,
  FLAG_IF,
  FLAG_NT,
  FLAG_RF,
  FLAG_TF,
  FLAG_VM,
  LONG,
  longMode,
  PRESENT,
  protectedMode,
  rflags,
  setRflags,
  TYPE,
  TYPE_CE,
  NOT_SYSTEM,
} from './machine';
import { loadCode, loadRealSegment, loadStackSegment, SEG_CS } from './segments';
import { openFlatStack, openStack, push, setStackPointer, stackPointer } from './stack';
import { innerStack, isCode, openInnerStack, refuse } from './transfer';

/** Where an event comes from. */
export const FROM_PROCESSOR: u32 = 0;
/** INT n, INT3, INTO: the gate's DPL is checked, and nested faults do not carry EXT. */
export const FROM_PROGRAM: u32 = 1;
/** Interrupts and NMI. */
export const FROM_OUTSIDE: u32 = 2;

const DEBUG: i32 = 1;
const DOUBLE_FAULT: i32 = 8;
const PAGE_FAULT: i32 = 14;

const GATE_INTERRUPT16: u32 = 6;
const GATE_INTERRUPT: u32 = 14;

const DR6_SINGLE_STEP: u32 = 1 << 14;
const DR7_GENERAL_DETECT: u64 = 1 << 13;

/** Classes of exceptions, for double faults; kept in DELIVERING while one is delivered (-1: none is). */
const BENIGN: i32 = 0;
const CONTRIBUTORY: i32 = 1;
const PAGING: i32 = 2;
const DOUBLE: i32 = 3;

function classOf(vector: i32): i32 {
  if (vector == PAGE_FAULT) return PAGING;
  if (vector == DOUBLE_FAULT) return DOUBLE;
  return vector == 0 || (vector >= INVALID_TSS && vector <= GENERAL_PROTECTION) ? CONTRIBUTORY : BENIGN;
}

/**
 * Delivers the fault that FAULT_* describe; RIP must be the address to save. Follows nested faults to double and triple
 * fault.
 * @returns JUMP (RIP is the handler), or EXIT (EXIT_* are set; RIP is unchanged)
 */
export function deliverFault(s: usize): i32 {
  store<i32>(s, -1, DELIVERING);
  return followFaults(s);
}

function followFaults(s: usize): i32 {
  while (true) {
    let vector = load<i32>(s, FAULT_VECTOR);
    let hasCode = load<u32>(s, FAULT_HAS_CODE) != 0;
    let code = load<u32>(s, FAULT_CODE);
    store<i32>(s, NO_FAULT, FAULT_VECTOR);
    if (vector == EXIT_FAULT) {
      store<i32>(s, -1, DELIVERING);
      return EXIT;
    }
    if (load<u32>(s, EXCEPTION_EXITS) != 0) {
      store<u32>(s, EXIT_EXCEPTION, EXIT_REASON);
      store<i32>(s, vector, EXIT_INDEX);
      store<u64>(s, code, EXIT_VALUE);
      return EXIT;
    }
    store<u64>(s, load<u64>(s, COUNT_FAULTS) + 1, COUNT_FAULTS);
    if (vector == PAGE_FAULT) store<u64>(s, load<u64>(s, FAULT_ADDRESS), CR2);
    const first = load<i32>(s, DELIVERING);
    const second = classOf(vector);
    if (first == DOUBLE && second != BENIGN) {
      store<i32>(s, -1, DELIVERING);
      store<u32>(s, EXIT_TRIPLE_FAULT, EXIT_REASON);
      return EXIT;
    }
    if ((first == CONTRIBUTORY && second == CONTRIBUTORY) || (first == PAGING && second != BENIGN)) {
      vector = DOUBLE_FAULT;
      hasCode = true;
      code = 0;
    }
    store<i32>(s, classOf(vector), DELIVERING);
    if (vector == DEBUG) {
      // Entering the handler turns general detection off.
      store<u64>(s, load<u64>(s, DR + 56) & ~DR7_GENERAL_DETECT, DR + 56);
    }
    if (deliver(s, vector, FROM_PROCESSOR, hasCode, code)) {
      store<i32>(s, -1, DELIVERING);
      return JUMP;
    }
  }
}

/**
 * INT n, INT3, INTO and INT1. RIP is the instruction; `next` is what the handler returns to. INT1 passes FROM_PROCESSOR.
 * @returns JUMP, or FAULT
 */
export function softwareInterrupt(s: usize, vector: u32, from: u32, next: u64): i32 {
  const rip = load<u64>(s, RIP);
  store<u64>(s, next, RIP);
  if (deliver(s, vector, from, false, 0)) return JUMP;
  store<u64>(s, rip, RIP);
  return FAULT;
}

/**
 * Delivers an interrupt or NMI at an instruction boundary.
 * @returns JUMP, or EXIT
 */
function deliverOutside(s: usize, vector: u32): i32 {
  store<i32>(s, BENIGN, DELIVERING);
  store<u64>(s, load<u64>(s, COUNT_INTERRUPTS) + 1, COUNT_INTERRUPTS);
  if (deliver(s, vector, FROM_OUTSIDE, false, 0)) {
    store<i32>(s, -1, DELIVERING);
    return JUMP;
  }
  return followFaults(s);
}

/** Bits of INJECT_VECTOR. */
const INJECT_EXCEPTION: i32 = 0x100;
const INJECT_CODE: i32 = 0x200;

/** Bits of NMI_STATE. */
const NMI_PENDING: u32 = 1;
const NMI_BLOCKED: u32 = 2;

/** Something may have to be delivered at the next instruction boundary: see {@link takeEvents}. Cheap. */
// @ts-ignore: decorator
@inline
export function eventsPending(s: usize): bool {
  return (
    (load<u32>(s, DEBUG_PENDING) |
      (load<u32>(s, NMI_STATE) & NMI_PENDING) |
      load<u32>(s, WANT_WINDOW) |
      <u32>(load<i32>(s, INJECT_VECTOR) >= 0)) !=
    0
  );
}

/** An interrupt would be accepted now: IF is set and no instruction holds it back. */
export function interruptible(s: usize): bool {
  return (load<u32>(s, FLAG_SYSTEM) & FLAG_IF) != 0 && load<u32>(s, SHADOW) == 0;
}

/**
 * At an instruction boundary (RIP exact): delivers the exception that the caller injected; else a pending debug trap, NMI,
 * the interrupt that the caller injected; then opens the window that the caller asked for.
 *
 * INJECT_VECTOR is a vector for an interrupt, which waits for IF; with INJECT_EXCEPTION it is a fault of the instruction
 * at RIP, with INJECT_CODE it pushes the error code in bits 16-31.
 * @returns NEXT (nothing happened), JUMP (RIP is a handler), or EXIT
 */
export function takeEvents(s: usize): i32 {
  const injected = load<i32>(s, INJECT_VECTOR);
  if (injected >= 0 && (injected & INJECT_EXCEPTION) != 0) {
    store<i32>(s, injected & 0xff, FAULT_VECTOR);
    store<u32>(s, <u32>((injected & INJECT_CODE) != 0), FAULT_HAS_CODE);
    store<u32>(s, <u32>injected >> 16, FAULT_CODE);
    const outcome = deliverFault(s);
    if (outcome == JUMP || load<u32>(s, EXIT_REASON) != EXIT_GPA_ACCESS) store<i32>(s, -1, INJECT_VECTOR);
    return outcome;
  }
  if (load<u32>(s, DEBUG_PENDING) != 0 && load<u32>(s, SHADOW) != 2) return raiseDebug(s, load<u32>(s, DEBUG_PENDING));
  const nmi = load<u32>(s, NMI_STATE);
  if ((nmi & (NMI_PENDING | NMI_BLOCKED)) == NMI_PENDING && load<u32>(s, SHADOW) == 0) {
    const outcome = deliverOutside(s, 2);
    if (outcome == JUMP) store<u32>(s, (nmi & ~NMI_PENDING) | NMI_BLOCKED, NMI_STATE);
    return outcome;
  }
  if (!interruptible(s)) return NEXT;
  if (injected >= 0) {
    const outcome = deliverOutside(s, injected & 0xff);
    if (outcome == JUMP) store<i32>(s, -1, INJECT_VECTOR);
    return outcome;
  }
  if (load<u32>(s, WANT_WINDOW) != 0) {
    store<u32>(s, 0, WANT_WINDOW);
    store<u32>(s, EXIT_INTERRUPT_WINDOW, EXIT_REASON);
    return EXIT;
  }
  return NEXT;
}

/** Delivers #DB with the given causes (DR6 bits) at RIP. @returns JUMP or EXIT */
function raiseDebug(s: usize, causes: u32): i32 {
  store<u64>(s, (load<u64>(s, DR + 48) & ~(<u64>15)) | causes, DR + 48);
  store<i32>(s, DEBUG, FAULT_VECTOR);
  store<u32>(s, 0, FAULT_HAS_CODE);
  store<u32>(s, 0, FAULT_CODE);
  const outcome = deliverFault(s);
  // A delivery that needs the caller first starts over: its causes are still pending then.
  if (outcome == JUMP) store<u32>(s, 0, DEBUG_PENDING);
  return outcome;
}

/** Instructions must be run one at a time, between {@link beforeInstruction} and {@link afterInstruction}. */
// @ts-ignore: decorator
@inline
export function stepping(s: usize): bool {
  return (load<u32>(s, FLAG_SYSTEM) & FLAG_TF) != 0 || (load<u64>(s, DR + 56) & 0xff) != 0;
}

/** Flags and shadow before the instruction, for {@link afterInstruction}. */
let flagsBefore: u32 = 0;
let shadowBefore: u32 = 0;

/** The instruction under way ends in another context whose TF is its own: no single-step trap behind it. */
export function cancelStep(): void {
  flagsBefore &= ~FLAG_TF;
}

/**
 * Before an instruction that is stepped; RIP is its address.
 * @returns NEXT (run it), or JUMP or EXIT (an instruction breakpoint hit instead)
 */
export function beforeInstruction(s: usize): i32 {
  const hits = instructionBreakpoints(s);
  flagsBefore = load<u32>(s, FLAG_SYSTEM);
  shadowBefore = load<u32>(s, SHADOW);
  return hits != 0 ? raiseDebug(s, hits) : NEXT;
}

/** After a stepped instruction (or one iteration of a REP) that completed; {@link takeEvents} reports what it noted. */
export function afterInstruction(s: usize): void {
  if ((flagsBefore & FLAG_RF) != 0) store<u32>(s, load<u32>(s, FLAG_SYSTEM) & ~FLAG_RF, FLAG_SYSTEM);
  const holdsBack = load<u32>(s, SHADOW) == 2 && shadowBefore != 2;
  if ((flagsBefore & FLAG_TF) != 0 && !holdsBack) {
    store<u32>(s, load<u32>(s, DEBUG_PENDING) | DR6_SINGLE_STEP, DEBUG_PENDING);
  }
}

/** One delivery. @returns false when a fault or an exit was set */
function deliver(s: usize, vector: u32, from: u32, hasCode: bool, code: u32): bool {
  let flags = rflags(s);
  // A fault's saved RF lets the instruction start over past its breakpoint; the handler of #DB decides for itself.
  if (from == FROM_PROCESSOR && vector != DEBUG) flags |= FLAG_RF;
  const done = !protectedMode(s)
    ? deliverReal(s, vector, flags)
    : deliverProtected(s, vector, from, hasCode, code, flags);
  if (!done) return false;
  cancelStep();
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
  if (!push(s, 2, flags) || !push(s, 2, load<u16>(s, CS + SEG_SELECTOR)) || !push(s, 2, load<u64>(s, RIP))) return false;
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
    if (!openLongStack(s, <u32>(gate >> 32) & 7, level, inner, ext)) return false;
  } else if (inner) {
    if (!openInnerStack(s, level, ext)) return withExt(s, ext);
    newStack = descriptor;
  } else openStack(s);

  if (long || inner) {
    if (!push(s, size, oldStack) || !push(s, size, oldPointer)) return false;
  }
  if (!push(s, size, flags) || !push(s, size, load<u16>(s, CS + SEG_SELECTOR)) || !push(s, size, load<u64>(s, RIP))) {
    return false;
  }
  if (hasCode && !push(s, size, code)) return false;
  const pointer = stackPointer();

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

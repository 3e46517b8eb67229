/**
 * Exceptions and interrupts: nesting, double and triple fault, single steps, breakpoints, what is accepted when (APM
 * volume 2 chapters 8 and 13).
 *
 * What one delivery does is in `delivery.ts`; here is which event comes next, and what becomes of one that faults.
 */
import { EXIT_EXCEPTION, EXIT_GPA_ACCESS, EXIT_INTERRUPT_WINDOW, EXIT_TRIPLE_FAULT } from '../../src/exits';
import { EXIT, EXIT_FAULT, FAULT, JUMP, NEXT, NO_FAULT } from '../op';
import {
  COUNT_FAULTS,
  COUNT_INTERRUPTS,
  CR2,
  DEBUG_PENDING,
  DELIVERING,
  DR,
  EXCEPTION_COUNTS,
  EXCEPTION_EXITS,
  EXIT_INDEX,
  EXIT_REASON,
  EXIT_VALUE,
  FAULT_ADDRESS,
  FAULT_CODE,
  FAULT_HAS_CODE,
  FAULT_VECTOR,
  FLAG_SYSTEM,
  INJECT_VECTOR,
  NMI_STATE,
  RIP,
  SHADOW,
  WANT_WINDOW,
} from '../../src/state';
import { instructionBreakpoints } from './breakpoints';
import { FROM_OUTSIDE, FROM_PROCESSOR, deliver } from './delivery';
import { GENERAL_PROTECTION, INVALID_TSS } from './descriptors';
import { FLAG_IF, FLAG_RF, FLAG_TF } from './machine';
import { taskSwitched } from './task-switch';

const DEBUG: i32 = 1;
const DOUBLE_FAULT: i32 = 8;
const PAGE_FAULT: i32 = 14;

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
    const counter = s + ((vector & 31) << 2);
    store<u32>(counter, load<u32>(counter, EXCEPTION_COUNTS) + 1, EXCEPTION_COUNTS);
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
  if (taskSwitched) return deliverFault(s);
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
export const INJECT_EXCEPTION: i32 = 0x100;
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

/**
 * The x87 as a unit: register stack, tags, condition codes, and how an instruction enters and ends.
 *
 * FPU_TAG keeps 3 for an empty register and anything else for one that is not: what kind of value it holds is worked out
 * when the tag word is stored. An instruction computes first and then either `settle`s (result stored, exceptions noted)
 * or, with an unmasked exception of its operands, only notes that. Pending unmasked exceptions are #MF at the next
 * waiting instruction, whatever CR0.NE says: no interrupt controller is wired to FERR#. SDM volume 1 chapter 8.
 */
import { fault, ripOf } from '../op';
import {
  CR0,
  CS,
  FPU_CONTROL,
  FPU_LAST_CS,
  FPU_LAST_DP,
  FPU_LAST_DS,
  FPU_LAST_IP,
  FPU_OPCODE,
  FPU_REGISTERS,
  FPU_STATUS,
  FPU_TAG,
  FPU_TOP,
  DS,
  SEG_SELECTOR,
} from '../../src/state';
import { NEXT, OP_FLAGS, OP_MEMORY, OP_MODRM, effective } from '../op';
import { INDEFINITE_M, INDEFINITE_SE, resultM, resultSe } from './extended';
import { DE, IE, ZE, begin, flags, raise, roundedUp } from './rounding';

export const C0: u32 = 0x100;
export const C1: u32 = 0x200;
export const C2: u32 = 0x400;
export const C3: u32 = 0x4000;
/** Stack fault. */
export const SF: u32 = 0x40;
/** Error summary, and busy, which mirrors it. */
const SUMMARY: u32 = 0x8080;
const EXCEPTIONS: u32 = 0x3f;
const CR0_MP: u64 = 2;
const CR0_EM: u64 = 4;
const CR0_TS: u64 = 8;
const VECTOR_NM = 7;
const VECTOR_MF = 16;

/** Entry of a waiting instruction. @returns NEXT, or FAULT with #NM or #MF */
export function enter(s: usize): i32 {
  if ((load<u64>(s, CR0) & (CR0_EM | CR0_TS)) != 0) return fault(s, VECTOR_NM);
  if ((load<u16>(s, FPU_STATUS) & 0x80) != 0) return fault(s, VECTOR_MF);
  start(s);
  return NEXT;
}

/** Entry of a control instruction that does not wait. @returns NEXT, or FAULT with #NM */
export function enterControl(s: usize): i32 {
  if ((load<u64>(s, CR0) & (CR0_EM | CR0_TS)) != 0) return fault(s, VECTOR_NM);
  return NEXT;
}

/** Entry of WAIT. */
export function enterWait(s: usize): i32 {
  if ((load<u64>(s, CR0) & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) return fault(s, VECTOR_NM);
  if ((load<u16>(s, FPU_STATUS) & 0x80) != 0) return fault(s, VECTOR_MF);
  return NEXT;
}

/** Begins an operation with the control word's rounding and masks. */
function start(s: usize): void {
  const control = <u32>load<u16>(s, FPU_CONTROL);
  begin((control >> 10) & 3, control & EXCEPTIONS, false);
}

/** Significant bits by precision control; its reserved value means 64. */
export function precision(s: usize): i32 {
  const field = (<u32>load<u16>(s, FPU_CONTROL) >> 8) & 3;
  return field == 0 ? 24 : field == 2 ? 53 : 64;
}

/** Address of ST(i). */
export function slot(s: usize, i: u32): usize {
  return s + FPU_REGISTERS + (((load<u16>(s, FPU_TOP) + i) & 7) << 4);
}

// @ts-ignore: decorator
@inline
export function seOf(register: usize): u32 {
  return load<u16>(register, 8);
}

// @ts-ignore: decorator
@inline
export function mOf(register: usize): u64 {
  return load<u64>(register);
}

/** ST(i) is empty. */
export function empty(s: usize, i: u32): bool {
  const shift = ((load<u16>(s, FPU_TOP) + i) & 7) << 1;
  return ((load<u16>(s, FPU_TAG) >> shift) & 3) == 3;
}

/** Writes ST(i) and makes it not empty. */
export function put(s: usize, i: u32, se: u32, m: u64): void {
  const number = (load<u16>(s, FPU_TOP) + i) & 7;
  const register = s + FPU_REGISTERS + (number << 4);
  store<u64>(register, m);
  store<u16>(register, <u16>se, 8);
  store<u16>(s, load<u16>(s, FPU_TAG) & ~(<u16>((<u32>3) << (number << 1))), FPU_TAG);
}

/** Makes ST(i) empty. */
export function free(s: usize, i: u32): void {
  const number = (load<u16>(s, FPU_TOP) + i) & 7;
  store<u16>(s, load<u16>(s, FPU_TAG) | <u16>((<u32>3) << (number << 1)), FPU_TAG);
}

/** Moves the top of the stack. */
export function turn(s: usize, by: i32): void {
  store<u16>(s, <u16>((load<u16>(s, FPU_TOP) + by) & 7), FPU_TOP);
}

export function pop(s: usize): void {
  free(s, 0);
  turn(s, 1);
}

export function push(s: usize, se: u32, m: u64): void {
  turn(s, -1);
  put(s, 0, se, m);
}

/** Notes a stack underflow. @returns whether it is masked, so that the instruction answers with the indefinite */
export function underflow(s: usize, p: usize, opcode: u32): bool {
  return stackFault(s, p, opcode, 0);
}

/** Notes a stack overflow. @returns whether it is masked */
export function overflow(s: usize, p: usize, opcode: u32): bool {
  return stackFault(s, p, opcode, C1);
}

function stackFault(s: usize, p: usize, opcode: u32, c1: u32): bool {
  begin(0, <u32>load<u16>(s, FPU_CONTROL) & EXCEPTIONS, false);
  raise(IE);
  const stored = settle(s, p, opcode);
  store<u16>(s, <u16>((load<u16>(s, FPU_STATUS) & ~C1) | SF | c1), FPU_STATUS);
  return stored;
}

/** Whether no unmasked exception of the operands forbids the result. */
export function allowed(s: usize): bool {
  return (flags & ~(<u32>load<u16>(s, FPU_CONTROL)) & (IE | DE | ZE)) == 0;
}

/** Ends an instruction: notes its exceptions, C1 and its address. @returns {@link allowed} */
export function settle(s: usize, p: usize, opcode: u32): bool {
  const ok = allowed(s);
  const met = ok ? flags : flags & (IE | DE | ZE);
  const c1: u32 = ok && roundedUp ? C1 : 0;
  store<u16>(s, <u16>((load<u16>(s, FPU_STATUS) & ~C1) | met | c1), FPU_STATUS);
  summarize(s);
  remember(s, p, opcode);
  return ok;
}

/** As {@link settle} for an instruction that leaves C1. */
export function settleKeeping(s: usize, p: usize, opcode: u32): bool {
  const c1 = load<u16>(s, FPU_STATUS) & <u16>C1;
  const ok = settle(s, p, opcode);
  store<u16>(s, load<u16>(s, FPU_STATUS) | c1, FPU_STATUS);
  return ok;
}

/** Ends an instruction without exceptions. */
export function settleQuietly(s: usize, p: usize, opcode: u32): void {
  store<u16>(s, load<u16>(s, FPU_STATUS) & ~(<u16>C1), FPU_STATUS);
  remember(s, p, opcode);
}

/** Sets or clears the error summary by pending exceptions and masks. */
export function summarize(s: usize): void {
  const status = <u32>load<u16>(s, FPU_STATUS);
  const pending = (status & ~(<u32>load<u16>(s, FPU_CONTROL)) & EXCEPTIONS) != 0;
  store<u16>(s, <u16>(pending ? status | SUMMARY : status & ~SUMMARY), FPU_STATUS);
}

/** Keeps where the last instruction and its operand were. */
export function remember(s: usize, p: usize, opcode: u32): void {
  store<u16>(s, <u16>(((opcode & 7) << 8) | load<u8>(p, OP_MODRM)), FPU_OPCODE);
  store<u64>(s, ripOf(s, p), FPU_LAST_IP);
  store<u16>(s, load<u16>(s, CS + SEG_SELECTOR), FPU_LAST_CS);
  if ((load<u8>(p, OP_FLAGS) & OP_MEMORY) != 0) {
    store<u64>(s, effective(p), FPU_LAST_DP);
    store<u16>(s, load<u16>(s, DS + SEG_SELECTOR), FPU_LAST_DS);
  }
}

/** Replaces C3, C2, C1 and C0. */
export function setConditions(s: usize, conditions: u32): void {
  store<u16>(s, <u16>((load<u16>(s, FPU_STATUS) & ~(C0 | C1 | C2 | C3)) | conditions), FPU_STATUS);
}

/** Status word with TOP. */
export function statusWord(s: usize): u32 {
  return load<u16>(s, FPU_STATUS) | ((load<u16>(s, FPU_TOP) & 7) << 11);
}

/** Replaces the status word, TOP included. */
export function setStatusWord(s: usize, word: u32): void {
  store<u16>(s, <u16>(word & ~0x3800), FPU_STATUS);
  store<u16>(s, <u16>((word >> 11) & 7), FPU_TOP);
}

/** Stores the result in ST(i). */
export function putResult(s: usize, i: u32): void {
  put(s, i, resultSe, resultM);
}

/** Stores the indefinite in ST(i). */
export function putIndefinite(s: usize, i: u32): void {
  put(s, i, INDEFINITE_SE, INDEFINITE_M);
}

/**
 * A decoded instruction ("op"): 40 bytes in the VP's decode arena, written by the decoder, read by handlers.
 *
 *      0  u16 handler     below HOT_LIMIT a case of the run loop, else HOT_LIMIT + index in the function table
 *      2  u16 place       bits 0-11 offset in its page, bits 12-15 length in bytes
 *      4  u8  scale       shift of the index register
 *      5  u8  size        log2 of the operand size: 0 byte … 3 quad
 *      6  u8  flags       OP_* below
 *      7  u8  extra       modrm byte
 *      8  u32 target      address of the register operand's slot (modrm.reg, opcode register, or the rm register)
 *     12  u32 source      address of the other operand: a register's slot, or of this op's own `immediate`
 *     16  u32 base        addresses of 8-byte slots that make the effective address:
 *     20  u32 index         [base] + ([index] << scale) + displacement
 *     24  u32 segment
 *     28  i32 displacement
 *     32  i64 immediate   sign-extended as the instruction says; a second immediate in bits 32 and up (ENTER)
 *
 * Jumps use target and source for the linked blocks. Slots are in the state block, so an op belongs to one VP.
 *
 * What a handler of the function table is: `(s: usize, p: usize) => i32`, s the state block, p its op. It returns one of
 * the outcomes below. Before it returns FAULT it has changed nothing that the guest can see.
 */
import { CODE_BASE, FAULT_CANONICAL, FAULT_CODE, FAULT_HAS_CODE, FAULT_VECTOR, MODE, RIP, SEGMENTS } from '../src/state';

/** Bytes of an op. */
export const OP_SIZE = 40;
export const OP_PLACE = 2;
export const OP_SCALE = 4;
export const OP_LOG = 5;
export const OP_FLAGS = 6;
export const OP_MODRM = 7;
export const OP_TARGET = 8;
export const OP_SOURCE = 12;
export const OP_BASE = 16;
export const OP_INDEX = 20;
export const OP_SEGMENT = 24;
export const OP_DISPLACEMENT = 28;
export const OP_IMMEDIATE = 32;

/** The r/m operand is memory. */
export const OP_MEMORY = 1;
/** LOCK prefix (or XCHG with memory). */
export const OP_LOCK = 2;
/** F3 prefix. */
export const OP_REP = 4;
/** F2 prefix. */
export const OP_REPNE = 8;
/** The default segment is SS: a non-canonical address is #SS. */
export const OP_STACK = 16;
/** 67h is in force: address size is not the mode's (string ops, LOOP, JCXZ). Bits 6-7: log2 of the address size (1-3). */
export const OP_ADDRESS_SHIFT = 6;
/** REX prefix has W (also 66h with far transfers: see OP_LOG). */
export const OP_REX_W = 32;

/** Handlers below are cases of the run loop. */
export const HOT_LIMIT = 512;

/** Outcome: done, go on with the next op. */
export const NEXT = 0;
/** Outcome: RIP was set; look up the block there. Also after anything that changes the mode, and at a block's end. */
export const JUMP = 1;
/** Outcome: nothing was changed; FAULT_* say what to deliver at this instruction. */
export const FAULT = 2;
/** Outcome: EXIT_* are set and RIP is as the exit code says; leave run(). */
export const EXIT = 3;
/** Outcome: done; RIP is to be the next instruction, and the block ends (mode, mapping or interrupt state changed). */
export const END = 4;

export const NO_FAULT: i32 = -1;
/** FAULT_VECTOR of an access that needs the caller: EXIT_* are set, and the instruction starts over. */
export const EXIT_FAULT: i32 = 256;

/** RIP of the instruction `p`. */
export function ripOf(s: usize, p: usize): u64 {
  return wrapRip(s, load<u64>(s, CODE_BASE) + (load<u16>(p, OP_PLACE) & 0xfff));
}

/** RIP of the instruction after `p`. */
export function nextRipOf(s: usize, p: usize): u64 {
  const place: u32 = load<u16>(p, OP_PLACE);
  return wrapRip(s, load<u64>(s, CODE_BASE) + (place & 0xfff) + (place >> 12));
}

/** Truncates an instruction pointer to 16 or 32 bits where the code size is not 64. */
export function wrapRip(s: usize, rip: u64): u64 {
  const mode = load<u32>(s, MODE) & 3;
  if (mode == 2) return rip;
  return mode == 1 ? rip & 0xffffffff : rip & 0xffff;
}

/** Makes RIP the next instruction. */
export function advance(s: usize, p: usize): void {
  store<u64>(s, nextRipOf(s, p), RIP);
}

/** Effective linear address of the memory operand, segment base included. */
// @ts-ignore: decorator
@inline
export function effective(p: usize): u64 {
  return (
    load<u64>(load<u32>(p, OP_BASE)) +
    (load<u64>(load<u32>(p, OP_INDEX)) << (<u64>load<u8>(p, OP_SCALE))) +
    <u64>(<i64>load<i32>(p, OP_DISPLACEMENT))
  );
}

/** Sets a fault without an error code. @returns FAULT */
export function fault(s: usize, vector: i32): i32 {
  store<i32>(s, vector, FAULT_VECTOR);
  store<i32>(s, 0, FAULT_HAS_CODE);
  store<i32>(s, 0, FAULT_CODE);
  store<i32>(s, 0, FAULT_CANONICAL);
  return FAULT;
}

/** Sets a fault with an error code. @returns FAULT */
export function faultCode(s: usize, vector: i32, code: u32): i32 {
  store<i32>(s, vector, FAULT_VECTOR);
  store<i32>(s, 1, FAULT_HAS_CODE);
  store<u32>(s, code, FAULT_CODE);
  store<i32>(s, 0, FAULT_CANONICAL);
  return FAULT;
}

/** Address of a segment's record; `index` is its encoding (ES 0 … GS 5). */
export function segment(s: usize, index: u32): usize {
  return s + SEGMENTS + (index << 5);
}

/**
 * Numbers of the run loop's cases, and which op gets one. Everything else goes through the function table.
 *
 *       1 …  90  ALU: 1 + family × 9 + size × 3 + form; size 0 byte, 1 dword, 2 qword; form 0 register ← register or
 *                immediate, 1 register ← memory, 2 memory ← register or immediate
 *      91 … 174  the rest, below
 *     175 … 226  a comparison and the conditional jump right behind it
 */
import {
  FAMILY_ADC,
  FAMILY_ADD,
  FAMILY_AND,
  FAMILY_CALL,
  FAMILY_CALLRM,
  FAMILY_CBW,
  FAMILY_CMOV,
  FAMILY_CMP,
  FAMILY_CWD,
  FAMILY_DEC,
  FAMILY_IMUL,
  FAMILY_IMUL3,
  FAMILY_INC,
  FAMILY_JCC,
  FAMILY_JMP,
  FAMILY_JMPRM,
  FAMILY_LEA,
  FAMILY_LEAVE,
  FAMILY_MOV,
  FAMILY_MOVSX16,
  FAMILY_MOVSX8,
  FAMILY_MOVSXD,
  FAMILY_MOVZX16,
  FAMILY_MOVZX8,
  FAMILY_NEG,
  FAMILY_NOP,
  FAMILY_NOT,
  FAMILY_OR,
  FAMILY_POP,
  FAMILY_PUSH,
  FAMILY_RET,
  FAMILY_ROL,
  FAMILY_ROR,
  FAMILY_SAR,
  FAMILY_SBB,
  FAMILY_SETCC,
  FAMILY_SHL,
  FAMILY_SHR,
  FAMILY_SUB,
  FAMILY_TEST,
  FAMILY_XOR,
} from '../wasm/generated/tables';
import { MODE_64, MODE_CODE } from './mode';
import { OP_FLAGS, OP_IMMEDIATE, OP_LOCK, OP_LOG, OP_MEMORY, OP_TARGET } from './op';

export const H_INC: u32 = 91;
export const H_DEC: u32 = 95;
export const H_NEG: u32 = 99;
export const H_NOT: u32 = 101;
export const H_SHIFT: u32 = 103;
export const H_MOVZX8: u32 = 113;
export const H_MOVZX16: u32 = 115;
export const H_MOVSX8: u32 = 117;
export const H_MOVSX16: u32 = 121;
export const H_MOVSXD: u32 = 125;
export const H_LEA: u32 = 127;
export const H_IMUL: u32 = 129;
export const H_IMUL3: u32 = 133;
export const H_CBW: u32 = 137;
export const H_CWD: u32 = 139;
export const H_PUSH: u32 = 141;
export const H_POP: u32 = 142;
export const H_LEAVE: u32 = 143;
export const H_CALL: u32 = 144;
export const H_RET: u32 = 145;
export const H_JMP: u32 = 146;
export const H_JMPRM: u32 = 147;
export const H_CALLRM: u32 = 149;
export const H_JCC: u32 = 151;
export const H_SETCC: u32 = 167;
export const H_CMOV: u32 = 168;
export const H_NOP: u32 = 170;
/** Ends a block that no jump ends: goes on at the offset that the op is at. */
export const H_CONTINUE: u32 = 171;
/** Makes ADDRESS for the op that follows. */
export const HANDLER_ADDRESS: u32 = 172;
/** #UD. The immediate is the row without a handler, 0xffff when the opcode itself is undefined. */
export const HANDLER_UNDEFINED: u32 = 173;
/** An op of a block that was dropped: looks up the block anew at its place. */
export const H_STALE: u32 = 174;

/** Case number for a decoded op; 0 = none, use its handler. May rewrite the op. */
export function hotHandler(family: u32, opcode: u32, p: usize, mode: u32): u32 {
  if (family == 0) return 0;
  const log: u32 = load<u8>(p, OP_LOG);
  const flags: u32 = load<u8>(p, OP_FLAGS);
  const inMemory = (flags & OP_MEMORY) != 0;
  if ((flags & OP_LOCK) != 0) return 0;
  const long = (mode & MODE_CODE) == MODE_64;
  const toMemory = inMemory && load<u32>(p, OP_TARGET) == 0;
  const form: u32 = toMemory ? 2 : inMemory ? 1 : 0;
  const wide = log - 2;
  const alu = aluFamily(family);
  if (alu >= 0) {
    if (log == 1) return 0;
    return 1 + <u32>alu * 9 + (log == 0 ? 0 : log - 1) * 3 + form;
  }
  if (family == FAMILY_NOP) return H_NOP;
  if (family == FAMILY_JMP) return long ? H_JMP : 0;
  if (family == FAMILY_JCC) return long ? H_JCC + (opcode & 15) : 0;
  if (family == FAMILY_CALL) return long ? H_CALL : 0;
  if (family == FAMILY_RET) return long ? H_RET : 0;
  if (family == FAMILY_JMPRM) return long ? H_JMPRM + <u32>inMemory : 0;
  if (family == FAMILY_CALLRM) return long ? H_CALLRM + <u32>inMemory : 0;
  if (family == FAMILY_PUSH) return long && log == 3 ? H_PUSH : 0;
  if (family == FAMILY_POP) return long && log == 3 ? H_POP : 0;
  if (family == FAMILY_LEAVE) return long && log == 3 ? H_LEAVE : 0;
  if (family == FAMILY_SETCC) {
    store<u8>(p, <u8>(opcode & 15), OP_IMMEDIATE);
    return inMemory ? 0 : H_SETCC;
  }
  if (family == FAMILY_MOVZX8) return log >= 2 ? H_MOVZX8 + <u32>inMemory : 0;
  if (family == FAMILY_MOVZX16) return log >= 2 ? H_MOVZX16 + <u32>inMemory : 0;
  if (log < 2) {
    if (family == FAMILY_CMOV) store<u8>(p, <u8>(opcode & 15), OP_IMMEDIATE);
    return 0;
  }
  if (family == FAMILY_INC) return H_INC + (inMemory ? 2 : 0) + wide;
  if (family == FAMILY_DEC) return H_DEC + (inMemory ? 2 : 0) + wide;
  if (family == FAMILY_NEG) return inMemory ? 0 : H_NEG + wide;
  if (family == FAMILY_NOT) return inMemory ? 0 : H_NOT + wide;
  if (family == FAMILY_MOVSX8) return H_MOVSX8 + wide * 2 + <u32>inMemory;
  if (family == FAMILY_MOVSX16) return H_MOVSX16 + wide * 2 + <u32>inMemory;
  if (family == FAMILY_MOVSXD) return log == 3 ? H_MOVSXD + <u32>inMemory : 0;
  if (family == FAMILY_LEA) return H_LEA + wide;
  if (family == FAMILY_IMUL) return H_IMUL + wide * 2 + <u32>inMemory;
  if (family == FAMILY_IMUL3) return H_IMUL3 + wide * 2 + <u32>inMemory;
  if (family == FAMILY_CBW) return H_CBW + wide;
  if (family == FAMILY_CWD) return H_CWD + wide;
  if (family == FAMILY_CMOV) {
    store<u8>(p, <u8>(opcode & 15), OP_IMMEDIATE);
    return inMemory ? 0 : H_CMOV + wide;
  }
  const shift = shiftFamily(family);
  if (shift >= 0 && !inMemory) {
    if (opcode == 0xd1) store<i64>(p, 1, OP_IMMEDIATE);
    const count = load<u32>(p, OP_IMMEDIATE) & (log == 3 ? 63 : 31);
    if (count == 0) return 0;
    store<i64>(p, <i64>count, OP_IMMEDIATE);
    return H_SHIFT + <u32>shift * 2 + wide;
  }
  return 0;
}

// Comparisons that have a case together with a jump: the numbers of their own cases, see above.
const CMP8: u32 = 64;
const CMP8_LOAD: u32 = 65;
const CMP8_MEMORY: u32 = 66;
const CMP32: u32 = 67;
const CMP32_LOAD: u32 = 68;
const CMP32_MEMORY: u32 = 69;
const CMP64: u32 = 70;
const CMP64_LOAD: u32 = 71;
const CMP64_MEMORY: u32 = 72;
const TEST8: u32 = 73;
const TEST8_MEMORY: u32 = 75;
const TEST32: u32 = 76;
const TEST64: u32 = 79;

/**
 * The case of the comparison `h` together with a conditional jump, whose own op stays behind it; 0 when they have none.
 * Which pairs have one was chosen by how often they come in a boot: these are nine of ten.
 */
export function fusedHandler(h: u32, jump: u32): u32 {
  const condition = jump - H_JCC;
  switch (h) {
    case CMP32: return orderOrSign(175, condition, 10);
    case CMP64: return orderOrSign(185, condition, 10);
    case CMP8: return orderOrSign(195, condition, 6);
    case TEST8: return zeroOrSign(201, condition);
    case TEST32: return zeroOrSign(205, condition);
    case TEST64: return zeroOrSign(209, condition);
    case CMP8_MEMORY: return zeroOnly(213, condition);
    case CMP32_MEMORY: return zeroOnly(215, condition);
    case CMP64_MEMORY: return zeroOnly(217, condition);
    case CMP8_LOAD: return zeroOnly(219, condition);
    case CMP32_LOAD: return zeroOnly(221, condition);
    case CMP64_LOAD: return zeroOnly(223, condition);
    case TEST8_MEMORY: return zeroOnly(225, condition);
    default: return 0;
  }
}

/** B NB Z NZ BE NBE, then L NL LE NLE. */
function orderOrSign(first: u32, condition: u32, cases: u32): u32 {
  if (condition >= 2 && condition < 8) return first + condition - 2;
  return condition >= 12 && cases == 10 ? first + condition - 6 : 0;
}

/** Z NZ S NS. */
function zeroOrSign(first: u32, condition: u32): u32 {
  if (condition == 4 || condition == 5) return first + condition - 4;
  return condition == 8 || condition == 9 ? first + condition - 6 : 0;
}

function zeroOnly(first: u32, condition: u32): u32 {
  return condition == 4 || condition == 5 ? first + condition - 4 : 0;
}

function aluFamily(family: u32): i32 {
  if (family == FAMILY_ADD) return 0;
  if (family == FAMILY_OR) return 1;
  if (family == FAMILY_ADC) return 2;
  if (family == FAMILY_SBB) return 3;
  if (family == FAMILY_AND) return 4;
  if (family == FAMILY_SUB) return 5;
  if (family == FAMILY_XOR) return 6;
  if (family == FAMILY_CMP) return 7;
  if (family == FAMILY_TEST) return 8;
  if (family == FAMILY_MOV) return 9;
  return -1;
}

function shiftFamily(family: u32): i32 {
  if (family == FAMILY_ROL) return 0;
  if (family == FAMILY_ROR) return 1;
  if (family == FAMILY_SHL) return 2;
  if (family == FAMILY_SHR) return 3;
  if (family == FAMILY_SAR) return 4;
  return -1;
}

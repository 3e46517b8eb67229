/** Arithmetic and comparison instructions of the x87, D8 to DF: registers, memory, reversed, popping. */
import { readable } from '../memory';
import { setStatusFlags } from '../flags';
import { FAULT, NEXT, OP_MODRM, effective } from '../op';
import { addExtended, divideExtended, multiplyExtended } from './arithmetic';
import { EQUAL, LESS, UNORDERED, compareExtended } from './compare';
import { fromDouble, fromInteger, fromSingle } from './convert';
import { QUIET, SIGN, classify, resultM, resultSe } from './extended';
import { DE, IE, ZE, flags, raise } from './rounding';
import {
  C0,
  C2,
  C3,
  empty,
  enter,
  mOf,
  pop,
  precision,
  putIndefinite,
  putResult,
  seOf,
  setConditions,
  settle,
  settleKeeping,
  slot,
  underflow,
} from './unit';

/** Operations, numbered as modrm.reg of D8 numbers them. */
const ADD = 0;
const MULTIPLY = 1;
const SUBTRACT = 4;
const SUBTRACT_REVERSED = 5;
const DIVIDE = 6;
const DIVIDE_REVERSED = 7;

/** Kinds of memory operands. */
const SINGLE = 0;
const INT32 = 1;
const DOUBLE = 2;
const INT16 = 3;

/** a operation b, into the result. */
function compute(operation: i32, ase: u32, am: u64, bse: u32, bm: u64, bits: i32): void {
  if (operation == ADD) addExtended(ase, am, bse, bm, 0, bits);
  else if (operation == MULTIPLY) multiplyExtended(ase, am, bse, bm, bits);
  else if (operation == SUBTRACT) addExtended(ase, am, bse, bm, SIGN, bits);
  else if (operation == SUBTRACT_REVERSED) addExtended(bse, bm, ase, am, SIGN, bits);
  else if (operation == DIVIDE) divideExtended(ase, am, bse, bm, bits);
  else divideExtended(bse, bm, ase, am, bits);
}

/** ST(to) = ST(to) operation ST(from). */
function registers(s: usize, p: usize, opcode: u32, operation: i32, to: u32, from: u32, pops: bool): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  if (empty(s, to) || empty(s, from)) {
    if (underflow(s, p, opcode)) {
      putIndefinite(s, to);
      if (pops) pop(s);
    }
    return NEXT;
  }
  const a = slot(s, to);
  const b = slot(s, from);
  compute(operation, seOf(a), mOf(a), seOf(b), mOf(b), precision(s));
  if (settle(s, p, opcode)) {
    putResult(s, to);
    if (pops) pop(s);
  }
  return NEXT;
}

/** The last memory operand was a denormal of its format. */
let denormal: bool = false;

/** Reads a memory operand into the result. @returns false on a fault */
function fetch(s: usize, p: usize, kind: i32): bool {
  const a = effective(p);
  let host: usize;
  if (kind == INT16) host = readable<u16>(s, a);
  else if (kind == DOUBLE) host = readable<u64>(s, a);
  else host = readable<u32>(s, a);
  if (host == 0) return false;
  denormal = false;
  if (kind == SINGLE) denormal = fromSingle(load<u32>(host));
  else if (kind == DOUBLE) denormal = fromDouble(load<u64>(host));
  else if (kind == INT32) fromInteger(<i64>load<i32>(host));
  else fromInteger(<i64>load<i16>(host));
  return true;
}

/** ST(0) = ST(0) operation memory. */
function withMemory(s: usize, p: usize, opcode: u32, operation: i32, kind: i32): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  if (!fetch(s, p, kind)) return FAULT;
  if (empty(s, 0)) {
    if (underflow(s, p, opcode)) putIndefinite(s, 0);
    return NEXT;
  }
  const a = slot(s, 0);
  const was = denormal;
  compute(operation, seOf(a), mOf(a), resultSe, resultM, precision(s));
  if (was && (flags & (IE | ZE)) == 0 && classify(seOf(a), mOf(a)) < QUIET) raise(DE);
  if (settle(s, p, opcode)) putResult(s, 0);
  return NEXT;
}

/** Condition codes of a comparison. */
function conditionsOf(answer: u32): u32 {
  if (answer == UNORDERED) return C0 | C2 | C3;
  return answer == LESS ? C0 : answer == EQUAL ? C3 : 0;
}

/** Compares ST(0) with ST(i), into C3 C2 C0. */
function compareRegister(s: usize, p: usize, opcode: u32, i: u32, ordered: bool, pops: i32): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  let done: bool;
  let answer = UNORDERED;
  if (empty(s, 0) || empty(s, i)) done = underflow(s, p, opcode);
  else {
    const a = slot(s, 0);
    const b = slot(s, i);
    answer = compareExtended(seOf(a), mOf(a), seOf(b), mOf(b), ordered);
    done = settle(s, p, opcode);
  }
  setConditions(s, conditionsOf(answer));
  if (done) while (pops-- > 0) pop(s);
  return NEXT;
}

function compareMemory(s: usize, p: usize, opcode: u32, kind: i32, pops: bool): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  if (!fetch(s, p, kind)) return FAULT;
  let done: bool;
  let answer = UNORDERED;
  if (empty(s, 0)) done = underflow(s, p, opcode);
  else {
    const a = slot(s, 0);
    const was = denormal;
    answer = compareExtended(seOf(a), mOf(a), resultSe, resultM, true);
    if (was && answer != UNORDERED) raise(DE);
    done = settle(s, p, opcode);
  }
  setConditions(s, conditionsOf(answer));
  if (done && pops) pop(s);
  return NEXT;
}

/** Compares ST(0) with ST(i), into ZF PF CF. */
function compareFlags(s: usize, p: usize, opcode: u32, ordered: bool, pops: bool): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  const i = <u32>load<u8>(p, OP_MODRM) & 7;
  let done: bool;
  let answer = UNORDERED;
  if (empty(s, 0) || empty(s, i)) done = underflow(s, p, opcode);
  else {
    const a = slot(s, 0);
    const b = slot(s, i);
    answer = compareExtended(seOf(a), mOf(a), seOf(b), mOf(b), ordered);
    done = settleKeeping(s, p, opcode);
  }
  setStatusFlags(s, answer == UNORDERED ? 0x45 : answer == LESS ? 1 : answer == EQUAL ? 0x40 : 0);
  if (done && pops) pop(s);
  return NEXT;
}

// @ts-ignore: decorator
@inline
function rm(p: usize): u32 {
  return <u32>load<u8>(p, OP_MODRM) & 7;
}

export function opFadd(s: usize, p: usize): i32 {
  return registers(s, p, 0xd8, ADD, 0, rm(p), false);
}
export function opFaddTo(s: usize, p: usize): i32 {
  return registers(s, p, 0xdc, ADD, rm(p), 0, false);
}
export function opFaddp(s: usize, p: usize): i32 {
  return registers(s, p, 0xde, ADD, rm(p), 0, true);
}
export function opFaddSingle(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xd8, ADD, SINGLE);
}
export function opFaddDouble(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xdc, ADD, DOUBLE);
}
export function opFaddInt32(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xda, ADD, INT32);
}
export function opFaddInt16(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xde, ADD, INT16);
}
export function opFmul(s: usize, p: usize): i32 {
  return registers(s, p, 0xd8, MULTIPLY, 0, rm(p), false);
}
export function opFmulTo(s: usize, p: usize): i32 {
  return registers(s, p, 0xdc, MULTIPLY, rm(p), 0, false);
}
export function opFmulp(s: usize, p: usize): i32 {
  return registers(s, p, 0xde, MULTIPLY, rm(p), 0, true);
}
export function opFmulSingle(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xd8, MULTIPLY, SINGLE);
}
export function opFmulDouble(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xdc, MULTIPLY, DOUBLE);
}
export function opFmulInt32(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xda, MULTIPLY, INT32);
}
export function opFmulInt16(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xde, MULTIPLY, INT16);
}
export function opFsub(s: usize, p: usize): i32 {
  return registers(s, p, 0xd8, SUBTRACT, 0, rm(p), false);
}
export function opFsubTo(s: usize, p: usize): i32 {
  return registers(s, p, 0xdc, SUBTRACT, rm(p), 0, false);
}
export function opFsubp(s: usize, p: usize): i32 {
  return registers(s, p, 0xde, SUBTRACT, rm(p), 0, true);
}
export function opFsubSingle(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xd8, SUBTRACT, SINGLE);
}
export function opFsubDouble(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xdc, SUBTRACT, DOUBLE);
}
export function opFsubInt32(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xda, SUBTRACT, INT32);
}
export function opFsubInt16(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xde, SUBTRACT, INT16);
}
export function opFsubr(s: usize, p: usize): i32 {
  return registers(s, p, 0xd8, SUBTRACT_REVERSED, 0, rm(p), false);
}
export function opFsubrTo(s: usize, p: usize): i32 {
  return registers(s, p, 0xdc, SUBTRACT_REVERSED, rm(p), 0, false);
}
export function opFsubrp(s: usize, p: usize): i32 {
  return registers(s, p, 0xde, SUBTRACT_REVERSED, rm(p), 0, true);
}
export function opFsubrSingle(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xd8, SUBTRACT_REVERSED, SINGLE);
}
export function opFsubrDouble(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xdc, SUBTRACT_REVERSED, DOUBLE);
}
export function opFsubrInt32(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xda, SUBTRACT_REVERSED, INT32);
}
export function opFsubrInt16(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xde, SUBTRACT_REVERSED, INT16);
}
export function opFdiv(s: usize, p: usize): i32 {
  return registers(s, p, 0xd8, DIVIDE, 0, rm(p), false);
}
export function opFdivTo(s: usize, p: usize): i32 {
  return registers(s, p, 0xdc, DIVIDE, rm(p), 0, false);
}
export function opFdivp(s: usize, p: usize): i32 {
  return registers(s, p, 0xde, DIVIDE, rm(p), 0, true);
}
export function opFdivSingle(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xd8, DIVIDE, SINGLE);
}
export function opFdivDouble(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xdc, DIVIDE, DOUBLE);
}
export function opFdivInt32(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xda, DIVIDE, INT32);
}
export function opFdivInt16(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xde, DIVIDE, INT16);
}
export function opFdivr(s: usize, p: usize): i32 {
  return registers(s, p, 0xd8, DIVIDE_REVERSED, 0, rm(p), false);
}
export function opFdivrTo(s: usize, p: usize): i32 {
  return registers(s, p, 0xdc, DIVIDE_REVERSED, rm(p), 0, false);
}
export function opFdivrp(s: usize, p: usize): i32 {
  return registers(s, p, 0xde, DIVIDE_REVERSED, rm(p), 0, true);
}
export function opFdivrSingle(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xd8, DIVIDE_REVERSED, SINGLE);
}
export function opFdivrDouble(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xdc, DIVIDE_REVERSED, DOUBLE);
}
export function opFdivrInt32(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xda, DIVIDE_REVERSED, INT32);
}
export function opFdivrInt16(s: usize, p: usize): i32 {
  return withMemory(s, p, 0xde, DIVIDE_REVERSED, INT16);
}
export function opFcom(s: usize, p: usize): i32 {
  return compareRegister(s, p, 0xd8, rm(p), true, 0);
}
export function opFcomSingle(s: usize, p: usize): i32 {
  return compareMemory(s, p, 0xd8, SINGLE, false);
}
export function opFcomDouble(s: usize, p: usize): i32 {
  return compareMemory(s, p, 0xdc, DOUBLE, false);
}
export function opFcomInt32(s: usize, p: usize): i32 {
  return compareMemory(s, p, 0xda, INT32, false);
}
export function opFcomInt16(s: usize, p: usize): i32 {
  return compareMemory(s, p, 0xde, INT16, false);
}
export function opFcomp(s: usize, p: usize): i32 {
  return compareRegister(s, p, 0xd8, rm(p), true, 1);
}
export function opFcompSingle(s: usize, p: usize): i32 {
  return compareMemory(s, p, 0xd8, SINGLE, true);
}
export function opFcompDouble(s: usize, p: usize): i32 {
  return compareMemory(s, p, 0xdc, DOUBLE, true);
}
export function opFcompInt32(s: usize, p: usize): i32 {
  return compareMemory(s, p, 0xda, INT32, true);
}
export function opFcompInt16(s: usize, p: usize): i32 {
  return compareMemory(s, p, 0xde, INT16, true);
}
export function opFcompp(s: usize, p: usize): i32 {
  return compareRegister(s, p, 0xde, 1, true, 2);
}
export function opFucom(s: usize, p: usize): i32 {
  return compareRegister(s, p, 0xdd, rm(p), false, 0);
}
export function opFucomp(s: usize, p: usize): i32 {
  return compareRegister(s, p, 0xdd, rm(p), false, 1);
}
export function opFucompp(s: usize, p: usize): i32 {
  return compareRegister(s, p, 0xda, 1, false, 2);
}
export function opFcomi(s: usize, p: usize): i32 {
  return compareFlags(s, p, 0xdb, true, false);
}
export function opFcomip(s: usize, p: usize): i32 {
  return compareFlags(s, p, 0xdf, true, true);
}
export function opFucomi(s: usize, p: usize): i32 {
  return compareFlags(s, p, 0xdb, false, false);
}
export function opFucomip(s: usize, p: usize): i32 {
  return compareFlags(s, p, 0xdf, false, true);
}

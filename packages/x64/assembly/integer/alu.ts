/** Two- and one-operand arithmetic of any size, LOCK included: what the run loop has no case for. */
import { ADC, ADD, alu, AND, CMP, increment, OR, SBB, SUB, TEST, XOR } from '../arithmetic';
import { FAULT, NEXT } from '../op';
import {
  changeHost,
  exchangeIf,
  firstHost,
  loadSized,
  locked,
  lockedWritten,
  logOf,
  putFirst,
  sourceHost,
  storeFirst,
} from '../operand';
import { OP_TARGET } from '../op';
import { FLAG_AUX, FLAG_FIRST, FLAG_RESULT } from '../../src/state';

/** Kinds beyond those of `arithmetic.ts`. */
const INC = 9;
const DEC = 10;
const NOT = 11;
const NEG = 12;

export function opAdd(s: usize, p: usize): i32 {
  return change(s, p, ADD);
}
export function opOr(s: usize, p: usize): i32 {
  return change(s, p, OR);
}
export function opAdc(s: usize, p: usize): i32 {
  return change(s, p, ADC);
}
export function opSbb(s: usize, p: usize): i32 {
  return change(s, p, SBB);
}
export function opAnd(s: usize, p: usize): i32 {
  return change(s, p, AND);
}
export function opSub(s: usize, p: usize): i32 {
  return change(s, p, SUB);
}
export function opXor(s: usize, p: usize): i32 {
  return change(s, p, XOR);
}
export function opInc(s: usize, p: usize): i32 {
  return change(s, p, INC);
}
export function opDec(s: usize, p: usize): i32 {
  return change(s, p, DEC);
}
export function opNot(s: usize, p: usize): i32 {
  return change(s, p, NOT);
}
export function opNeg(s: usize, p: usize): i32 {
  return change(s, p, NEG);
}

export function opCmp(s: usize, p: usize): i32 {
  return compare(s, p, CMP);
}
export function opTest(s: usize, p: usize): i32 {
  return compare(s, p, TEST);
}

/** MOV of any size. */
export function opMov(s: usize, p: usize): i32 {
  const host = sourceHost(s, p);
  if (host == 0) return FAULT;
  return putFirst(s, p, loadSized(host, logOf(p))) ? NEXT : FAULT;
}

/** One step of arithmetic with flags. */
export function compute(s: usize, kind: i32, log: u32, a: u64, b: u64): u64 {
  if (kind == NOT) return ~a;
  if (kind == NEG) return subtract(s, log, b, a);
  if (kind == INC || kind == DEC) {
    const down = kind == DEC;
    if (log == 0) return increment<u8>(s, <u8>a, down);
    if (log == 1) return increment<u16>(s, <u16>a, down);
    if (log == 2) return increment<u32>(s, <u32>a, down);
    return increment<u64>(s, a, down);
  }
  if (log == 0) return alu<u8>(s, kind, <u8>a, <u8>b);
  if (log == 1) return alu<u16>(s, kind, <u16>a, <u16>b);
  if (log == 2) return alu<u32>(s, kind, <u32>a, <u32>b);
  return alu<u64>(s, kind, a, b);
}

function subtract(s: usize, log: u32, a: u64, b: u64): u64 {
  if (log == 0) return alu<u8>(s, SUB, <u8>a, <u8>b);
  if (log == 1) return alu<u16>(s, SUB, <u16>a, <u16>b);
  if (log == 2) return alu<u32>(s, SUB, <u32>a, <u32>b);
  return alu<u64>(s, SUB, a, b);
}

function change(s: usize, p: usize, kind: i32): i32 {
  const log = logOf(p);
  let b: u64 = 0;
  if (kind <= TEST) {
    const source = sourceHost(s, p);
    if (source == 0) return FAULT;
    b = loadSized(source, log);
  }
  const host = changeHost(s, p);
  if (host == 0) return FAULT;
  const result = load<u64>(s, FLAG_RESULT);
  const before = load<u64>(s, FLAG_FIRST);
  const aux = load<u32>(s, FLAG_AUX);
  let done = false;
  if (locked(p)) {
    for (;;) {
      const old = loadSized(host, log);
      if (exchangeIf(s, host, log, old, compute(s, kind, log, old, b))) break;
      store<u64>(s, result, FLAG_RESULT);
      store<u64>(s, before, FLAG_FIRST);
      store<u32>(s, aux, FLAG_AUX);
    }
    done = load<u32>(p, OP_TARGET) != 0 || lockedWritten(s, host);
  } else done = storeFirst(s, p, host, compute(s, kind, log, loadSized(host, log), b));
  if (done) return NEXT;
  store<u64>(s, result, FLAG_RESULT);
  store<u64>(s, before, FLAG_FIRST);
  store<u32>(s, aux, FLAG_AUX);
  return FAULT;
}

function compare(s: usize, p: usize, kind: i32): i32 {
  const first = firstHost(s, p);
  if (first == 0) return FAULT;
  const log = logOf(p);
  const a = loadSized(first, log);
  const second = sourceHost(s, p);
  if (second == 0) return FAULT;
  compute(s, kind, log, a, loadSized(second, log));
  return NEXT;
}

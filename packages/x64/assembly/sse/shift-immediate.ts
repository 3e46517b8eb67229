/** Shifts by an immediate: packed elements of XMM and MMX registers, and whole XMM registers. */
import { OP_TARGET } from '../op';
import { FAULT, NEXT, entered, enteredMmx, first, firstMmx, immediate, put, putMmx } from './operand';

export function opPsrlwImmediate(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const n = <i32>immediate(p);
  return put(p, n < 16 ? i16x8.shr_u(first(p), n) : i64x2.splat(0));
}
export function opPsrlwImmediateMmx(s: usize, p: usize): i32 {
  if (!enteredMmx(s)) return FAULT;
  const n = <i32>immediate(p);
  return putMmx(s, p, n < 16 ? i16x8.shr_u(firstMmx(p), n) : i64x2.splat(0));
}
export function opPsrldImmediate(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const n = <i32>immediate(p);
  return put(p, n < 32 ? i32x4.shr_u(first(p), n) : i64x2.splat(0));
}
export function opPsrldImmediateMmx(s: usize, p: usize): i32 {
  if (!enteredMmx(s)) return FAULT;
  const n = <i32>immediate(p);
  return putMmx(s, p, n < 32 ? i32x4.shr_u(firstMmx(p), n) : i64x2.splat(0));
}
export function opPsrlqImmediate(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const n = <i32>immediate(p);
  return put(p, n < 64 ? i64x2.shr_u(first(p), n) : i64x2.splat(0));
}
export function opPsrlqImmediateMmx(s: usize, p: usize): i32 {
  if (!enteredMmx(s)) return FAULT;
  const n = <i32>immediate(p);
  return putMmx(s, p, n < 64 ? i64x2.shr_u(firstMmx(p), n) : i64x2.splat(0));
}
export function opPsrawImmediate(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const n = <i32>immediate(p);
  return put(p, i16x8.shr_s(first(p), n < 16 ? n : 15));
}
export function opPsrawImmediateMmx(s: usize, p: usize): i32 {
  if (!enteredMmx(s)) return FAULT;
  const n = <i32>immediate(p);
  return putMmx(s, p, i16x8.shr_s(firstMmx(p), n < 16 ? n : 15));
}
export function opPsradImmediate(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const n = <i32>immediate(p);
  return put(p, i32x4.shr_s(first(p), n < 32 ? n : 31));
}
export function opPsradImmediateMmx(s: usize, p: usize): i32 {
  if (!enteredMmx(s)) return FAULT;
  const n = <i32>immediate(p);
  return putMmx(s, p, i32x4.shr_s(firstMmx(p), n < 32 ? n : 31));
}
export function opPsllwImmediate(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const n = <i32>immediate(p);
  return put(p, n < 16 ? i16x8.shl(first(p), n) : i64x2.splat(0));
}
export function opPsllwImmediateMmx(s: usize, p: usize): i32 {
  if (!enteredMmx(s)) return FAULT;
  const n = <i32>immediate(p);
  return putMmx(s, p, n < 16 ? i16x8.shl(firstMmx(p), n) : i64x2.splat(0));
}
export function opPslldImmediate(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const n = <i32>immediate(p);
  return put(p, n < 32 ? i32x4.shl(first(p), n) : i64x2.splat(0));
}
export function opPslldImmediateMmx(s: usize, p: usize): i32 {
  if (!enteredMmx(s)) return FAULT;
  const n = <i32>immediate(p);
  return putMmx(s, p, n < 32 ? i32x4.shl(firstMmx(p), n) : i64x2.splat(0));
}
export function opPsllqImmediate(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const n = <i32>immediate(p);
  return put(p, n < 64 ? i64x2.shl(first(p), n) : i64x2.splat(0));
}
export function opPsllqImmediateMmx(s: usize, p: usize): i32 {
  if (!enteredMmx(s)) return FAULT;
  const n = <i32>immediate(p);
  return putMmx(s, p, n < 64 ? i64x2.shl(firstMmx(p), n) : i64x2.splat(0));
}

/** Shifts right by bytes. */
export function opPsrldq(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const n = immediate(p);
  const a: usize = load<u32>(p, OP_TARGET);
  const l = load<u64>(a);
  const h = load<u64>(a, 8);
  const bits = (<u64>(n & 7)) << 3;
  if (n >= 16) return put(p, i64x2.splat(0));
  store<u64>(a, n >= 8 ? h >> bits : bits == 0 ? l : (l >> bits) | (h << (64 - bits)));
  store<u64>(a, n >= 8 ? 0 : h >> bits, 8);
  return NEXT;
}

/** Shifts left by bytes. */
export function opPslldq(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const n = immediate(p);
  const a: usize = load<u32>(p, OP_TARGET);
  const l = load<u64>(a);
  const h = load<u64>(a, 8);
  const bits = (<u64>(n & 7)) << 3;
  if (n >= 16) return put(p, i64x2.splat(0));
  store<u64>(a, n >= 8 ? l << bits : bits == 0 ? h : (h << bits) | (l >> (64 - bits)), 8);
  store<u64>(a, n >= 8 ? 0 : l << bits);
  return NEXT;
}

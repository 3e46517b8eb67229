/** Packed logic, comparisons and shifts by a register, on XMM and MMX registers. */
import { FAULT, first, firstMmx, put, putMmx, source16, sourceMmx } from './operand';

function shiftWords(a: v128, count: v128): v128 {
  const n = <u64>i64x2.extract_lane(count, 0);
  return n < 16 ? i16x8.shr_u(a, <i32>n) : i64x2.splat(0);
}
function shiftDwords(a: v128, count: v128): v128 {
  const n = <u64>i64x2.extract_lane(count, 0);
  return n < 32 ? i32x4.shr_u(a, <i32>n) : i64x2.splat(0);
}
function shiftQwords(a: v128, count: v128): v128 {
  const n = <u64>i64x2.extract_lane(count, 0);
  return n < 64 ? i64x2.shr_u(a, <i32>n) : i64x2.splat(0);
}
function shiftWordsSigned(a: v128, count: v128): v128 {
  const n = <u64>i64x2.extract_lane(count, 0);
  return i16x8.shr_s(a, n < 16 ? <i32>n : 15);
}
function shiftDwordsSigned(a: v128, count: v128): v128 {
  const n = <u64>i64x2.extract_lane(count, 0);
  return i32x4.shr_s(a, n < 32 ? <i32>n : 31);
}
function shiftWordsLeft(a: v128, count: v128): v128 {
  const n = <u64>i64x2.extract_lane(count, 0);
  return n < 16 ? i16x8.shl(a, <i32>n) : i64x2.splat(0);
}
function shiftDwordsLeft(a: v128, count: v128): v128 {
  const n = <u64>i64x2.extract_lane(count, 0);
  return n < 32 ? i32x4.shl(a, <i32>n) : i64x2.splat(0);
}
function shiftQwordsLeft(a: v128, count: v128): v128 {
  const n = <u64>i64x2.extract_lane(count, 0);
  return n < 64 ? i64x2.shl(a, <i32>n) : i64x2.splat(0);
}

export function opPand(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, v128.and(first(p), v128.load(b)));
}
export function opPandMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, v128.and(firstMmx(p), v128.load64_zero(b)));
}
export function opPandn(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, v128.andnot(v128.load(b), first(p)));
}
export function opPandnMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, v128.andnot(v128.load64_zero(b), firstMmx(p)));
}
export function opPor(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, v128.or(first(p), v128.load(b)));
}
export function opPorMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, v128.or(firstMmx(p), v128.load64_zero(b)));
}
export function opPxor(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, v128.xor(first(p), v128.load(b)));
}
export function opPxorMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, v128.xor(firstMmx(p), v128.load64_zero(b)));
}
export function opPcmpeqb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.eq(first(p), v128.load(b)));
}
export function opPcmpeqbMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i8x16.eq(firstMmx(p), v128.load64_zero(b)));
}
export function opPcmpeqw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.eq(first(p), v128.load(b)));
}
export function opPcmpeqwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.eq(firstMmx(p), v128.load64_zero(b)));
}
export function opPcmpeqd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.eq(first(p), v128.load(b)));
}
export function opPcmpeqdMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i32x4.eq(firstMmx(p), v128.load64_zero(b)));
}
export function opPcmpgtb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.gt_s(first(p), v128.load(b)));
}
export function opPcmpgtbMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i8x16.gt_s(firstMmx(p), v128.load64_zero(b)));
}
export function opPcmpgtw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.gt_s(first(p), v128.load(b)));
}
export function opPcmpgtwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.gt_s(firstMmx(p), v128.load64_zero(b)));
}
export function opPcmpgtd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.gt_s(first(p), v128.load(b)));
}
export function opPcmpgtdMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i32x4.gt_s(firstMmx(p), v128.load64_zero(b)));
}
export function opPsrlw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, shiftWords(first(p), v128.load(b)));
}
export function opPsrlwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, shiftWords(firstMmx(p), v128.load64_zero(b)));
}
export function opPsrld(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, shiftDwords(first(p), v128.load(b)));
}
export function opPsrldMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, shiftDwords(firstMmx(p), v128.load64_zero(b)));
}
export function opPsrlq(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, shiftQwords(first(p), v128.load(b)));
}
export function opPsrlqMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, shiftQwords(firstMmx(p), v128.load64_zero(b)));
}
export function opPsraw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, shiftWordsSigned(first(p), v128.load(b)));
}
export function opPsrawMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, shiftWordsSigned(firstMmx(p), v128.load64_zero(b)));
}
export function opPsrad(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, shiftDwordsSigned(first(p), v128.load(b)));
}
export function opPsradMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, shiftDwordsSigned(firstMmx(p), v128.load64_zero(b)));
}
export function opPsllw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, shiftWordsLeft(first(p), v128.load(b)));
}
export function opPsllwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, shiftWordsLeft(firstMmx(p), v128.load64_zero(b)));
}
export function opPslld(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, shiftDwordsLeft(first(p), v128.load(b)));
}
export function opPslldMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, shiftDwordsLeft(firstMmx(p), v128.load64_zero(b)));
}
export function opPsllq(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, shiftQwordsLeft(first(p), v128.load(b)));
}
export function opPsllqMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, shiftQwordsLeft(firstMmx(p), v128.load64_zero(b)));
}
export function opPcmpeqq(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i64x2.eq(first(p), v128.load(b)));
}
export function opPcmpgtq(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i64x2.gt_s(first(p), v128.load(b)));
}

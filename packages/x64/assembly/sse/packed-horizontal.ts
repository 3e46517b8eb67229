/** SSSE3: horizontal sums, signs, products with rounding, on XMM and MMX registers. */
import { FAULT, first, firstMmx, put, putMmx, source16, sourceMmx } from './operand';

// @ts-ignore: decorator
@inline
function evenWords(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
}

// @ts-ignore: decorator
@inline
function oddWords(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
}

// @ts-ignore: decorator
@inline
function evenDwords(a: v128, b: v128): v128 {
  return i32x4.shuffle(a, b, 0, 2, 4, 6);
}

// @ts-ignore: decorator
@inline
function oddDwords(a: v128, b: v128): v128 {
  return i32x4.shuffle(a, b, 1, 3, 5, 7);
}

/** a with the sign of b; 0 where b is. */
function signed8(a: v128, b: v128): v128 {
  const zero = i64x2.splat(0);
  const negated = v128.bitselect(i8x16.neg(a), a, i8x16.lt_s(b, zero));
  return v128.andnot(negated, i8x16.eq(b, zero));
}

/** a with the sign of b; 0 where b is. */
function signed16(a: v128, b: v128): v128 {
  const zero = i64x2.splat(0);
  const negated = v128.bitselect(i16x8.neg(a), a, i16x8.lt_s(b, zero));
  return v128.andnot(negated, i16x8.eq(b, zero));
}

/** a with the sign of b; 0 where b is. */
function signed32(a: v128, b: v128): v128 {
  const zero = i64x2.splat(0);
  const negated = v128.bitselect(i32x4.neg(a), a, i32x4.lt_s(b, zero));
  return v128.andnot(negated, i32x4.eq(b, zero));
}

/** (a × b + 2¹⁴) >> 15 of signed 16-bit elements. */
function roundedWords(a: v128, b: v128): v128 {
  const half = i32x4.splat(0x4000);
  const l = i32x4.shr_s(i32x4.add(i32x4.extmul_low_i16x8_s(a, b), half), 15);
  const h = i32x4.shr_s(i32x4.add(i32x4.extmul_high_i16x8_s(a, b), half), 15);
  return i16x8.shuffle(l, h, 0, 2, 4, 6, 8, 10, 12, 14);
}

/** Saturated sums of two products of unsigned bytes of a and signed bytes of b. */
function mixedProducts(a: v128, b: v128): v128 {
  const even = i16x8.mul(v128.and(a, i16x8.splat(0xff)), i16x8.shr_s(i16x8.shl(b, 8), 8));
  const odd = i16x8.mul(i16x8.shr_u(a, 8), i16x8.shr_s(b, 8));
  return i16x8.add_sat_s(even, odd);
}

export function opPhaddw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.add(evenWords(first(p), v128.load(b)), oddWords(first(p), v128.load(b))));
}
export function opPhaddwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.add(evenWords(i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2), i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2)), oddWords(i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2), i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2))));
}
export function opPhsubw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.sub(evenWords(first(p), v128.load(b)), oddWords(first(p), v128.load(b))));
}
export function opPhsubwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.sub(evenWords(i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2), i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2)), oddWords(i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2), i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2))));
}
export function opPhaddsw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.add_sat_s(evenWords(first(p), v128.load(b)), oddWords(first(p), v128.load(b))));
}
export function opPhaddswMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.add_sat_s(evenWords(i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2), i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2)), oddWords(i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2), i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2))));
}
export function opPhsubsw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.sub_sat_s(evenWords(first(p), v128.load(b)), oddWords(first(p), v128.load(b))));
}
export function opPhsubswMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.sub_sat_s(evenWords(i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2), i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2)), oddWords(i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2), i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2))));
}
export function opPhaddd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.add(evenDwords(first(p), v128.load(b)), oddDwords(first(p), v128.load(b))));
}
export function opPhadddMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i32x4.add(evenDwords(i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2), i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2)), oddDwords(i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2), i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2))));
}
export function opPhsubd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.sub(evenDwords(first(p), v128.load(b)), oddDwords(first(p), v128.load(b))));
}
export function opPhsubdMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i32x4.sub(evenDwords(i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2), i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2)), oddDwords(i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2), i64x2.shuffle(firstMmx(p), v128.load64_zero(b), 0, 2))));
}
export function opPabsb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.abs(v128.load(b)));
}
export function opPabsbMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i8x16.abs(v128.load64_zero(b)));
}
export function opPabsw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.abs(v128.load(b)));
}
export function opPabswMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.abs(v128.load64_zero(b)));
}
export function opPabsd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.abs(v128.load(b)));
}
export function opPabsdMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i32x4.abs(v128.load64_zero(b)));
}
export function opPsignb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, signed8(first(p), v128.load(b)));
}
export function opPsignbMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, signed8(firstMmx(p), v128.load64_zero(b)));
}
export function opPsignw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, signed16(first(p), v128.load(b)));
}
export function opPsignwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, signed16(firstMmx(p), v128.load64_zero(b)));
}
export function opPsignd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, signed32(first(p), v128.load(b)));
}
export function opPsigndMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, signed32(firstMmx(p), v128.load64_zero(b)));
}
export function opPmulhrsw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, roundedWords(first(p), v128.load(b)));
}
export function opPmulhrswMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, roundedWords(firstMmx(p), v128.load64_zero(b)));
}
export function opPmaddubsw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, mixedProducts(first(p), v128.load(b)));
}
export function opPmaddubswMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, mixedProducts(firstMmx(p), v128.load64_zero(b)));
}

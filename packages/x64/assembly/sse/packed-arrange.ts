/** Packing, unpacking and byte shuffles, on XMM and MMX registers. */
import { FAULT, first, firstMmx, put, putMmx, source16, sourceMmx, sourceMmx4 } from './operand';

/** The low halves of both halves, side by side: what an MMX pack keeps of one made for XMM registers. */
// @ts-ignore: decorator
@inline
function lowHalves(packed: v128): v128 {
  return i32x4.shuffle(packed, packed, 0, 2, 0, 2);
}

export function opPunpcklbw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.shuffle(first(p), v128.load(b), 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
}
export function opPunpcklbwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx4(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i8x16.shuffle(firstMmx(p), v128.load32_zero(b), 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
}
export function opPunpcklwd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.shuffle(first(p), v128.load(b), 0, 8, 1, 9, 2, 10, 3, 11));
}
export function opPunpcklwdMmx(s: usize, p: usize): i32 {
  const b = sourceMmx4(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.shuffle(firstMmx(p), v128.load32_zero(b), 0, 8, 1, 9, 2, 10, 3, 11));
}
export function opPunpckldq(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.shuffle(first(p), v128.load(b), 0, 4, 1, 5));
}
export function opPunpckldqMmx(s: usize, p: usize): i32 {
  const b = sourceMmx4(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i32x4.shuffle(firstMmx(p), v128.load32_zero(b), 0, 4, 1, 5));
}
export function opPunpcklqdq(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i64x2.shuffle(first(p), v128.load(b), 0, 2));
}
export function opPunpckhbw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.shuffle(first(p), v128.load(b), 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
}
export function opPunpckhbwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i8x16.shuffle(firstMmx(p), v128.load64_zero(b), 4, 20, 5, 21, 6, 22, 7, 23, 0, 0, 0, 0, 0, 0, 0, 0));
}
export function opPunpckhwd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.shuffle(first(p), v128.load(b), 4, 12, 5, 13, 6, 14, 7, 15));
}
export function opPunpckhwdMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.shuffle(firstMmx(p), v128.load64_zero(b), 2, 10, 3, 11, 0, 0, 0, 0));
}
export function opPunpckhdq(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.shuffle(first(p), v128.load(b), 2, 6, 3, 7));
}
export function opPunpckhdqMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i32x4.shuffle(firstMmx(p), v128.load64_zero(b), 1, 5, 0, 0));
}
export function opPunpckhqdq(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i64x2.shuffle(first(p), v128.load(b), 1, 3));
}
export function opPacksswb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.narrow_i16x8_s(first(p), v128.load(b)));
}
export function opPacksswbMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, lowHalves(i8x16.narrow_i16x8_s(firstMmx(p), v128.load64_zero(b))));
}
export function opPackuswb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.narrow_i16x8_u(first(p), v128.load(b)));
}
export function opPackuswbMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, lowHalves(i8x16.narrow_i16x8_u(firstMmx(p), v128.load64_zero(b))));
}
export function opPackssdw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.narrow_i32x4_s(first(p), v128.load(b)));
}
export function opPackssdwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, lowHalves(i16x8.narrow_i32x4_s(firstMmx(p), v128.load64_zero(b))));
}
export function opPackusdw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.narrow_i32x4_u(first(p), v128.load(b)));
}
export function opPshufb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.swizzle(first(p), v128.and(v128.load(b), i8x16.splat(-113))));
}
export function opPshufbMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i8x16.swizzle(firstMmx(p), v128.and(v128.load64_zero(b), i8x16.splat(-121))));
}
export function opUnpcklps(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.shuffle(first(p), v128.load(b), 0, 4, 1, 5));
}
export function opUnpckhps(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.shuffle(first(p), v128.load(b), 2, 6, 3, 7));
}
export function opUnpcklpd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i64x2.shuffle(first(p), v128.load(b), 0, 2));
}
export function opUnpckhpd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i64x2.shuffle(first(p), v128.load(b), 1, 3));
}
export function opMovsldup(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.shuffle(v128.load(b), v128.load(b), 0, 0, 2, 2));
}
export function opMovshdup(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.shuffle(v128.load(b), v128.load(b), 1, 1, 3, 3));
}

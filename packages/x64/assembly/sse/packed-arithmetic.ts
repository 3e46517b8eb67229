/** Packed integer arithmetic, on XMM and MMX registers. */
import { FAULT, first, firstMmx, put, putMmx, source16, sourceMmx } from './operand';

/** Upper halves of signed 16-bit products. */
function highWords(a: v128, b: v128): v128 {
  const l = i32x4.shr_s(i32x4.extmul_low_i16x8_s(a, b), 16);
  const h = i32x4.shr_s(i32x4.extmul_high_i16x8_s(a, b), 16);
  return i16x8.narrow_i32x4_s(l, h);
}

/** Upper halves of unsigned 16-bit products. */
function highWordsUnsigned(a: v128, b: v128): v128 {
  const l = i32x4.shr_u(i32x4.extmul_low_i16x8_u(a, b), 16);
  const h = i32x4.shr_u(i32x4.extmul_high_i16x8_u(a, b), 16);
  return i16x8.narrow_i32x4_u(l, h);
}

/** Products of the even unsigned 32-bit elements. */
function multiplyEven(a: v128, b: v128): v128 {
  const mask = i64x2.splat(0xffffffff);
  return i64x2.mul(v128.and(a, mask), v128.and(b, mask));
}

/** Products of the even signed 32-bit elements. */
function multiplyEvenSigned(a: v128, b: v128): v128 {
  return i64x2.mul(i64x2.shr_s(i64x2.shl(a, 32), 32), i64x2.shr_s(i64x2.shl(b, 32), 32));
}

/** Sums of absolute differences of the bytes of each half. */
function differences(a: v128, b: v128): v128 {
  const d = v128.or(i8x16.sub_sat_u(a, b), i8x16.sub_sat_u(b, a));
  const words = i16x8.extadd_pairwise_i8x16_u(d);
  const dwords = i32x4.extadd_pairwise_i16x8_u(words);
  return i64x2.add(v128.and(dwords, i64x2.splat(0xffffffff)), i64x2.shr_u(dwords, 32));
}

export function opPaddb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.add(first(p), v128.load(b)));
}
export function opPaddbMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i8x16.add(firstMmx(p), v128.load64_zero(b)));
}
export function opPaddw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.add(first(p), v128.load(b)));
}
export function opPaddwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.add(firstMmx(p), v128.load64_zero(b)));
}
export function opPaddd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.add(first(p), v128.load(b)));
}
export function opPadddMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i32x4.add(firstMmx(p), v128.load64_zero(b)));
}
export function opPaddq(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i64x2.add(first(p), v128.load(b)));
}
export function opPaddqMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i64x2.add(firstMmx(p), v128.load64_zero(b)));
}
export function opPsubb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.sub(first(p), v128.load(b)));
}
export function opPsubbMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i8x16.sub(firstMmx(p), v128.load64_zero(b)));
}
export function opPsubw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.sub(first(p), v128.load(b)));
}
export function opPsubwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.sub(firstMmx(p), v128.load64_zero(b)));
}
export function opPsubd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.sub(first(p), v128.load(b)));
}
export function opPsubdMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i32x4.sub(firstMmx(p), v128.load64_zero(b)));
}
export function opPsubq(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i64x2.sub(first(p), v128.load(b)));
}
export function opPsubqMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i64x2.sub(firstMmx(p), v128.load64_zero(b)));
}
export function opPaddsb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.add_sat_s(first(p), v128.load(b)));
}
export function opPaddsbMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i8x16.add_sat_s(firstMmx(p), v128.load64_zero(b)));
}
export function opPaddsw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.add_sat_s(first(p), v128.load(b)));
}
export function opPaddswMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.add_sat_s(firstMmx(p), v128.load64_zero(b)));
}
export function opPaddusb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.add_sat_u(first(p), v128.load(b)));
}
export function opPaddusbMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i8x16.add_sat_u(firstMmx(p), v128.load64_zero(b)));
}
export function opPaddusw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.add_sat_u(first(p), v128.load(b)));
}
export function opPadduswMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.add_sat_u(firstMmx(p), v128.load64_zero(b)));
}
export function opPsubsb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.sub_sat_s(first(p), v128.load(b)));
}
export function opPsubsbMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i8x16.sub_sat_s(firstMmx(p), v128.load64_zero(b)));
}
export function opPsubsw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.sub_sat_s(first(p), v128.load(b)));
}
export function opPsubswMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.sub_sat_s(firstMmx(p), v128.load64_zero(b)));
}
export function opPsubusb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.sub_sat_u(first(p), v128.load(b)));
}
export function opPsubusbMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i8x16.sub_sat_u(firstMmx(p), v128.load64_zero(b)));
}
export function opPsubusw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.sub_sat_u(first(p), v128.load(b)));
}
export function opPsubuswMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.sub_sat_u(firstMmx(p), v128.load64_zero(b)));
}
export function opPmullw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.mul(first(p), v128.load(b)));
}
export function opPmullwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.mul(firstMmx(p), v128.load64_zero(b)));
}
export function opPmulhw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, highWords(first(p), v128.load(b)));
}
export function opPmulhwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, highWords(firstMmx(p), v128.load64_zero(b)));
}
export function opPmulhuw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, highWordsUnsigned(first(p), v128.load(b)));
}
export function opPmulhuwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, highWordsUnsigned(firstMmx(p), v128.load64_zero(b)));
}
export function opPmuludq(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, multiplyEven(first(p), v128.load(b)));
}
export function opPmuludqMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, multiplyEven(firstMmx(p), v128.load64_zero(b)));
}
export function opPmaddwd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.dot_i16x8_s(first(p), v128.load(b)));
}
export function opPmaddwdMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i32x4.dot_i16x8_s(firstMmx(p), v128.load64_zero(b)));
}
export function opPavgb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.avgr_u(first(p), v128.load(b)));
}
export function opPavgbMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i8x16.avgr_u(firstMmx(p), v128.load64_zero(b)));
}
export function opPavgw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.avgr_u(first(p), v128.load(b)));
}
export function opPavgwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.avgr_u(firstMmx(p), v128.load64_zero(b)));
}
export function opPsadbw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, differences(first(p), v128.load(b)));
}
export function opPsadbwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, differences(firstMmx(p), v128.load64_zero(b)));
}
export function opPminub(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.min_u(first(p), v128.load(b)));
}
export function opPminubMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i8x16.min_u(firstMmx(p), v128.load64_zero(b)));
}
export function opPmaxub(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.max_u(first(p), v128.load(b)));
}
export function opPmaxubMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i8x16.max_u(firstMmx(p), v128.load64_zero(b)));
}
export function opPminsw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.min_s(first(p), v128.load(b)));
}
export function opPminswMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.min_s(firstMmx(p), v128.load64_zero(b)));
}
export function opPmaxsw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.max_s(first(p), v128.load(b)));
}
export function opPmaxswMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmx(s, p, i16x8.max_s(firstMmx(p), v128.load64_zero(b)));
}
export function opPminsb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.min_s(first(p), v128.load(b)));
}
export function opPmaxsb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i8x16.max_s(first(p), v128.load(b)));
}
export function opPminuw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.min_u(first(p), v128.load(b)));
}
export function opPmaxuw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i16x8.max_u(first(p), v128.load(b)));
}
export function opPminsd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.min_s(first(p), v128.load(b)));
}
export function opPmaxsd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.max_s(first(p), v128.load(b)));
}
export function opPminud(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.min_u(first(p), v128.load(b)));
}
export function opPmaxud(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.max_u(first(p), v128.load(b)));
}
export function opPmulld(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, i32x4.mul(first(p), v128.load(b)));
}
export function opPmuldq(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, multiplyEvenSigned(first(p), v128.load(b)));
}

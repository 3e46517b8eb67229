/**
 * Fixed-point arithmetic of the transcendental functions: fractions of 128 bits, (high, low) = value × 2¹²⁸.
 *
 * Series run in these fractions; what must keep a relative precision (small results) is multiplied by its normalised
 * leading factor at the end. Results are wrong by less than 2⁻¹⁰⁰, so rounding to 64 bits is correct but for about one
 * value in 2³⁰.
 */
import { giveRounded } from './extended';
import { BIAS, least, most, round } from './rounding';
import { high, leadingZeros, low, multiplyHigh, setWide, shiftLeft } from './wide';

/** (h, l) ÷ d, d < 2³². */
export function divideSmall(h: u64, l: u64, d: u64): void {
  const q = h / d;
  const middle = ((h - q * d) << 32) | (l >> 32);
  const q1 = middle / d;
  const q0 = (((middle - q1 * d) << 32) | (l & 0xffffffff)) / d;
  setWide(q, (q1 << 32) + q0);
}

/** (nh, nl) ÷ (dh, dl) as a fraction, bit by bit; bit 63 of dh is set and n < d. */
export function divideFractions(nh: u64, nl: u64, dh: u64, dl: u64): void {
  let qh: u64 = 0;
  let ql: u64 = 0;
  for (let i = 0; i < 128; i++) {
    const carry = nh >> 63;
    nh = (nh << 1) | (nl >> 63);
    nl <<= 1;
    qh = (qh << 1) | (ql >> 63);
    ql <<= 1;
    if (carry != 0 || nh > dh || (nh == dh && nl >= dl)) {
      nh -= dh + (nl < dl ? 1 : 0);
      nl -= dl;
      ql |= 1;
    }
  }
  setWide(qh, ql);
}

/**
 * 1 - z/c₁ (1 - z/c₂ (1 - …)) with cₖ = (2k + first - 2)(2k + first - 1): sin r ÷ r for first = 2, cos r for 1; z = r².
 */
export function alternating(zh: u64, zl: u64, first: u32): void {
  let h: u64 = 0xffffffffffffffff;
  let l: u64 = 0xffffffffffffffff;
  for (let k: u32 = 17; k > 0; k--) {
    const n = 2 * k + first - 2;
    multiplyHigh(zh, zl, h, l);
    divideSmall(high, low, n * (n + 1));
    h = ~high;
    l = ~low;
  }
  setWide(h, l);
}

/** Σ zᵏ ÷ (2k + 1) from k = 1, all terms positive: atanh(r) ÷ r - 1; z = r². */
export function oddSeries(zh: u64, zl: u64, terms: u32): void {
  let h: u64 = 0;
  let l: u64 = 0;
  for (let k = terms; k > 0; k--) {
    divideSmall(0xffffffffffffffff, 0xffffffffffffffff, 2 * k + 1);
    const ch = high;
    const cl = low;
    l += cl;
    h += ch + (l < cl ? 1 : 0);
    multiplyHigh(zh, zl, h, l);
    h = high;
    l = low;
  }
  setWide(h, l);
}

/** 1 - z/3 + z²/5 - …: atan(r) ÷ r; z = r². */
export function alternatingOddSeries(zh: u64, zl: u64, terms: u32): void {
  let h: u64 = 0;
  let l: u64 = 0;
  for (let k = <i32>terms; k >= 0; k--) {
    multiplyHigh(zh, zl, h, l);
    const th = high;
    const tl = low;
    divideSmall(0xffffffffffffffff, 0xffffffffffffffff, 2 * k + 1);
    h = high - th - (low < tl ? 1 : 0);
    l = low - tl;
  }
  setWide(h, l);
}

/** (h, l) as a fraction shifted right by n (0 or more) places. */
export function lowered(h: u64, l: u64, n: i32): void {
  if (n == 0) setWide(h, l);
  else if (n < 64) setWide(h >> n, (l >> n) | (h << (64 - n)));
  else if (n < 128) setWide(0, h >> (n - 64));
  else setWide(0, 0);
}

/**
 * Rounds ±(h, l) × 2ᵉ, the fraction (h, l) not zero, and gives it. `exact` tells that nothing of the value was lost.
 */
export function giveFraction(sign: u32, e: i32, h: u64, l: u64, exact: bool): void {
  const n = leadingZeros(h, l);
  shiftLeft(h, l, n);
  round(sign, e - n + BIAS - 1, high, exact ? low : low | 1, 64, least, most);
  giveRounded(sign);
}

/**
 * FSIN, FCOS, FPTAN and FPATAN.
 *
 * Arguments are reduced with π of 66 significant bits, as processors do (SDM volume 1 chapter 8.3.8); the reduction is
 * exact, so results have the processors' well-known error near multiples of π and no other.
 */
import {
  DENORMAL,
  INFINITE,
  MAX_EXPONENT,
  QUIET,
  SIGN,
  ZERO,
  classify,
  exponentOf,
  give,
  giveInvalid,
  giveNan,
  giveNans,
  normalized,
  noteDenormals,
} from './extended';
import { alternating, alternatingOddSeries, divideFractions, giveFraction, lowered } from './fixed';
import { BIAS, DE, INTEGER_BIT, raise } from './rounding';
import { high, leadingZeros, low, multiplyHigh, setWide, shiftLeft } from './wide';

/** π × 2⁶⁴ with 66 bits. */
const PI_HIGH: u64 = 3;
const PI_LOW: u64 = 0x243f6a8885a308d3;
/** π ÷ 4 as a fraction. */
const QUARTER_HIGH: u64 = 0xc90fdaa22168c234;
const QUARTER_LOW: u64 = 0xc4c6628b80dc1cd1;

/** atan(j ÷ 8) for j = 1 … 8 as fractions. */
const ARCTANGENTS = memory.data<u64>([
  0x1fd5ba9aac2f6dc6, 0x5912f313e7d111df, 0x3eb6ebf25901bac5, 0x5b71e7bd7de885f9, 0x5bd86507937bc239,
  0xc55190916e7f2242, 0x76b19c1586ed3da2, 0xb7f222f65e1d4682, 0x8f005d5ef7f59f9b, 0x5c835e1665c43748,
  0xa4bc7d1934f70924, 0x19a87f2a457dac9f, 0xb8053e2bc2319e73, 0xcb2da55210a4443d, 0xc90fdaa22168c234,
  0xc4c6628b80dc1cd1,
]);

/** The argument is 2⁶³ or more: nothing was computed (C2). */
export let outOfRange: bool = false;

// The reduced argument r, |r| ≤ π/4: sign, mantissa of 128 bits normalised, exponent; its square as a fraction; quadrant.
let quadrant: u32 = 0;
let negative: bool = false;
let rh: u64 = 0;
let rl: u64 = 0;
let re: i32 = 0;
let zh: u64 = 0;
let zl: u64 = 0;
let sineH: u64 = 0;
let sineL: u64 = 0;
let sineE: i32 = 0;
let cosineH: u64 = 0;
let cosineL: u64 = 0;

/** Whether FSIN and its kin compute (se, m); otherwise the result, or outOfRange, is set. */
export function angle(se: u32, m: u64): bool {
  outOfRange = false;
  const kind = classify(se, m);
  if (kind >= QUIET) {
    giveNan(se, m, kind);
    return false;
  }
  if (kind == INFINITE) {
    giveInvalid();
    return false;
  }
  if (kind == ZERO) return true;
  if ((se & MAX_EXPONENT) >= <u32>BIAS + 63) {
    outOfRange = true;
    return false;
  }
  if (kind == DENORMAL) raise(DE);
  reduce((se & SIGN) != 0, exponentOf(se, m), normalized(m));
  return true;
}

/** Reduces ±m × 2^(e - BIAS - 63) and computes sine and cosine of the rest. */
function reduce(minus: bool, e: i32, m: u64): void {
  quadrant = 0;
  negative = minus;
  const steps = e - BIAS + 2;
  if (steps < 0) {
    rh = m;
    rl = 0;
    re = e - BIAS + 1;
  } else {
    // The argument in units of 2⁻⁶⁵ modulo π/2, which is π × 2⁶⁴ of them.
    let h: u64 = 0;
    let l = m;
    let q: u32 = 0;
    for (let i = 0; i < steps; i++) {
      h = (h << 1) | (l >> 63);
      l <<= 1;
      q <<= 1;
      if (h > PI_HIGH || (h == PI_HIGH && l >= PI_LOW)) {
        h -= PI_HIGH + (l < PI_LOW ? 1 : 0);
        l -= PI_LOW;
        q |= 1;
      }
    }
    // Nearest multiple: beyond half of π/2 go on to the next.
    if (h > 1 || (h == 1 && l > 0x921fb54442d18469)) {
      const borrow: u64 = PI_LOW < l ? 1 : 0;
      l = PI_LOW - l;
      h = PI_HIGH - h - borrow;
      negative = !minus;
      q++;
    }
    quadrant = minus ? (0 - q) & 3 : q & 3;
    const n = leadingZeros(h, l);
    if (n == 128) {
      rh = 0;
      rl = 0;
      re = -10000;
    } else {
      shiftLeft(h, l, n);
      rh = high;
      rl = low;
      // 128 bits in units of 2⁻⁶⁵ make a fraction × 2⁶³.
      re = 63 - n;
    }
  }
  lowered(rh, rl, -re);
  multiplyHigh(high, low, high, low);
  zh = high;
  zl = low;
  alternating(zh, zl, 2);
  multiplyHigh(rh, rl, high, low);
  sineH = high;
  sineL = low;
  sineE = re;
  alternating(zh, zl, 1);
  cosineH = high;
  cosineL = low;
}

/** Gives the sine after {@link angle}. */
export function giveSine(se: u32, m: u64): void {
  if (m == 0) {
    give(se, 0);
    return;
  }
  giveQuadrant(quadrant);
}

/** Gives the cosine after {@link angle}. */
export function giveCosine(m: u64): void {
  if (m == 0) {
    give(BIAS, INTEGER_BIT);
    return;
  }
  giveQuadrant(quadrant + 1);
}

/** Sine of r + q π/2. */
function giveQuadrant(q: u32): void {
  const flip: u32 = (q & 2) != 0 ? SIGN : 0;
  if ((q & 1) != 0) giveFraction(flip, 0, cosineH, cosineL, false);
  else giveFraction(flip ^ (negative ? SIGN : 0), sineE, sineH, sineL, false);
}

/** Gives the tangent after {@link angle}. */
export function giveTangent(se: u32, m: u64): void {
  if (m == 0) {
    give(se, 0);
    return;
  }
  if (re < -70 && (quadrant & 1) == 0) {
    // Right above the argument.
    giveFraction(negative ? SIGN : 0, re, rh, rl | 1, false);
    return;
  }
  const n = leadingZeros(sineH, sineL);
  shiftLeft(sineH, sineL, n);
  const sh = high;
  const sl = low;
  const s = negative ? SIGN : 0;
  // Both factors normalised to [½, 1): the smaller is shifted below the larger by one place.
  const c = leadingZeros(cosineH, cosineL);
  shiftLeft(cosineH, cosineL, c);
  const ch = high;
  const cl = low;
  if ((quadrant & 1) == 0) {
    lowered(sh, sl, 1);
    divideFractions(high, low, ch, cl);
    giveFraction(s, sineE - n + c + 1, high, low, false);
  } else {
    lowered(ch, cl, 1);
    divideFractions(high, low, sh, sl);
    giveFraction(s ^ SIGN, n - sineE - c + 1, high, low, false);
  }
}

/** Gives atan(y ÷ x) in the quadrant of (x, y). */
export function arctangent(yse: u32, ym: u64, xse: u32, xm: u64): void {
  const yk = classify(yse, ym);
  const xk = classify(xse, xm);
  if (yk >= QUIET || xk >= QUIET) {
    giveNans(yse, ym, yk, xse, xm, xk);
    return;
  }
  noteDenormals(yk, xk);
  const s = yse & SIGN;
  const left = (xse & SIGN) != 0;
  if (yk == ZERO || (xk == INFINITE && yk != INFINITE)) {
    if (left) giveFraction(s, 2, QUARTER_HIGH, QUARTER_LOW, false);
    else give(s, 0);
    return;
  }
  if (xk == ZERO || yk == INFINITE) {
    if (xk == INFINITE) giveEighths(s, left ? 3 : 1);
    else giveEighths(s, 2);
    return;
  }
  const ye = exponentOf(yse, ym);
  const xe = exponentOf(xse, xm);
  const y = normalized(ym);
  const x = normalized(xm);
  const steep = ye != xe ? ye > xe : y > x;
  // The quotient of the smaller and the larger, halved: a fraction of 128 bits and an exponent.
  let distance: i32;
  if (steep) {
    divideFractions(x >> 1, x << 63, y, 0);
    distance = xe - ye + 1;
  } else {
    divideFractions(y >> 1, y << 63, x, 0);
    distance = ye - xe + 1;
  }
  const n = leadingZeros(high, low);
  shiftLeft(high, low, n);
  giveArctangent(s, left, steep, high, low, distance - n);
}

/** Gives n eighths of a turn. */
function giveEighths(s: u32, n: u32): void {
  if (n == 3) {
    // 3π/4 = (π/4) × 3, as a fraction × 4.
    lowered(QUARTER_HIGH, QUARTER_LOW, 1);
    const h = high;
    const l = low;
    lowered(QUARTER_HIGH, QUARTER_LOW, 2);
    const sum = l + low;
    giveFraction(s, 2, h + high + (sum < l ? 1 : 0), sum, false);
  } else giveFraction(s, <i32>n - 1, QUARTER_HIGH, QUARTER_LOW, false);
}

/** Gives the angle whose tangent, or cotangent if steep, is q = (qh, ql) × 2^qe ≤ 1. */
function giveArctangent(s: u32, left: bool, steep: bool, qh: u64, ql: u64, qe: i32): void {
  let h: u64;
  let l: u64;
  let e = 0;
  // Eighths nearest to q.
  let j: u32 = 0;
  if (qe > 0) j = 8;
  else if (qe > -4) {
    lowered(qh, ql, -qe);
    j = <u32>(((high >> 60) + 1) >> 1);
  }
  if (j == 0) {
    lowered(qh, ql, -qe);
    multiplyHigh(high, low, high, low);
    alternatingOddSeries(high, low, 17);
    multiplyHigh(qh, ql, high, low);
    h = high;
    l = low;
    e = qe;
  } else {
    // t = (q - c) ÷ (1 + q c), c = j/8, |t| ≤ 1/16.
    let fh: u64 = 0;
    let fl: u64 = 0;
    if (qe <= 0) {
      lowered(qh, ql, -qe);
      fh = high;
      fl = low;
    }
    // As q = 1 is no fraction, q - c is taken modulo 1, and so is c.
    const c = (<u64>(j & 7)) << 61;
    const below = qe > 0 ? false : j == 8 || fh < c;
    const dh = below ? c - fh - (fl != 0 ? 1 : 0) : fh - c;
    const dl = below ? 0 - fl : fl;
    // 1 + q c, halved.
    if (j == 8) {
      if (qe > 0) setWide(0xffffffffffffffff, 0xffffffffffffffff);
      else setWide(fh, fl);
    } else multiplyHigh(fh, fl, c, 0);
    lowered(high, low, 1);
    const bh = high | INTEGER_BIT;
    const bl = low;
    lowered(dh, dl, 1);
    divideFractions(high, low, bh, bl);
    const th = high;
    const tl = low;
    multiplyHigh(th, tl, th, tl);
    alternatingOddSeries(high, low, 17);
    multiplyHigh(th, tl, high, low);
    const ah = load<u64>(ARCTANGENTS + ((<usize>j - 1) << 4));
    const al = load<u64>(ARCTANGENTS + ((<usize>j - 1) << 4), 8);
    if (below) {
      l = al - low;
      h = ah - high - (al < low ? 1 : 0);
    } else {
      l = al + low;
      h = ah + high + (l < al ? 1 : 0);
    }
  }
  if (!steep && !left) {
    giveFraction(s, e, h, l, false);
    return;
  }
  // In quarters: π/2 ∓ angle if steep, π - angle if only left.
  lowered(h, l, 2 - e);
  h = high;
  l = low;
  if (steep) lowered(QUARTER_HIGH, QUARTER_LOW, 1);
  else setWide(QUARTER_HIGH, QUARTER_LOW);
  const ph = high;
  const pl = low;
  if (steep && left) {
    l += pl;
    h += ph + (l < pl ? 1 : 0);
  } else {
    const difference = pl - l;
    h = ph - h - (pl < l ? 1 : 0);
    l = difference;
  }
  giveFraction(s, 2, h, l, false);
}

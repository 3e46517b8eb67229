/** FYL2X, FYL2XP1 and F2XM1: base-2 logarithm and exponential. */
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
  resultSe,
} from './extended';
import { divideFractions, divideSmall, giveFraction, lowered, oddSeries } from './fixed';
import { BIAS, DE, INTEGER_BIT, PE, UE, ZE, raise } from './rounding';
import { high, leadingZeros, low, multiplyHigh, setWide, shiftLeft } from './wide';

/** log₂e ÷ 2 and ln 2 as fractions. */
const HALF_LOG2E_HIGH: u64 = 0xb8aa3b295c17f0bb;
const HALF_LOG2E_LOW: u64 = 0xbe87fed0691d3e89;
const LN2_HIGH: u64 = 0xb17217f7d1cf79ab;
const LN2_LOW: u64 = 0xc9e3b39803f2f6af;
/** √2 × 2⁶³: mantissas from here on belong to the next power. */
const ROOT_TWO: u64 = 0xb504f333f9de6485;

// A logarithm: ±(lh, ll) × 2^le.
let ls: u32 = 0;
let lh: u64 = 0;
let ll: u64 = 0;
let le: i32 = 0;
let lexact: bool = false;

/** Gives y × log₂ x. */
export function timesLogarithm(xse: u32, xm: u64, yse: u32, ym: u64): void {
  const xk = classify(xse, xm);
  const yk = classify(yse, ym);
  if (xk >= QUIET || yk >= QUIET) {
    giveNans(xse, xm, xk, yse, ym, yk);
    return;
  }
  const s = yse & SIGN;
  if (xk == ZERO) {
    if (yk == ZERO) giveInvalid();
    else {
      if (yk != INFINITE) raise(ZE);
      give((s ^ SIGN) | MAX_EXPONENT, INTEGER_BIT);
    }
    return;
  }
  if ((xse & SIGN) != 0) {
    giveInvalid();
    return;
  }
  const e = xk == INFINITE ? 0x7fff : exponentOf(xse, xm);
  const m = normalized(xm);
  const one = e == BIAS && m == INTEGER_BIT;
  const flip: u32 = e < BIAS ? SIGN : 0;
  if (xk == INFINITE || yk == INFINITE) {
    if (one || yk == ZERO) giveInvalid();
    else {
      noteDenormals(xk, yk);
      give((s ^ flip) | MAX_EXPONENT, INTEGER_BIT);
    }
    return;
  }
  noteDenormals(xk, yk);
  if (one || yk == ZERO) {
    give(s ^ flip, 0);
    return;
  }
  logarithm(e, m);
  product(s, exponentOf(yse, ym), normalized(ym));
}

/** Gives y × log₂(x + 1). */
export function timesLogarithmOfNext(xse: u32, xm: u64, yse: u32, ym: u64): void {
  const xk = classify(xse, xm);
  const yk = classify(yse, ym);
  if (xk >= QUIET || yk >= QUIET) {
    giveNans(xse, xm, xk, yse, ym, yk);
    return;
  }
  const s = (xse ^ yse) & SIGN;
  if (xk == INFINITE) {
    if ((xse & SIGN) != 0 || yk == ZERO) giveInvalid();
    else {
      noteDenormals(xk, yk);
      give(s | MAX_EXPONENT, INTEGER_BIT);
    }
    return;
  }
  if (yk == INFINITE) {
    if (xk == ZERO) giveInvalid();
    else {
      noteDenormals(xk, yk);
      give(s | MAX_EXPONENT, INTEGER_BIT);
    }
    return;
  }
  noteDenormals(xk, yk);
  if (xk == ZERO || yk == ZERO) {
    give(s, 0);
    return;
  }
  const e = exponentOf(xse, xm);
  const m = normalized(xm);
  if (e >= BIAS - 1) {
    // Out of the instruction's range, where manuals promise nothing: round x + 1 first.
    if ((xse & SIGN) != 0) {
      if (e >= BIAS) {
        raise(PE);
        give(xse, xm);
        return;
      }
      const rest: u64 = 0 - m;
      logarithm(BIAS - 1 - <i32>clz<u64>(rest), normalized(rest));
    } else if (e == BIAS - 1) logarithm(BIAS, (m >> 1) | INTEGER_BIT);
    else if (e - BIAS < 64) {
      const sum = m + (INTEGER_BIT >> (e - BIAS));
      logarithm(sum < m ? e + 1 : e, sum < m ? (sum >> 1) | INTEGER_BIT : sum);
    } else logarithm(e, m);
    product(yse & SIGN, exponentOf(yse, ym), normalized(ym));
    return;
  }
  // r = x ÷ (x + 2); the divisor ÷ 4 is a fraction.
  const minus = (xse & SIGN) != 0;
  lowered(m, 0, 1 - (e - BIAS));
  let dh: u64;
  let dl: u64;
  if (minus) {
    dl = 0 - low;
    dh = INTEGER_BIT - high - (low != 0 ? 1 : 0);
  } else {
    dh = INTEGER_BIT + high;
    dl = low;
  }
  // x < 2 makes the divisor at least ⅜: normalise it.
  const n = <i32>clz<u64>(dh);
  shiftLeft(dh, dl, n);
  dh = high;
  dl = low;
  divideFractions(m >> 1, m << 63, dh, dl);
  ls = xse & SIGN;
  series(high, low, e - BIAS + n);
  product(yse & SIGN, exponentOf(yse, ym), normalized(ym));
}

/** log₂ of m × 2^(e - BIAS - 63). */
function logarithm(e: i32, m: u64): void {
  let k = e - BIAS;
  if (m == INTEGER_BIT) {
    ls = k < 0 ? SIGN : 0;
    giveWhole(k);
    lexact = true;
    return;
  }
  // f = m - 1 for m in [1, √2), else m/2 - 1: r = f ÷ (f + 2).
  let f: u64;
  let dh: u64;
  if (m < ROOT_TWO) {
    f = m << 1;
    // (m + 1) ÷ 4 as a fraction.
    dh = (m >> 1) + 0x4000000000000000;
    ls = 0;
    const n = <i32>clz<u64>(f);
    const g = f << n;
    divideFractions(g >> 1, g << 63, dh, m << 63);
    series(high, low, -n - 1);
  } else {
    k++;
    f = 0 - m;
    const n = <i32>clz<u64>(f);
    // (m/2 + 1) ÷ 2 as a fraction; f × 2⁻⁶⁴.
    setWide((m >> 1) | INTEGER_BIT, m << 63);
    const g = f << n;
    ls = SIGN;
    divideFractions(g >> 1, g << 63, high, low);
    series(high, low, -n);
  }
  if (k == 0) return;
  // k ± the fraction.
  const fs = ls;
  lowered(lh, ll, 16 - le);
  let h = high;
  let l = low;
  const minus = k < 0;
  const whole = (<u64>(minus ? -k : k)) << 48;
  if (minus == (fs != 0)) h += whole;
  else {
    l = 0 - l;
    h = whole - h - (l != 0 ? 1 : 0);
  }
  ls = minus ? SIGN : 0;
  lh = h;
  ll = l;
  le = 16;
  lexact = false;
}

/** The logarithm is the integer k. */
function giveWhole(k: i32): void {
  lh = (<u64>(k < 0 ? -k : k)) << 48;
  ll = 0;
  le = 16;
}

/** The logarithm is 2 atanh(r) log₂e, r = (h, l) × 2ᵉ. */
function series(h: u64, l: u64, e: i32): void {
  const n = leadingZeros(h, l);
  shiftLeft(h, l, n);
  h = high;
  l = low;
  const re = e - n;
  lowered(h, l, -re);
  multiplyHigh(high, low, high, low);
  oddSeries(high, low, 46);
  // r (1 + series), in one place less so that it does not overflow.
  multiplyHigh(h, l, high, low);
  const sh = high;
  const sl = low;
  lowered(sh, sl, 1);
  const th = high;
  const tl = low;
  lowered(h, l, 1);
  const bl = low + tl;
  const bh = high + th + (bl < tl ? 1 : 0);
  multiplyHigh(bh, bl, HALF_LOG2E_HIGH, HALF_LOG2E_LOW);
  lh = high;
  ll = low;
  // × 2 of the halving, × 2 of atanh, × 2 of log₂e.
  le = re + 3;
  lexact = false;
}

/** Gives the logarithm × y. */
function product(ys: u32, ye: i32, ym: u64): void {
  const n = leadingZeros(lh, ll);
  shiftLeft(lh, ll, n);
  multiplyHigh(high, low, ym, 0);
  giveFraction(ls ^ ys, le - n + ye - BIAS + 1, high, low, lexact);
  if (lexact) {
    // Processors call the exact logarithms of powers of two inexact as well.
    raise(PE);
    if ((resultSe & MAX_EXPONENT) == 0) raise(UE);
  }
}

/** Gives 2ˣ - 1; x itself where |x| > 1, for which the manuals define nothing. */
export function exponential(se: u32, m: u64): void {
  const kind = classify(se, m);
  if (kind >= QUIET) {
    giveNan(se, m, kind);
    return;
  }
  const s = se & SIGN;
  if (kind == INFINITE) {
    if (s != 0) give(SIGN | BIAS, INTEGER_BIT);
    else give(MAX_EXPONENT, INTEGER_BIT);
    return;
  }
  if (kind == ZERO) {
    give(se, m);
    return;
  }
  if (kind == DENORMAL) raise(DE);
  const e = exponentOf(se, m);
  const x = normalized(m);
  if (e >= BIAS && (e > BIAS || x != INTEGER_BIT)) {
    raise(PE);
    give(se, m);
    return;
  }
  if (e == BIAS) {
    // 1 is treated as a value right below the answer.
    if (s != 0) {
      raise(PE);
      give(SIGN | (BIAS - 1), INTEGER_BIT);
    } else giveFraction(s, 0, 0xffffffffffffffff, 0xffffffffffffffff, false);
    return;
  }
  // t = x ln 2, normalised and as a fraction.
  multiplyHigh(x, 0, LN2_HIGH, LN2_LOW);
  const n = leadingZeros(high, low);
  shiftLeft(high, low, n);
  const th = high;
  const tl = low;
  const te = e - BIAS + 1 - n;
  lowered(th, tl, -te);
  const fh = high;
  const fl = low;
  // 1 + t/2 (1 + t/3 (1 + …)), halved.
  let h = INTEGER_BIT;
  let l: u64 = 0;
  for (let k: u32 = 33; k > 1; k--) {
    multiplyHigh(fh, fl, h, l);
    divideSmall(high, low, k);
    if (s != 0) {
      l = 0 - low;
      h = INTEGER_BIT - high - (low != 0 ? 1 : 0);
    } else {
      l = low;
      h = INTEGER_BIT + high;
    }
  }
  multiplyHigh(th, tl, h, l);
  giveFraction(s, te + 1, high, low, false);
}

/** FPREM, FPREM1, FSCALE and FXTRACT: operations on whole quotients and exponents. SDM volume 2. */
import { pass } from './arithmetic';
import { fromInteger } from './convert';
import {
  DENORMAL,
  INFINITE,
  MAX_EXPONENT,
  NORMAL,
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
  resultM,
  resultSe,
} from './extended';
import { BIAS, DE, INTEGER_BIT, ZE, raise } from './rounding';
import { divide, high, low } from './wide';

/** Low bits of the quotient of the last remainder. */
export let quotientBits: u32 = 0;
/** The operands of the last remainder were numbers that have a quotient. */
export let divided: bool = false;
/** The last remainder is a partial one: C2. */
export let partial: bool = false;

/** Exponent and significand of {@link extract}: the significand is the result. */
export let exponentSe: u32 = 0;
export let exponentM: u64 = 0;

/** Remainder of a ÷ b; the quotient is truncated, or rounded to nearest with `nearest`. */
export function remainderExtended(ase: u32, am: u64, bse: u32, bm: u64, nearest: bool): void {
  quotientBits = 0;
  partial = false;
  divided = false;
  const ak = classify(ase, am);
  const bk = classify(bse, bm);
  if (ak >= QUIET || bk >= QUIET) {
    giveNans(ase, am, ak, bse, bm, bk);
    return;
  }
  if (ak == INFINITE || bk == ZERO) {
    giveInvalid();
    return;
  }
  noteDenormals(ak, bk);
  divided = true;
  if (ak == ZERO) {
    give(ase, am);
    return;
  }
  let s = ase & SIGN;
  const ae = exponentOf(ase, am);
  let x = normalized(am);
  if (bk == INFINITE) {
    pass(s, ae, x, 64);
    return;
  }
  const be = exponentOf(bse, bm);
  const y = normalized(bm);
  const distance = ae - be;
  if (distance < -1 || (distance < 0 && !nearest)) {
    pass(s, ae, x, 64);
    return;
  }
  if (distance < 0) {
    // a is between b/2 and b, in units of half b's last bit.
    if (x <= y) {
      pass(s, ae, x, 64);
      return;
    }
    quotientBits = 1;
    giveRest(s ^ SIGN, ae, (y << 1) - x);
    return;
  }
  // At most 63 bits of the quotient in one go.
  const steps = distance < 64 ? distance : 32 + (distance & 31);
  let q: u64 = x >= y ? 1 : 0;
  if (q != 0) x -= y;
  if (steps > 0) {
    divide(x >> (64 - steps), x << steps, y);
    q = (q << steps) | low;
    x = high;
  }
  if (distance >= 64) {
    partial = true;
    giveRest(s, be + distance - steps, x);
    return;
  }
  if (nearest) {
    const rest = y - x;
    if (x > rest || (x == rest && (q & 1) != 0)) {
      x = rest;
      s ^= SIGN;
      q++;
    }
  }
  quotientBits = (<u32>q) & 7;
  giveRest(s, be, x);
}

/** Gives x × 2^(e - BIAS - 63). */
function giveRest(s: u32, e: i32, x: u64): void {
  if (x == 0) {
    give(s, 0);
    return;
  }
  const n = <i32>clz<u64>(x);
  pass(s, e - n, x << n, 64);
}

/** a × 2^trunc(b). */
export function scaleExtended(ase: u32, am: u64, bse: u32, bm: u64): void {
  const ak = classify(ase, am);
  const bk = classify(bse, bm);
  if (ak >= QUIET || bk >= QUIET) {
    giveNans(ase, am, ak, bse, bm, bk);
    return;
  }
  const s = ase & SIGN;
  if (bk == INFINITE) {
    const shrinks = (bse & SIGN) != 0;
    if (ak == (shrinks ? INFINITE : ZERO)) {
      giveInvalid();
      return;
    }
    noteDenormals(ak, bk);
    if (shrinks) give(s, 0);
    else give(s | MAX_EXPONENT, INTEGER_BIT);
    return;
  }
  noteDenormals(ak, bk);
  if (ak == ZERO || ak == INFINITE) {
    give(ase, am);
    return;
  }
  let n = 0;
  if (bk == NORMAL) {
    const shift = BIAS + 63 - exponentOf(bse, bm);
    // Beyond 2¹⁶ every result is out of range.
    n = shift < 47 ? 0x10000 : shift > 63 ? 0 : <i32>(bm >> shift);
    if ((bse & SIGN) != 0) n = -n;
  }
  pass(s, exponentOf(ase, am) + n, normalized(am), 64);
}

/** Separates a into its exponent (exponentSe, exponentM) and its significand (the result). */
export function extract(se: u32, m: u64): void {
  const kind = classify(se, m);
  if (kind >= QUIET) {
    giveNan(se, m, kind);
    exponentSe = resultSe;
    exponentM = resultM;
    return;
  }
  const s = se & SIGN;
  if (kind == INFINITE || kind == ZERO) {
    if (kind == ZERO) raise(ZE);
    exponentSe = MAX_EXPONENT | (kind == ZERO ? SIGN : 0);
    exponentM = INTEGER_BIT;
    give(se, m);
    return;
  }
  if (kind == DENORMAL) raise(DE);
  fromInteger(<i64>(exponentOf(se, m) - BIAS));
  exponentSe = resultSe;
  exponentM = resultM;
  give(s | BIAS, normalized(m));
}

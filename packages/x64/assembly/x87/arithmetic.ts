/**
 * Add, subtract, multiply, divide, square root of the x87, with precision control. The result is in resultSe and
 * resultM of `extended.ts`, the exceptions in flags of `rounding.ts`; the caller has called `begin`.
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
  giveRounded,
  normalized,
  noteDenormals,
} from './extended';
import { add, power, quotient, root, sign, times, zeroSign } from './magnitudes';
import { DE, INTEGER_BIT, ZE, least, most, raise, round } from './rounding';
import { high, low } from './wide';

/** Rounds what `magnitudes.ts` left to `bits` bits and gives it. */
export function finish(bits: i32): void {
  const s = sign;
  round(s, power, high, low, bits, least, most);
  giveRounded(s);
}

/** a + b; a - b with `flip` = SIGN. */
export function addExtended(ase: u32, am: u64, bse: u32, bm: u64, flip: u32, bits: i32): void {
  const ak = classify(ase, am);
  const bk = classify(bse, bm);
  if (ak >= QUIET || bk >= QUIET) {
    giveNans(ase, am, ak, bse, bm, bk);
    return;
  }
  const as = ase & SIGN;
  const bs = (bse & SIGN) ^ flip;
  if (ak == INFINITE || bk == INFINITE) {
    if (ak == bk && as != bs) {
      giveInvalid();
      return;
    }
    noteDenormals(ak, bk);
    give((ak == INFINITE ? as : bs) | MAX_EXPONENT, INTEGER_BIT);
    return;
  }
  noteDenormals(ak, bk);
  if (bk == ZERO) {
    if (ak == ZERO) {
      give(as == bs ? as : zeroSign(), 0);
      return;
    }
    pass(as, exponentOf(ase, am), normalized(am), bits);
    return;
  }
  if (ak == ZERO) {
    pass(bs, exponentOf(bse, bm), normalized(bm), bits);
    return;
  }
  if (!add(as, exponentOf(ase, am), normalized(am), bs, exponentOf(bse, bm), normalized(bm))) {
    give(sign, 0);
    return;
  }
  finish(bits);
}

/** Rounds one operand. */
export function pass(s: u32, e: i32, m: u64, bits: i32): void {
  round(s, e, m, 0, bits, least, most);
  giveRounded(s);
}

/** a × b. */
export function multiplyExtended(ase: u32, am: u64, bse: u32, bm: u64, bits: i32): void {
  const ak = classify(ase, am);
  const bk = classify(bse, bm);
  if (ak >= QUIET || bk >= QUIET) {
    giveNans(ase, am, ak, bse, bm, bk);
    return;
  }
  const s = (ase ^ bse) & SIGN;
  if (ak == INFINITE || bk == INFINITE) {
    if (ak == ZERO || bk == ZERO) {
      giveInvalid();
      return;
    }
    noteDenormals(ak, bk);
    give(s | MAX_EXPONENT, INTEGER_BIT);
    return;
  }
  noteDenormals(ak, bk);
  if (ak == ZERO || bk == ZERO) {
    give(s, 0);
    return;
  }
  times(ase & SIGN, exponentOf(ase, am), normalized(am), bse & SIGN, exponentOf(bse, bm), normalized(bm));
  finish(bits);
}

/** a ÷ b. */
export function divideExtended(ase: u32, am: u64, bse: u32, bm: u64, bits: i32): void {
  const ak = classify(ase, am);
  const bk = classify(bse, bm);
  if (ak >= QUIET || bk >= QUIET) {
    giveNans(ase, am, ak, bse, bm, bk);
    return;
  }
  const s = (ase ^ bse) & SIGN;
  if ((ak == INFINITE && bk == INFINITE) || (ak == ZERO && bk == ZERO)) {
    giveInvalid();
    return;
  }
  if (ak == INFINITE) {
    noteDenormals(ak, bk);
    give(s | MAX_EXPONENT, INTEGER_BIT);
    return;
  }
  if (bk == ZERO) {
    // A denormal dividend goes unnoticed.
    raise(ZE);
    give(s | MAX_EXPONENT, INTEGER_BIT);
    return;
  }
  noteDenormals(ak, bk);
  if (ak == ZERO || bk == INFINITE) {
    give(s, 0);
    return;
  }
  quotient(ase & SIGN, exponentOf(ase, am), normalized(am), bse & SIGN, exponentOf(bse, bm), normalized(bm));
  finish(bits);
}

/** √a. */
export function rootExtended(se: u32, m: u64, bits: i32): void {
  const kind = classify(se, m);
  if (kind >= QUIET) {
    giveNan(se, m, kind);
    return;
  }
  if (kind == ZERO) {
    give(se, m);
    return;
  }
  if ((se & SIGN) != 0) {
    giveInvalid();
    return;
  }
  if (kind == INFINITE) {
    give(se, m);
    return;
  }
  if (kind == DENORMAL) raise(DE);
  root(exponentOf(se, m), normalized(m));
  finish(bits);
}

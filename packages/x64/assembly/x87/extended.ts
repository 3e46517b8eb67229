/**
 * Values of the 80-bit format: their classes, and the operands of an operation made ready for arithmetic.
 *
 * A value is (se, m): bit 15 of se the sign, bits 0-14 the exponent with bias 3FFFh; m the mantissa with explicit
 * integer bit. Encodings with a non-zero exponent and no integer bit are unsupported (invalid operand); with a zero
 * exponent and the integer bit set they are pseudo-denormals, worth as much as exponent 1. SDM volume 1 chapter 8.2.
 */
import { DE, IE, INTEGER_BIT, exponent, mantissa, raise } from './rounding';

export const SIGN: u32 = 0x8000;
export const MAX_EXPONENT: u32 = 0x7fff;
/** Set in the mantissa of a quiet NaN. */
export const QUIET_BIT: u64 = 0x4000000000000000;
/** The real indefinite, answer of masked invalid operations. */
export const INDEFINITE_SE: u32 = 0xffff;
export const INDEFINITE_M: u64 = 0xc000000000000000;

/** Classes of {@link classify}. Order matters: from NAN on there is nothing to compute. */
export const ZERO = 0;
export const NORMAL = 1;
export const DENORMAL = 2;
export const INFINITE = 3;
export const QUIET = 4;
export const SIGNALING = 5;
export const UNSUPPORTED = 6;

/** The result of an operation: sign and exponent. */
export let resultSe: u32 = 0;
/** The result of an operation: mantissa. */
export let resultM: u64 = 0;

/** The result becomes (se, m). */
export function give(se: u32, m: u64): void {
  resultSe = se;
  resultM = m;
}

/** The result is the real indefinite, by an invalid operation. */
export function giveInvalid(): void {
  raise(IE);
  give(INDEFINITE_SE, INDEFINITE_M);
}

/** The result is what `round` left, with this sign (0 or SIGN). */
export function giveRounded(sign: u32): void {
  resultSe = sign | (<u32>exponent & MAX_EXPONENT);
  resultM = mantissa;
}

/** Which kind of value (se, m) is. */
export function classify(se: u32, m: u64): i32 {
  const e = se & MAX_EXPONENT;
  if (e == 0) return m == 0 ? ZERO : DENORMAL;
  if ((m & INTEGER_BIT) == 0) return UNSUPPORTED;
  if (e != MAX_EXPONENT) return NORMAL;
  if (m == INTEGER_BIT) return INFINITE;
  return (m & QUIET_BIT) != 0 ? QUIET : SIGNALING;
}

/** Exponent of a NORMAL or DENORMAL value once its mantissa is {@link normalized}. */
// @ts-ignore: decorator
@inline
export function exponentOf(se: u32, m: u64): i32 {
  const e = <i32>(se & MAX_EXPONENT);
  return e != 0 ? e : 1 - <i32>clz<u64>(m);
}

/** Mantissa shifted so that bit 63 is set; m is not zero. */
// @ts-ignore: decorator
@inline
export function normalized(m: u64): u64 {
  return m << clz<u64>(m);
}

/** Answers an operation on one NaN or unsupported operand of class `kind`. */
export function giveNan(se: u32, m: u64, kind: i32): void {
  if (kind == UNSUPPORTED) {
    giveInvalid();
    return;
  }
  if (kind == SIGNALING) raise(IE);
  give(se, m | QUIET_BIT);
}

/**
 * Answers an operation of which at least one operand is a NaN or unsupported: the NaN with the larger significand (of a
 * signaling and a quiet one the quiet one), the positive one of equals.
 */
export function giveNans(ase: u32, am: u64, ak: i32, bse: u32, bm: u64, bk: i32): void {
  if (ak == UNSUPPORTED || bk == UNSUPPORTED) {
    giveInvalid();
    return;
  }
  if (ak == SIGNALING || bk == SIGNALING) raise(IE);
  let first: bool;
  if (ak < QUIET) first = false;
  else if (bk < QUIET) first = true;
  else if (ak != bk) first = ak == QUIET;
  else if (am != bm) first = am > bm;
  else first = (ase & SIGN) == 0;
  if (first) give(ase, am | QUIET_BIT);
  else give(bse, bm | QUIET_BIT);
}

/** Raises DE when one of two classes is DENORMAL. */
// @ts-ignore: decorator
@inline
export function noteDenormals(ak: i32, bk: i32): void {
  if (ak == DENORMAL || bk == DENORMAL) raise(DE);
}

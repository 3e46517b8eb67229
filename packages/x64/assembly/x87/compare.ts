/** Comparison and examination of 80-bit values. */
import {
  DENORMAL,
  INFINITE,
  MAX_EXPONENT,
  QUIET,
  SIGN,
  SIGNALING,
  ZERO,
  classify,
  exponentOf,
  normalized,
  noteDenormals,
} from './extended';
import { IE, raise } from './rounding';

/** Answers of {@link compareExtended}. */
export const GREATER: u32 = 0;
export const LESS: u32 = 1;
export const EQUAL: u32 = 2;
export const UNORDERED: u32 = 3;

/** Compares a with b; a quiet NaN is invalid only when `ordered`. */
export function compareExtended(ase: u32, am: u64, bse: u32, bm: u64, ordered: bool): u32 {
  const ak = classify(ase, am);
  const bk = classify(bse, bm);
  if (ak >= QUIET || bk >= QUIET) {
    if (ordered || ak >= SIGNALING || bk >= SIGNALING) raise(IE);
    return UNORDERED;
  }
  noteDenormals(ak, bk);
  if (ak == ZERO && bk == ZERO) return EQUAL;
  const negative = (ase & SIGN) != 0;
  if (ak == ZERO) return (bse & SIGN) != 0 ? GREATER : LESS;
  if (bk == ZERO || negative != ((bse & SIGN) != 0)) return negative ? LESS : GREATER;
  const ae = ak == INFINITE ? <i32>MAX_EXPONENT : exponentOf(ase, am);
  const be = bk == INFINITE ? <i32>MAX_EXPONENT : exponentOf(bse, bm);
  const x = normalized(am);
  const y = normalized(bm);
  if (ae == be && x == y) return EQUAL;
  const larger = ae != be ? ae > be : x > y;
  return larger != negative ? GREATER : LESS;
}

/** C3 C2 C0 of FXAM for a register that is not empty, as bits 2 1 0. */
export function examine(se: u32, m: u64): u32 {
  const kind = classify(se, m);
  if (kind == ZERO) return 4;
  if (kind == DENORMAL) return 6;
  if (kind == INFINITE) return 3;
  if (kind >= QUIET) return kind > SIGNALING ? 0 : 1;
  return 2;
}

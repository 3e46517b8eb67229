/**
 * Rounding: from an exact or sticky 128-bit result to a floating-point format, with the exceptions that come of it.
 *
 * One engine serves the x87 (24, 53 or 64 bits in 80-bit range) and the exact path of SSE (binary32, binary64).
 * An unrounded value is (sign, exponent, high, low): bit 63 of high is set, exponent has the bias of the 80-bit format,
 * bit 0 of low is sticky. SDM volume 1 chapters 4.8, 4.9 and 8.5; IEEE 754-2008.
 */
import { high, low, shiftRightSticky } from './wide';

/** Exception flags: positions in the x87 status word and in MXCSR. */
export const IE: u32 = 1;
export const DE: u32 = 2;
export const ZE: u32 = 4;
export const OE: u32 = 8;
export const UE: u32 = 16;
export const PE: u32 = 32;

/** Rounding control: values of the fields of the x87 control word and of MXCSR. */
export const NEAREST: u32 = 0;
export const DOWN: u32 = 1;
export const UP: u32 = 2;
export const TRUNCATE: u32 = 3;

/** Integer bit of a mantissa. */
export const INTEGER_BIT: u64 = 0x8000000000000000;
export const BIAS: i32 = 16383;
/** What an unmasked overflow or underflow subtracts from or adds to the exponent. */
const WRAP: i32 = 24576;
/** Largest normal exponent of the 80-bit format. */
const REGISTER_MOST: i32 = 0x7ffe;

/** Exceptions met since {@link begin}. */
export let flags: u32 = 0;
/** The last rounding went away from zero: C1. */
export let roundedUp: bool = false;
/** Rounding control in force. */
export let rounding: u32 = NEAREST;
/** Exceptions that are masked. */
export let masks: u32 = 0x3f;
/** Tiny results become zero (MXCSR.FTZ). */
export let flushToZero: bool = false;
/** Normal exponents of the format that results have. */
export let least: i32 = 1;
export let most: i32 = 0x7ffe;
/** Rounded result: exponent of the 80-bit format (0 = denormal or zero, 7FFFh infinite) and mantissa. */
export let exponent: i32 = 0;
export let mantissa: u64 = 0;

/** Starts an operation: `mode` its rounding, `masked` the exceptions that are masked. */
export function begin(mode: u32, masked: u32, flush: bool): void {
  flags = 0;
  roundedUp = false;
  rounding = mode;
  masks = masked;
  flushToZero = flush;
  least = 1;
  most = REGISTER_MOST;
}

/** Results have another format than the 80-bit one, until the next {@link begin}. */
export function setRange(lowest: i32, highest: i32): void {
  least = lowest;
  most = highest;
}

/** Forgets the exceptions met. @returns them */
export function takeFlags(): u32 {
  const met = flags;
  flags = 0;
  return met;
}

/** Records exceptions. */
// @ts-ignore: decorator
@inline
export function raise(exceptions: u32): void {
  flags |= exceptions;
}

/** Withdraws exceptions. */
export function withdraw(exceptions: u32): void {
  flags &= ~exceptions;
}

/** Replaces the rounding mode, for operations that bring their own. */
export function setRounding(mode: u32): void {
  rounding = mode;
}

export function setRoundedUp(value: bool): void {
  roundedUp = value;
}

/** Sets the result without rounding. */
export function setResult(e: i32, m: u64): void {
  exponent = e;
  mantissa = m;
}

/** Whether a remainder of `rest` (half a unit is `half`) makes the magnitude go up. */
// @ts-ignore: decorator
@inline
export function goesUp(sign: u32, odd: bool, rest: u64, half: u64): bool {
  if (rounding == NEAREST) return rest > half || (rest == half && odd);
  return rest != 0 && ((rounding == UP && sign == 0) || (rounding == DOWN && sign != 0));
}

/** Whether (h, l) rounded to `bits` bits carries into a new bit. */
function carries(sign: u32, h: u64, l: u64, bits: i32): bool {
  const shift = 64 - bits;
  if (shift == 0) return h == 0xffffffffffffffff && goesUp(sign, true, l, INTEGER_BIT);
  const mask = ((<u64>1) << shift) - 1;
  if ((h | mask) != 0xffffffffffffffff) return false;
  return goesUp(sign, true, (h & mask) | (l != 0 ? 1 : 0), (<u64>1) << (shift - 1));
}

/**
 * Rounds to `bits` bits with normal exponents `lowest` … `highest`; exponent, mantissa, flags and roundedUp tell the result.
 */
export function round(sign: u32, e: i32, h: u64, l: u64, bits: i32, lowest: i32, highest: i32): void {
  roundedUp = false;
  let tiny = false;
  if (e < lowest) {
    tiny = e < lowest - 1 || !carries(sign, h, l, bits);
    if (tiny && (masks & UE) == 0) {
      flags |= UE;
      tiny = false;
      // Registers get the wrapped result, or zero when that has no exponent; a result for memory is not stored.
      if (e + WRAP < lowest) {
        flags |= PE;
        exponent = 0;
        mantissa = 0;
        return;
      }
      e += highest == REGISTER_MOST ? WRAP : lowest - e;
    } else if (tiny && flushToZero) {
      flags |= UE | PE;
      exponent = 0;
      mantissa = 0;
      return;
    } else {
      shiftRightSticky(h, l, lowest - e);
      h = high;
      l = low;
      e = lowest;
    }
  }
  const shift = 64 - bits;
  let up: bool;
  let inexact: bool;
  if (shift == 0) {
    inexact = l != 0;
    up = goesUp(sign, (h & 1) != 0, l, INTEGER_BIT);
    if (up) h++;
  } else {
    const unit = (<u64>1) << shift;
    const rest = (h & (unit - 1)) | (l != 0 ? 1 : 0);
    inexact = rest != 0;
    up = goesUp(sign, (h & unit) != 0, rest, unit >> 1);
    h &= ~(unit - 1);
    if (up) h += unit;
  }
  if (up && h == 0) {
    h = INTEGER_BIT;
    e++;
  }
  if (inexact) {
    flags |= PE;
    if (tiny) flags |= UE;
  }
  roundedUp = up;
  if (e > highest) {
    overflow(sign, e, h, bits, highest);
    return;
  }
  exponent = (h & INTEGER_BIT) != 0 ? e : 0;
  mantissa = h;
}

function overflow(sign: u32, e: i32, h: u64, bits: i32, highest: i32): void {
  flags |= OE;
  if ((masks & OE) == 0 && e - WRAP <= highest) {
    exponent = e - WRAP;
    mantissa = h;
    return;
  }
  flags |= PE;
  const toInfinity =
    (masks & OE) == 0 || rounding == NEAREST || (rounding == UP && sign == 0) || (rounding == DOWN && sign != 0);
  roundedUp = toInfinity;
  if (toInfinity) {
    exponent = 0x7fff;
    mantissa = INTEGER_BIT;
  } else {
    exponent = highest;
    mantissa = 0xffffffffffffffff << (64 - bits);
  }
}

/**
 * Between the 80-bit format and binary32, binary64, integers and packed decimals. Values from memory become 80-bit
 * values without loss; what an instruction makes of signaling NaNs and denormals among them is its own matter.
 */
import {
  DENORMAL,
  INFINITE,
  MAX_EXPONENT,
  QUIET,
  SIGN,
  SIGNALING,
  UNSUPPORTED,
  ZERO,
  classify,
  exponentOf,
  give,
  giveNan,
  normalized,
} from './extended';
import { BIAS, DE, IE, INTEGER_BIT, PE, exponent, goesUp, mantissa, raise, round, setRoundedUp } from './rounding';
import { high, low, shiftRightSticky } from './wide';

/** Integer indefinite of 64 bits. */
export const INDEFINITE_INTEGER: u64 = 0x8000000000000000;
/** Largest magnitude of a packed decimal. */
const LARGEST_DECIMAL: u64 = 999999999999999999;

/** Bytes 8 and 9 of what {@link toDecimal} made. */
export let decimalTop: u32 = 0;
/** The last integer was rounded. */
let inexact: bool = false;

/** Gives the value of a binary32. @returns whether it is denormal */
export function fromSingle(bits: u32): bool {
  const s = (bits >> 16) & SIGN;
  const e = (bits >> 23) & 0xff;
  const fraction: u64 = ((<u64>bits) & 0x7fffff) << 40;
  if (e == 0) {
    if (fraction == 0) {
      give(s, 0);
      return false;
    }
    const n = <u32>clz<u64>(fraction);
    give(s | (BIAS - 126 - n), fraction << n);
    return true;
  }
  give(s | (e == 0xff ? MAX_EXPONENT : e + (BIAS - 127)), fraction | INTEGER_BIT);
  return false;
}

/** Gives the value of a binary64. @returns whether it is denormal */
export function fromDouble(bits: u64): bool {
  const s = (<u32>(bits >> 48)) & SIGN;
  const e = (<u32>(bits >> 52)) & 0x7ff;
  const fraction = (bits & 0xfffffffffffff) << 11;
  if (e == 0) {
    if (fraction == 0) {
      give(s, 0);
      return false;
    }
    const n = <u32>clz<u64>(fraction);
    give(s | (BIAS - 1022 - n), fraction << n);
    return true;
  }
  give(s | (e == 0x7ff ? MAX_EXPONENT : e + (BIAS - 1023)), fraction | INTEGER_BIT);
  return false;
}

/** Gives the value of an integer. */
export function fromInteger(value: i64): void {
  giveMagnitude(value < 0 ? SIGN : 0, value < 0 ? 0 - <u64>value : <u64>value);
}

/** Gives a signed magnitude. */
function giveMagnitude(s: u32, value: u64): void {
  if (value == 0) {
    give(s, 0);
    return;
  }
  const n = <u32>clz<u64>(value);
  give(s | (BIAS + 63 - n), value << n);
}

/** Packs what `round` left as a binary32. */
export function packSingle(sign: u32): u32 {
  const s = sign << 16;
  if (exponent == 0) return s | (<u32>(mantissa >> 40));
  if (exponent == 0x7fff) return s | 0x7f800000;
  return s | ((<u32>(exponent - BIAS + 127)) << 23) | ((<u32>(mantissa >> 40)) & 0x7fffff);
}

/** Packs what `round` left as a binary64. */
export function packDouble(sign: u32): u64 {
  const s = (<u64>sign) << 48;
  if (exponent == 0) return s | (mantissa >> 11);
  if (exponent == 0x7fff) return s | 0x7ff0000000000000;
  return s | ((<u64>(exponent - BIAS + 1023)) << 52) | ((mantissa >> 11) & 0xfffffffffffff);
}

/** Bits and normal exponents of binary32 and binary64, in the bias of the 80-bit format. */
export const SINGLE_BITS: i32 = 24;
export const SINGLE_LEAST: i32 = BIAS - 126;
export const SINGLE_MOST: i32 = BIAS + 127;
export const DOUBLE_BITS: i32 = 53;
export const DOUBLE_LEAST: i32 = BIAS - 1022;
export const DOUBLE_MOST: i32 = BIAS + 1023;

/** Rounds to binary32. */
export function toSingle(se: u32, m: u64): u32 {
  const s = se & SIGN;
  const kind = classify(se, m);
  if (kind == ZERO) return s << 16;
  if (kind == INFINITE) return (s << 16) | 0x7f800000;
  if (kind == UNSUPPORTED) {
    raise(IE);
    return 0xffc00000;
  }
  if (kind >= QUIET) {
    if (kind == SIGNALING) raise(IE);
    return (s << 16) | 0x7fc00000 | ((<u32>(m >> 40)) & 0x7fffff);
  }
  round(s, exponentOf(se, m), normalized(m), 0, SINGLE_BITS, SINGLE_LEAST, SINGLE_MOST);
  return packSingle(s);
}

/** Rounds to binary64. */
export function toDouble(se: u32, m: u64): u64 {
  const s = se & SIGN;
  const kind = classify(se, m);
  if (kind == ZERO) return (<u64>s) << 48;
  if (kind == INFINITE) return ((<u64>s) << 48) | 0x7ff0000000000000;
  if (kind == UNSUPPORTED) {
    raise(IE);
    return 0xfff8000000000000;
  }
  if (kind >= QUIET) {
    if (kind == SIGNALING) raise(IE);
    return ((<u64>s) << 48) | 0x7ff8000000000000 | ((m >> 11) & 0xfffffffffffff);
  }
  round(s, exponentOf(se, m), normalized(m), 0, DOUBLE_BITS, DOUBLE_LEAST, DOUBLE_MOST);
  return packDouble(s);
}

/** Integer part, rounded, of a NORMAL or DENORMAL magnitude below 2⁶⁴; low is not zero when it was inexact. */
function roundMagnitude(sign: u32, e: i32, m: u64): u64 {
  const shift = BIAS + 63 - e;
  let whole = m;
  let rest: u64 = 0;
  if (shift > 0) {
    shiftRightSticky(m, 0, shift);
    whole = high;
    rest = low;
  }
  const up = goesUp(sign, (whole & 1) != 0, rest, INTEGER_BIT);
  inexact = rest != 0;
  setRoundedUp(up);
  // 2⁶⁴ - 1 and a fraction cannot be: 64 bits of mantissa hold no fraction then.
  return up ? whole + 1 : whole;
}

/** Rounds to a signed integer of `bits` bits (16, 32, 64); the integer indefinite when it does not fit. */
export function toInteger(se: u32, m: u64, bits: i32): u64 {
  const s = se & SIGN;
  const indefinite = INDEFINITE_INTEGER >> (64 - bits);
  const kind = classify(se, m);
  if (kind == ZERO) return 0;
  if (kind >= INFINITE || exponentOf(se, m) > BIAS + 63) {
    raise(IE);
    return indefinite;
  }
  const magnitude = roundMagnitude(s, exponentOf(se, m), normalized(m));
  if (s != 0 ? magnitude > indefinite : magnitude >= indefinite) {
    setRoundedUp(false);
    raise(IE);
    return indefinite;
  }
  if (inexact) raise(PE);
  return s != 0 ? 0 - magnitude : magnitude;
}

/** Rounds to an integral value. */
export function roundToIntegral(se: u32, m: u64): void {
  const kind = classify(se, m);
  if (kind >= QUIET) {
    giveNan(se, m, kind);
    return;
  }
  if (kind == DENORMAL) raise(DE);
  if (kind == ZERO || kind == INFINITE || exponentOf(se, m) >= BIAS + 63) {
    give(se, m);
    return;
  }
  const s = se & SIGN;
  const magnitude = roundMagnitude(s, exponentOf(se, m), normalized(m));
  if (inexact) raise(PE);
  giveMagnitude(s, magnitude);
}

/** Gives the value of a packed decimal: nine bytes of digit pairs in `digits` and `top`, sign in bit 15 of `top`. */
export function fromDecimal(digits: u64, top: u32): void {
  let value: u64 = 0;
  value = (top >> 4) & 15;
  value = value * 10 + (top & 15);
  for (let i = 60; i >= 0; i -= 4) value = value * 10 + ((digits >> i) & 15);
  giveMagnitude(top & SIGN, value);
}

/** Rounds to a packed decimal; {@link decimalTop} becomes bytes 8 and 9 of it, the answer bytes 0 to 7. */
export function toDecimal(se: u32, m: u64): u64 {
  const s = se & SIGN;
  const kind = classify(se, m);
  let magnitude: u64 = 0;
  let invalid = kind >= INFINITE || (kind != ZERO && exponentOf(se, m) > BIAS + 62);
  if (!invalid && kind != ZERO) {
    magnitude = roundMagnitude(s, exponentOf(se, m), normalized(m));
    invalid = magnitude > LARGEST_DECIMAL;
  }
  if (invalid) {
    setRoundedUp(false);
    raise(IE);
    decimalTop = 0xffff;
    return 0xc000000000000000;
  }
  if (kind != ZERO && inexact) raise(PE);
  let digits: u64 = 0;
  for (let i = 0; i < 64; i += 4) {
    digits |= (magnitude % 10) << i;
    magnitude /= 10;
  }
  decimalTop = s | (<u32>(((magnitude / 10) << 4) | (magnitude % 10)));
  return digits;
}

/**
 * One element of a vector at a time, exactly: every rounding mode, every exception, denormals as zeros and flushed
 * results. The engine is the x87's, with the format's precision and range. SDM volume 1 chapters 4.8, 10.2, 11.5.
 */
import { addExtended, divideExtended, multiplyExtended, rootExtended } from '../x87/arithmetic';
import {
  DOUBLE_BITS,
  DOUBLE_LEAST,
  DOUBLE_MOST,
  SINGLE_BITS,
  SINGLE_LEAST,
  SINGLE_MOST,
  fromDouble,
  fromInteger,
  fromSingle,
  roundToIntegral,
  toInteger,
} from '../x87/convert';
import { MAX_EXPONENT, SIGN, resultM, resultSe } from '../x87/extended';
import { BIAS, DE, IE, PE, ZE, begin, flags, masks, raise, round, setRange, setRounding, takeFlags, withdraw, exponent, mantissa } from '../x87/rounding';
import { fault } from '../op';
import { FAULT, NEXT } from '../op';
import { CR4, MXCSR } from '../../src/state';

export const ADD = 0;
export const MULTIPLY = 1;
export const SUBTRACT = 2;
export const MINIMUM = 3;
export const DIVIDE = 4;
export const MAXIMUM = 5;
/** Of the second operand. */
export const ROOT = 6;

const CR4_OSXMMEXCPT: u64 = 0x400;
const VECTOR_UD = 6;
const VECTOR_XM = 19;

/** MXCSR.DAZ. */
let zeros: bool = false;
/** Exceptions, all masked, of steps that are done. */
let earlier: u32 = 0;

/** Begins an instruction: rounding, masks, DAZ and FTZ of MXCSR. */
export function beginVector(s: usize): void {
  const mxcsr = load<u32>(s, MXCSR);
  begin((mxcsr >> 13) & 3, (mxcsr >> 7) & 0x3f, (mxcsr & 0x8000) != 0);
  zeros = (mxcsr & 0x40) != 0;
  earlier = 0;
}

/** Ends an instruction: sticky flags. @returns NEXT when the result may be written, else FAULT with #XM */
export function endVector(s: usize): i32 {
  let met = flags;
  const unmasked = met & ~masks & 0x3f;
  // Exceptions of operands come before results are made.
  if ((unmasked & (IE | DE | ZE)) != 0) met &= IE | DE | ZE;
  store<u32>(s, load<u32>(s, MXCSR) | met | earlier, MXCSR);
  if (unmasked == 0) return NEXT;
  return fault(s, (load<u64>(s, CR4) & CR4_OSXMMEXCPT) != 0 ? VECTOR_XM : VECTOR_UD);
}

/** Ends a step of an instruction that has several. @returns whether an unmasked exception keeps the next from being made */
export function stopped(): bool {
  if ((flags & ~masks & 0x3f) != 0) return true;
  earlier |= takeFlags();
  return false;
}

// @ts-ignore: decorator
@inline
export function isNan32(x: u32): bool {
  return (x & 0x7fffffff) > 0x7f800000;
}

// @ts-ignore: decorator
@inline
export function isNan64(x: u64): bool {
  return (x & 0x7fffffffffffffff) > 0x7ff0000000000000;
}

/** A NaN without the quiet bit. */
// @ts-ignore: decorator
@inline
export function signaling32(x: u32): bool {
  return isNan32(x) && (x & 0x400000) == 0;
}

// @ts-ignore: decorator
@inline
export function signaling64(x: u64): bool {
  return isNan64(x) && (x & 0x8000000000000) == 0;
}

/** x, or zero of its sign if it is denormal and those count as zeros. */
export function operand32(x: u32): u32 {
  return zeros && (x & 0x7f800000) == 0 ? x & 0x80000000 : x;
}

export function operand64(x: u64): u64 {
  return zeros && (x & 0x7ff0000000000000) == 0 ? x & 0x8000000000000000 : x;
}

// @ts-ignore: decorator
@inline
export function denormal32(x: u32): bool {
  return (x & 0x7f800000) == 0 && (x & 0x7fffff) != 0;
}

// @ts-ignore: decorator
@inline
export function denormal64(x: u64): bool {
  return (x & 0x7ff0000000000000) == 0 && (x & 0xfffffffffffff) != 0;
}

/** The result as a binary32. */
export function packed32(): u32 {
  const s = (resultSe & SIGN) << 16;
  const e = <i32>(resultSe & MAX_EXPONENT);
  if (e == 0) return s | <u32>(resultM >> 40);
  if (e == <i32>MAX_EXPONENT) return s | 0x7f800000 | (<u32>(resultM >> 40) & 0x7fffff);
  return s | (<u32>(e - BIAS + 127) << 23) | (<u32>(resultM >> 40) & 0x7fffff);
}

/** The result as a binary64. */
export function packed64(): u64 {
  const s = <u64>(resultSe & SIGN) << 48;
  const e = <i32>(resultSe & MAX_EXPONENT);
  const fraction = (resultM >> 11) & 0xfffffffffffff;
  if (e == 0) return s | (resultM >> 11);
  if (e == <i32>MAX_EXPONENT) return s | 0x7ff0000000000000 | fraction;
  return s | (<u64>(e - BIAS + 1023) << 52) | fraction;
}

/** Runs an operation on extended values. */
function compute(operation: i32, ase: u32, am: u64, bse: u32, bm: u64, bits: i32, denormal: bool): void {
  const before = takeFlags();
  if (operation == ADD) addExtended(ase, am, bse, bm, 0, bits);
  else if (operation == MULTIPLY) multiplyExtended(ase, am, bse, bm, bits);
  else if (operation == SUBTRACT) addExtended(ase, am, bse, bm, SIGN, bits);
  else if (operation == DIVIDE) divideExtended(ase, am, bse, bm, bits);
  else rootExtended(bse, bm, bits);
  if (denormal && (flags & (IE | ZE)) == 0) {
    raise(DE);
    // With DE unmasked nothing was computed.
    if ((masks & DE) == 0) withdraw(~DE);
  }
  raise(before);
}

/** a operation b in binary32. */
export function lane32(operation: i32, a: u32, b: u32): u32 {
  a = operand32(a);
  b = operand32(b);
  if (operation == MINIMUM || operation == MAXIMUM) return extremum32(operation, a, b);
  const unary = operation == ROOT;
  if ((!unary && isNan32(a)) || isNan32(b)) {
    if ((!unary && signaling32(a)) || signaling32(b)) raise(IE);
    return (!unary && isNan32(a) ? a : b) | 0x400000;
  }
  setRange(SINGLE_LEAST, SINGLE_MOST);
  let denormal = fromSingle(a);
  if (unary) denormal = false;
  const ase = resultSe;
  const am = resultM;
  if (fromSingle(b)) denormal = true;
  compute(operation, ase, am, resultSe, resultM, SINGLE_BITS, denormal);
  return packed32();
}

/** a operation b in binary64. */
export function lane64(operation: i32, a: u64, b: u64): u64 {
  a = operand64(a);
  b = operand64(b);
  if (operation == MINIMUM || operation == MAXIMUM) return extremum64(operation, a, b);
  const unary = operation == ROOT;
  if ((!unary && isNan64(a)) || isNan64(b)) {
    if ((!unary && signaling64(a)) || signaling64(b)) raise(IE);
    return (!unary && isNan64(a) ? a : b) | 0x8000000000000;
  }
  setRange(DOUBLE_LEAST, DOUBLE_MOST);
  let denormal = fromDouble(a);
  if (unary) denormal = false;
  const ase = resultSe;
  const am = resultM;
  if (fromDouble(b)) denormal = true;
  compute(operation, ase, am, resultSe, resultM, DOUBLE_BITS, denormal);
  return packed64();
}

/** The second operand unless the first is really smaller, or larger. */
function extremum32(operation: i32, a: u32, b: u32): u32 {
  if (isNan32(a) || isNan32(b)) {
    raise(IE);
    return b;
  }
  if (denormal32(a) || denormal32(b)) raise(DE);
  const x = reinterpret<f32>(a);
  const y = reinterpret<f32>(b);
  return (operation == MINIMUM ? x < y : x > y) ? a : b;
}

function extremum64(operation: i32, a: u64, b: u64): u64 {
  if (isNan64(a) || isNan64(b)) {
    raise(IE);
    return b;
  }
  if (denormal64(a) || denormal64(b)) raise(DE);
  const x = reinterpret<f64>(a);
  const y = reinterpret<f64>(b);
  return (operation == MINIMUM ? x < y : x > y) ? a : b;
}

/** Rounds a binary64 to binary32. */
export function narrow(x: u64): u32 {
  x = operand64(x);
  if (isNan64(x)) {
    if (signaling64(x)) raise(IE);
    return (<u32>(x >> 32) & 0x80000000) | 0x7fc00000 | (<u32>(x >> 29) & 0x7fffff);
  }
  const s = <u32>(x >> 32) & 0x80000000;
  if ((x & 0x7fffffffffffffff) == 0) return s;
  if ((x & 0x7fffffffffffffff) == 0x7ff0000000000000) return s | 0x7f800000;
  if (fromDouble(x)) {
    raise(DE);
    if ((masks & DE) == 0) return 0;
  }
  return rounded32();
}

/** The result of a conversion, rounded to binary32. */
function rounded32(): u32 {
  const sign = resultSe & SIGN;
  round(sign, <i32>(resultSe & MAX_EXPONENT), resultM, 0, SINGLE_BITS, SINGLE_LEAST, SINGLE_MOST);
  const s = sign << 16;
  if (exponent == 0) return s | <u32>(mantissa >> 40);
  if (exponent == <i32>MAX_EXPONENT) return s | 0x7f800000;
  return s | (<u32>(exponent - BIAS + 127) << 23) | (<u32>(mantissa >> 40) & 0x7fffff);
}

/** Widens a binary32. */
export function widen(x: u32): u64 {
  x = operand32(x);
  if (denormal32(x)) raise(DE);
  if (signaling32(x)) raise(IE);
  if (isNan32(x)) return (<u64>(x & 0x80000000) << 32) | 0x7ff8000000000000 | (<u64>(x & 0x7fffff) << 29);
  fromSingle(x);
  return packed64();
}

/** An integer as a binary32. */
export function single(value: i64): u32 {
  if (value == 0) return 0;
  fromInteger(value);
  return rounded32();
}

/** An integer as a binary64. */
export function double(value: i64): u64 {
  if (value == 0) return 0;
  fromInteger(value);
  const sign = resultSe & SIGN;
  round(sign, <i32>(resultSe & MAX_EXPONENT), resultM, 0, DOUBLE_BITS, DOUBLE_LEAST, DOUBLE_MOST);
  return (<u64>sign << 48) | (<u64>(exponent - BIAS + 1023) << 52) | ((mantissa >> 11) & 0xfffffffffffff);
}

/** A binary32 as an integer of `bits` bits; denormals raise nothing but what rounding them does. */
export function integer32(x: u32, bits: i32): u64 {
  fromSingle(operand32(x));
  return toInteger(resultSe, resultM, bits);
}

/** A binary64 as an integer. */
export function integer64(x: u64, bits: i32): u64 {
  fromDouble(operand64(x));
  return toInteger(resultSe, resultM, bits);
}

/** Rounding of ROUNDPS and its kin: the mode of the immediate, or MXCSR's. */
export function chooseRounding(n: u32): void {
  if ((n & 4) == 0) setRounding(n & 3);
}

/** A binary32 rounded to an integer; `exact` keeps PE from being raised. */
export function integral32(x: u32, exact: bool): u32 {
  x = operand32(x);
  if (isNan32(x)) {
    if (signaling32(x)) raise(IE);
    return x | 0x400000;
  }
  fromSingle(x);
  const before = takeFlags();
  roundToIntegral(resultSe, resultM);
  if (exact) withdraw(PE);
  raise(before);
  return packed32();
}

/** A binary64 rounded to an integer. */
export function integral64(x: u64, exact: bool): u64 {
  x = operand64(x);
  if (isNan64(x)) {
    if (signaling64(x)) raise(IE);
    return x | 0x8000000000000;
  }
  fromDouble(x);
  const before = takeFlags();
  roundToIntegral(resultSe, resultM);
  if (exact) withdraw(PE);
  raise(before);
  return packed64();
}

/**
 * Compares for CMPxx (predicate 0 … 7 of the SSE forms). A quiet NaN is invalid for the ordering predicates.
 */
export function compares32(n: u32, a: u32, b: u32): bool {
  a = operand32(a);
  b = operand32(b);
  const nan = isNan32(a) || isNan32(b);
  if (signaling32(a) || signaling32(b) || (nan && orders(n))) raise(IE);
  else if (!nan && (denormal32(a) || denormal32(b))) raise(DE);
  const x = reinterpret<f32>(a);
  const y = reinterpret<f32>(b);
  return predicate(n, nan, x == y, x < y);
}

export function compares64(n: u32, a: u64, b: u64): bool {
  a = operand64(a);
  b = operand64(b);
  const nan = isNan64(a) || isNan64(b);
  if (signaling64(a) || signaling64(b) || (nan && orders(n))) raise(IE);
  else if (!nan && (denormal64(a) || denormal64(b))) raise(DE);
  const x = reinterpret<f64>(a);
  const y = reinterpret<f64>(b);
  return predicate(n, nan, x == y, x < y);
}

/** LT, LE, NLT, NLE. */
// @ts-ignore: decorator
@inline
function orders(n: u32): bool {
  return (n & 3) == 1 || (n & 3) == 2;
}

function predicate(n: u32, nan: bool, equal: bool, less: bool): bool {
  let yes: bool;
  if ((n & 3) == 0) yes = equal;
  else if ((n & 3) == 1) yes = less;
  else if ((n & 3) == 2) yes = less || equal;
  else yes = nan;
  return ((n & 4) != 0) != yes;
}

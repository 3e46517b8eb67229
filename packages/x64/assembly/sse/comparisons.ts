/** CMPxx, COMISx, UCOMISx, PTEST. */
import { setStatusFlags } from '../flags';
import { beginVector, compares32, compares64, denormal32, denormal64, endVector, isNan32, isNan64, operand32, operand64, signaling32, signaling64 } from './lanes';
import { DE, IE, raise } from '../x87/rounding';
import { FAULT, NEXT, first, immediate, put, source16, source4, source8, target } from './operand';

// @ts-ignore: decorator
@inline
function mask32(yes: bool): u32 {
  return yes ? 0xffffffff : 0;
}

// @ts-ignore: decorator
@inline
function mask64(yes: bool): u64 {
  return yes ? 0xffffffffffffffff : 0;
}

export function opCmpps(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const a = target(p);
  const n = immediate(p) & 7;
  beginVector(s);
  let value = i32x4.splat(mask32(compares32(n, load<u32>(a), load<u32>(b))));
  value = i32x4.replace_lane(value, 1, mask32(compares32(n, load<u32>(a, 4), load<u32>(b, 4))));
  value = i32x4.replace_lane(value, 2, mask32(compares32(n, load<u32>(a, 8), load<u32>(b, 8))));
  value = i32x4.replace_lane(value, 3, mask32(compares32(n, load<u32>(a, 12), load<u32>(b, 12))));
  return endVector(s) == NEXT ? put(p, value) : FAULT;
}

export function opCmppd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const a = target(p);
  const n = immediate(p) & 7;
  beginVector(s);
  let value = i64x2.splat(mask64(compares64(n, load<u64>(a), load<u64>(b))));
  value = i64x2.replace_lane(value, 1, mask64(compares64(n, load<u64>(a, 8), load<u64>(b, 8))));
  return endVector(s) == NEXT ? put(p, value) : FAULT;
}

export function opCmpss(s: usize, p: usize): i32 {
  const b = source4(s, p);
  if (b == 0) return FAULT;
  beginVector(s);
  const value = mask32(compares32(immediate(p) & 7, load<u32>(target(p)), load<u32>(b)));
  return endVector(s) == NEXT ? put(p, i32x4.replace_lane(first(p), 0, value)) : FAULT;
}

export function opCmpsdXmm(s: usize, p: usize): i32 {
  const b = source8(s, p);
  if (b == 0) return FAULT;
  beginVector(s);
  const value = mask64(compares64(immediate(p) & 7, load<u64>(target(p)), load<u64>(b)));
  return endVector(s) == NEXT ? put(p, i64x2.replace_lane(first(p), 0, value)) : FAULT;
}

/** ZF PF CF of numbers. */
function order(s: usize, x: f64, y: f64): void {
  setStatusFlags(s, x > y ? 0 : x < y ? 1 : 0x40);
}

/** COMISS and UCOMISS. */
function compareSingles(s: usize, p: usize, ordered: bool): i32 {
  const b = source4(s, p);
  if (b == 0) return FAULT;
  let x = load<u32>(target(p));
  let y = load<u32>(b);
  if (!isNan32(x) && !isNan32(y) && !denormal32(x) && !denormal32(y)) {
    order(s, <f64>reinterpret<f32>(x), <f64>reinterpret<f32>(y));
    return NEXT;
  }
  beginVector(s);
  x = operand32(x);
  y = operand32(y);
  const nan = isNan32(x) || isNan32(y);
  if (nan ? ordered || signaling32(x) || signaling32(y) : false) raise(IE);
  else if (!nan && (denormal32(x) || denormal32(y))) raise(DE);
  if (endVector(s) != NEXT) return FAULT;
  if (nan) setStatusFlags(s, 0x45);
  else order(s, <f64>reinterpret<f32>(x), <f64>reinterpret<f32>(y));
  return NEXT;
}

function compareDoubles(s: usize, p: usize, ordered: bool): i32 {
  const b = source8(s, p);
  if (b == 0) return FAULT;
  let x = load<u64>(target(p));
  let y = load<u64>(b);
  if (!isNan64(x) && !isNan64(y) && !denormal64(x) && !denormal64(y)) {
    order(s, <f64>reinterpret<f64>(x), <f64>reinterpret<f64>(y));
    return NEXT;
  }
  beginVector(s);
  x = operand64(x);
  y = operand64(y);
  const nan = isNan64(x) || isNan64(y);
  if (nan ? ordered || signaling64(x) || signaling64(y) : false) raise(IE);
  else if (!nan && (denormal64(x) || denormal64(y))) raise(DE);
  if (endVector(s) != NEXT) return FAULT;
  if (nan) setStatusFlags(s, 0x45);
  else order(s, <f64>reinterpret<f64>(x), <f64>reinterpret<f64>(y));
  return NEXT;
}

export function opComiss(s: usize, p: usize): i32 {
  return compareSingles(s, p, true);
}
export function opUcomiss(s: usize, p: usize): i32 {
  return compareSingles(s, p, false);
}
export function opComisd(s: usize, p: usize): i32 {
  return compareDoubles(s, p, true);
}
export function opUcomisd(s: usize, p: usize): i32 {
  return compareDoubles(s, p, false);
}

export function opPtest(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const x = first(p);
  const y = v128.load(b);
  setStatusFlags(s, (v128.any_true(v128.and(y, x)) ? 0 : 0x40) | (v128.any_true(v128.andnot(y, x)) ? 0 : 1));
  return NEXT;
}

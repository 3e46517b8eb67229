/**
 * Arithmetic of packed and scalar floats.
 *
 * With MXCSR as programs have it (nearest, everything masked, PE already sticky) and operands and results that are
 * normal or zero, nothing but PE can come of an operation, and WebAssembly's own is the answer. All else goes lane by
 * lane through `lanes.ts`; flags are always exact.
 */
import { MXCSR } from '../../src/state';
import { ADD, DIVIDE, MAXIMUM, MINIMUM, MULTIPLY, ROOT, SUBTRACT, beginVector, endVector, lane32, lane64 } from './lanes';
import { FAULT, NEXT, put, source16, source4, source8, target } from './operand';

/** MXCSR bits that must be as after reset for the short way, and PE. */
const ORDINARY_MASK: u32 = 0xffe0;
const ORDINARY: u32 = 0x1fa0;

/** Whether a binary32 is neither zero nor a usual normal number, the smallest one excluded. */
// @ts-ignore: decorator
@inline
function odd32(x: u32): bool {
  return (x << 1) - 0x01000001 >= 0xff000000 - 0x01000001;
}

// @ts-ignore: decorator
@inline
function odd64(x: u64): bool {
  return (x << 1) - 0x0020000000000001 >= 0xffe0000000000000 - 0x0020000000000001;
}

/** Lanes that are {@link odd64}, or the like of binary32; zeros among them. */
// @ts-ignore: decorator
@inline
function oddLanes64(x: v128): v128 {
  const bits = i64x2.shr_u(i64x2.shl(x, 1), 1);
  return v128.or(i64x2.gt_s(bits, i64x2.splat(0x7fefffffffffffff)), i64x2.lt_s(bits, i64x2.splat(0x0010000000000001)));
}

// @ts-ignore: decorator
@inline
function oddLanes32(x: v128): v128 {
  const bits = v128.and(x, i32x4.splat(0x7fffffff));
  return v128.or(i32x4.gt_s(bits, i32x4.splat(0x7f7fffff)), i32x4.lt_s(bits, i32x4.splat(0x00800001)));
}

// @ts-ignore: decorator
@inline
function ordinary(s: usize): bool {
  return (load<u32>(s, MXCSR) & ORDINARY_MASK) == ORDINARY;
}

/** Lane by lane, binary32. */
function exactSingles(s: usize, p: usize, operation: i32, b: usize, lanes: u32): i32 {
  beginVector(s);
  const a = target(p);
  let value = v128.load(a);
  value = i32x4.replace_lane(value, 0, lane32(operation, load<u32>(a), load<u32>(b)));
  if (lanes > 1) {
    value = i32x4.replace_lane(value, 1, lane32(operation, load<u32>(a, 4), load<u32>(b, 4)));
    value = i32x4.replace_lane(value, 2, lane32(operation, load<u32>(a, 8), load<u32>(b, 8)));
    value = i32x4.replace_lane(value, 3, lane32(operation, load<u32>(a, 12), load<u32>(b, 12)));
  }
  return endVector(s) == NEXT ? put(p, value) : FAULT;
}

/** Lane by lane, binary64. */
function exactDoubles(s: usize, p: usize, operation: i32, b: usize, lanes: u32): i32 {
  beginVector(s);
  const a = target(p);
  let value = v128.load(a);
  value = i64x2.replace_lane(value, 0, lane64(operation, load<u64>(a), load<u64>(b)));
  if (lanes > 1) value = i64x2.replace_lane(value, 1, lane64(operation, load<u64>(a, 8), load<u64>(b, 8)));
  return endVector(s) == NEXT ? put(p, value) : FAULT;
}

// @ts-ignore: decorator
@inline
function packedSingles(s: usize, p: usize, operation: i32): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  if (ordinary(s)) {
    const x = v128.load(target(p));
    const y = v128.load(b);
    let r: v128;
    if (operation == ADD) r = f32x4.add(x, y);
    else if (operation == MULTIPLY) r = f32x4.mul(x, y);
    else if (operation == SUBTRACT) r = f32x4.sub(x, y);
    else if (operation == DIVIDE) r = f32x4.div(x, y);
    else if (operation == MINIMUM) r = f32x4.pmin(y, x);
    else if (operation == MAXIMUM) r = f32x4.pmax(y, x);
    else r = f32x4.sqrt(y);
    const rare = operation == ROOT ? v128.or(oddLanes32(y), i32x4.lt_s(y, i32x4.splat(0))) : v128.or(v128.or(oddLanes32(x), oddLanes32(y)), oddLanes32(r));
    if (!v128.any_true(rare)) return put(p, r);
  }
  return exactSingles(s, p, operation, b, 4);
}

// @ts-ignore: decorator
@inline
function packedDoubles(s: usize, p: usize, operation: i32): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  if (ordinary(s)) {
    const x = v128.load(target(p));
    const y = v128.load(b);
    let r: v128;
    if (operation == ADD) r = f64x2.add(x, y);
    else if (operation == MULTIPLY) r = f64x2.mul(x, y);
    else if (operation == SUBTRACT) r = f64x2.sub(x, y);
    else if (operation == DIVIDE) r = f64x2.div(x, y);
    else if (operation == MINIMUM) r = f64x2.pmin(y, x);
    else if (operation == MAXIMUM) r = f64x2.pmax(y, x);
    else r = f64x2.sqrt(y);
    const rare = operation == ROOT ? v128.or(oddLanes64(y), i64x2.lt_s(y, i64x2.splat(0))) : v128.or(v128.or(oddLanes64(x), oddLanes64(y)), oddLanes64(r));
    if (!v128.any_true(rare)) return put(p, r);
  }
  return exactDoubles(s, p, operation, b, 2);
}

/** Zero operands and results that raise nothing: sums; products of zeros; quotients of zeros. */
// @ts-ignore: decorator
@inline
function harmless32(operation: i32, x: u32, y: u32, r: u32): bool {
  if (operation == ROOT) return (y << 1) == 0 || (!odd32(y) && <i32>y > 0);
  const zx = (x << 1) == 0;
  const zy = (y << 1) == 0;
  const zr = (r << 1) == 0;
  if ((odd32(x) && !zx) || (odd32(y) && !zy) || (odd32(r) && !zr)) return false;
  if (operation == MULTIPLY) return !zr || zx || zy;
  if (operation == DIVIDE) return !zy && (!zr || zx);
  return true;
}

// @ts-ignore: decorator
@inline
function harmless64(operation: i32, x: u64, y: u64, r: u64): bool {
  if (operation == ROOT) return (y << 1) == 0 || (!odd64(y) && <i64>y > 0);
  const zx = (x << 1) == 0;
  const zy = (y << 1) == 0;
  const zr = (r << 1) == 0;
  if ((odd64(x) && !zx) || (odd64(y) && !zy) || (odd64(r) && !zr)) return false;
  if (operation == MULTIPLY) return !zr || zx || zy;
  if (operation == DIVIDE) return !zy && (!zr || zx);
  return true;
}

// @ts-ignore: decorator
@inline
function scalarSingle(s: usize, p: usize, operation: i32): i32 {
  const b = source4(s, p);
  if (b == 0) return FAULT;
  if (ordinary(s)) {
    const x = load<f32>(target(p));
    const y = load<f32>(b);
    let r: f32;
    if (operation == ADD) r = x + y;
    else if (operation == MULTIPLY) r = x * y;
    else if (operation == SUBTRACT) r = x - y;
    else if (operation == DIVIDE) r = x / y;
    else if (operation == MINIMUM) r = x < y ? x : y;
    else if (operation == MAXIMUM) r = x > y ? x : y;
    else r = sqrt<f32>(y);
    if (harmless32(operation, reinterpret<u32>(x), reinterpret<u32>(y), reinterpret<u32>(r))) {
      store<f32>(target(p), r);
      return NEXT;
    }
  }
  return exactSingles(s, p, operation, b, 1);
}

// @ts-ignore: decorator
@inline
function scalarDouble(s: usize, p: usize, operation: i32): i32 {
  const b = source8(s, p);
  if (b == 0) return FAULT;
  if (ordinary(s)) {
    const x = load<f64>(target(p));
    const y = load<f64>(b);
    let r: f64;
    if (operation == ADD) r = x + y;
    else if (operation == MULTIPLY) r = x * y;
    else if (operation == SUBTRACT) r = x - y;
    else if (operation == DIVIDE) r = x / y;
    else if (operation == MINIMUM) r = x < y ? x : y;
    else if (operation == MAXIMUM) r = x > y ? x : y;
    else r = sqrt<f64>(y);
    if (harmless64(operation, reinterpret<u64>(x), reinterpret<u64>(y), reinterpret<u64>(r))) {
      store<f64>(target(p), r);
      return NEXT;
    }
  }
  return exactDoubles(s, p, operation, b, 1);
}

export function opAddps(s: usize, p: usize): i32 {
  return packedSingles(s, p, ADD);
}
export function opAddpd(s: usize, p: usize): i32 {
  return packedDoubles(s, p, ADD);
}
export function opAddss(s: usize, p: usize): i32 {
  return scalarSingle(s, p, ADD);
}
export function opAddsd(s: usize, p: usize): i32 {
  return scalarDouble(s, p, ADD);
}
export function opMulps(s: usize, p: usize): i32 {
  return packedSingles(s, p, MULTIPLY);
}
export function opMulpd(s: usize, p: usize): i32 {
  return packedDoubles(s, p, MULTIPLY);
}
export function opMulss(s: usize, p: usize): i32 {
  return scalarSingle(s, p, MULTIPLY);
}
export function opMulsd(s: usize, p: usize): i32 {
  return scalarDouble(s, p, MULTIPLY);
}
export function opSubps(s: usize, p: usize): i32 {
  return packedSingles(s, p, SUBTRACT);
}
export function opSubpd(s: usize, p: usize): i32 {
  return packedDoubles(s, p, SUBTRACT);
}
export function opSubss(s: usize, p: usize): i32 {
  return scalarSingle(s, p, SUBTRACT);
}
export function opSubsd(s: usize, p: usize): i32 {
  return scalarDouble(s, p, SUBTRACT);
}
export function opMinps(s: usize, p: usize): i32 {
  return packedSingles(s, p, MINIMUM);
}
export function opMinpd(s: usize, p: usize): i32 {
  return packedDoubles(s, p, MINIMUM);
}
export function opMinss(s: usize, p: usize): i32 {
  return scalarSingle(s, p, MINIMUM);
}
export function opMinsd(s: usize, p: usize): i32 {
  return scalarDouble(s, p, MINIMUM);
}
export function opDivps(s: usize, p: usize): i32 {
  return packedSingles(s, p, DIVIDE);
}
export function opDivpd(s: usize, p: usize): i32 {
  return packedDoubles(s, p, DIVIDE);
}
export function opDivss(s: usize, p: usize): i32 {
  return scalarSingle(s, p, DIVIDE);
}
export function opDivsd(s: usize, p: usize): i32 {
  return scalarDouble(s, p, DIVIDE);
}
export function opMaxps(s: usize, p: usize): i32 {
  return packedSingles(s, p, MAXIMUM);
}
export function opMaxpd(s: usize, p: usize): i32 {
  return packedDoubles(s, p, MAXIMUM);
}
export function opMaxss(s: usize, p: usize): i32 {
  return scalarSingle(s, p, MAXIMUM);
}
export function opMaxsd(s: usize, p: usize): i32 {
  return scalarDouble(s, p, MAXIMUM);
}
export function opSqrtps(s: usize, p: usize): i32 {
  return packedSingles(s, p, ROOT);
}
export function opSqrtpd(s: usize, p: usize): i32 {
  return packedDoubles(s, p, ROOT);
}
export function opSqrtss(s: usize, p: usize): i32 {
  return scalarSingle(s, p, ROOT);
}
export function opSqrtsd(s: usize, p: usize): i32 {
  return scalarDouble(s, p, ROOT);
}

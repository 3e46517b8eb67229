/** Horizontal and alternating sums, dot products, approximations, MXCSR. */
import { readable, write } from '../memory';
import { FAULT, NEXT, effective, faultCode } from '../op';
import { MXCSR } from '../../src/state';
import { MXCSR_MASK } from '../x87/environment';
import { ADD, MULTIPLY, SUBTRACT, beginVector, endVector, lane32, lane64, stopped } from './lanes';
import { entered, first, immediate, put, source16, source4, target } from './operand';

/** Four binary32 lanes as a vector. */
function singles(a: u32, b: u32, c: u32, d: u32): v128 {
  let value = i32x4.splat(a);
  value = i32x4.replace_lane(value, 1, b);
  value = i32x4.replace_lane(value, 2, c);
  return i32x4.replace_lane(value, 3, d);
}

function doubles(a: u64, b: u64): v128 {
  return i64x2.replace_lane(i64x2.splat(a), 1, b);
}

/** Neighbours of both operands, added or subtracted. */
function horizontalSingles(s: usize, p: usize, operation: i32): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const a = target(p);
  beginVector(s);
  const value = singles(
    lane32(operation, load<u32>(a), load<u32>(a, 4)),
    lane32(operation, load<u32>(a, 8), load<u32>(a, 12)),
    lane32(operation, load<u32>(b), load<u32>(b, 4)),
    lane32(operation, load<u32>(b, 8), load<u32>(b, 12)),
  );
  return endVector(s) == NEXT ? put(p, value) : FAULT;
}

function horizontalDoubles(s: usize, p: usize, operation: i32): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const a = target(p);
  beginVector(s);
  const value = doubles(lane64(operation, load<u64>(a), load<u64>(a, 8)), lane64(operation, load<u64>(b), load<u64>(b, 8)));
  return endVector(s) == NEXT ? put(p, value) : FAULT;
}

export function opHaddps(s: usize, p: usize): i32 {
  return horizontalSingles(s, p, ADD);
}
export function opHsubps(s: usize, p: usize): i32 {
  return horizontalSingles(s, p, SUBTRACT);
}
export function opHaddpd(s: usize, p: usize): i32 {
  return horizontalDoubles(s, p, ADD);
}
export function opHsubpd(s: usize, p: usize): i32 {
  return horizontalDoubles(s, p, SUBTRACT);
}

export function opAddsubps(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const a = target(p);
  beginVector(s);
  const value = singles(
    lane32(SUBTRACT, load<u32>(a), load<u32>(b)),
    lane32(ADD, load<u32>(a, 4), load<u32>(b, 4)),
    lane32(SUBTRACT, load<u32>(a, 8), load<u32>(b, 8)),
    lane32(ADD, load<u32>(a, 12), load<u32>(b, 12)),
  );
  return endVector(s) == NEXT ? put(p, value) : FAULT;
}

export function opAddsubpd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const a = target(p);
  beginVector(s);
  const value = doubles(lane64(SUBTRACT, load<u64>(a), load<u64>(b)), lane64(ADD, load<u64>(a, 8), load<u64>(b, 8)));
  return endVector(s) == NEXT ? put(p, value) : FAULT;
}

/** Product of lane i, +0 where its bit of the immediate is clear. */
// @ts-ignore: decorator
@inline
function product32(n: u32, i: u32, a: usize, b: usize): u32 {
  return ((n >> (4 + i)) & 1) != 0 ? lane32(MULTIPLY, load<u32>(a + (i << 2)), load<u32>(b + (i << 2))) : 0;
}

export function opDpps(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const a = target(p);
  const n = immediate(p);
  beginVector(s);
  const p0 = product32(n, 0, a, b);
  const p1 = product32(n, 1, a, b);
  const p2 = product32(n, 2, a, b);
  const p3 = product32(n, 3, a, b);
  if (stopped()) return endVector(s);
  const low = lane32(ADD, p0, p1);
  const high = lane32(ADD, p2, p3);
  if (stopped()) return endVector(s);
  const sum = lane32(ADD, low, high);
  if (endVector(s) != NEXT) return FAULT;
  return put(p, singles((n & 1) != 0 ? sum : 0, (n & 2) != 0 ? sum : 0, (n & 4) != 0 ? sum : 0, (n & 8) != 0 ? sum : 0));
}

export function opDppd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const a = target(p);
  const n = immediate(p);
  beginVector(s);
  const low: u64 = (n & 16) != 0 ? lane64(MULTIPLY, load<u64>(a), load<u64>(b)) : 0;
  const high: u64 = (n & 32) != 0 ? lane64(MULTIPLY, load<u64>(a, 8), load<u64>(b, 8)) : 0;
  if (stopped()) return endVector(s);
  const sum = lane64(ADD, low, high);
  if (endVector(s) != NEXT) return FAULT;
  return put(p, doubles((n & 1) != 0 ? sum : 0, (n & 2) != 0 ? sum : 0));
}

/**
 * 1/x, or 1/√x, for RCP and RSQRT: to 24 bits where processors give 12, each its own. Denormals are zeros; no exceptions.
 */
function approximate(x: u32, root: bool): u32 {
  const s = x & 0x80000000;
  const magnitude = x & 0x7fffffff;
  if (magnitude > 0x7f800000) return x | 0x400000;
  if (magnitude < 0x00800000) return s | 0x7f800000;
  if (root && s != 0) return 0xffc00000;
  if (magnitude == 0x7f800000) return s;
  const value = <f64>reinterpret<f32>(x);
  const r = reinterpret<u32>(<f32>(1 / (root ? sqrt<f64>(value) : value)));
  // Tiny results are zeros.
  return (r & 0x7f800000) == 0 ? s : r;
}

function approximateAll(s: usize, p: usize, root: bool): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  return put(
    p,
    singles(
      approximate(load<u32>(b), root),
      approximate(load<u32>(b, 4), root),
      approximate(load<u32>(b, 8), root),
      approximate(load<u32>(b, 12), root),
    ),
  );
}

function approximateOne(s: usize, p: usize, root: bool): i32 {
  const b = source4(s, p);
  return b == 0 ? FAULT : put(p, i32x4.replace_lane(first(p), 0, approximate(load<u32>(b), root)));
}

export function opRcpps(s: usize, p: usize): i32 {
  return approximateAll(s, p, false);
}
export function opRsqrtps(s: usize, p: usize): i32 {
  return approximateAll(s, p, true);
}
export function opRcpss(s: usize, p: usize): i32 {
  return approximateOne(s, p, false);
}
export function opRsqrtss(s: usize, p: usize): i32 {
  return approximateOne(s, p, true);
}

export function opLdmxcsr(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const host = readable<u32>(s, effective(p));
  if (host == 0) return FAULT;
  const value = load<u32>(host);
  if ((value & ~MXCSR_MASK) != 0) return faultCode(s, 13, 0);
  store<u32>(s, value, MXCSR);
  return NEXT;
}

export function opStmxcsr(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  return write<u32>(s, effective(p), load<u32>(s, MXCSR)) ? NEXT : FAULT;
}

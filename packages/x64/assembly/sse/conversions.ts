/** Conversions between floats and integers, and between the two kinds of floats; ROUNDxx. */
import { OP_LOG, OP_SOURCE } from '../op';
import { MXCSR } from '../../src/state';
import { TRUNCATE, setRounding } from '../x87/rounding';
import {
  beginVector,
  chooseRounding,
  double,
  endVector,
  integer32,
  integer64,
  integral32,
  integral64,
  narrow,
  single,
  widen,
} from './lanes';
import {
  FAULT,
  NEXT,
  entered,
  enteredMmx,
  first,
  fromRegister,
  immediate,
  put,
  putMmxValue,
  source16,
  source4,
  source8,
  target,
  useMmx,
} from './operand';

/** MXCSR.PE and its mask: with both, inexact results change nothing. */
const PE_AND_MASK: u32 = 0x1020;
/** MXCSR.RC. */
const ROUNDING: u32 = 0x6000;

/** A rounded result changes no flag. */
// @ts-ignore: decorator
@inline
function inexactIsQuiet(s: usize): bool {
  return (load<u32>(s, MXCSR) & PE_AND_MASK) == PE_AND_MASK;
}

/** The rounding mode is to nearest. */
// @ts-ignore: decorator
@inline
function nearestMode(s: usize): bool {
  return (load<u32>(s, MXCSR) & ROUNDING) == 0;
}

// ---- integers to floats ----------------------------------------------------------------------------------------------

export function opCvtsi2ss(s: usize, p: usize): i32 {
  const wide = load<u8>(p, OP_LOG) == 3;
  const b = wide ? source8(s, p) : source4(s, p);
  if (b == 0) return FAULT;
  const whole = wide ? load<i64>(b) : <i64>load<i32>(b);
  if (inexactIsQuiet(s) && nearestMode(s)) {
    store<f32>(target(p), <f32>whole);
    return NEXT;
  }
  beginVector(s);
  const value = single(whole);
  return endVector(s) == NEXT ? put(p, i32x4.replace_lane(first(p), 0, value)) : FAULT;
}

export function opCvtsi2sd(s: usize, p: usize): i32 {
  const wide = load<u8>(p, OP_LOG) == 3;
  const b = wide ? source8(s, p) : source4(s, p);
  if (b == 0) return FAULT;
  if (!wide) {
    store<f64>(target(p), <f64>load<i32>(b));
    return NEXT;
  }
  if (inexactIsQuiet(s) && nearestMode(s)) {
    store<f64>(target(p), <f64>load<i64>(b));
    return NEXT;
  }
  beginVector(s);
  const value = double(load<i64>(b));
  return endVector(s) == NEXT ? put(p, i64x2.replace_lane(first(p), 0, value)) : FAULT;
}

export function opCvtdq2ps(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  if (inexactIsQuiet(s) && nearestMode(s)) return put(p, f32x4.convert_i32x4_s(v128.load(b)));
  beginVector(s);
  let value = i32x4.splat(single(<i64>load<i32>(b)));
  value = i32x4.replace_lane(value, 1, single(<i64>load<i32>(b, 4)));
  value = i32x4.replace_lane(value, 2, single(<i64>load<i32>(b, 8)));
  value = i32x4.replace_lane(value, 3, single(<i64>load<i32>(b, 12)));
  return endVector(s) == NEXT ? put(p, value) : FAULT;
}

export function opCvtdq2pd(s: usize, p: usize): i32 {
  const b = source8(s, p);
  return b == 0 ? FAULT : put(p, f64x2.convert_low_i32x4_s(v128.load64_zero(b)));
}

/** The source of CVTPI2PS and CVTPI2PD: from memory it leaves the x87 alone, as AMD's processors do. 0 on a fault. */
function twoDwords(s: usize, p: usize): usize {
  if (!fromRegister(p)) return source8(s, p);
  if (!entered(s) || !enteredMmx(s)) return 0;
  useMmx(s);
  return load<u32>(p, OP_SOURCE);
}

export function opCvtpi2psMmx(s: usize, p: usize): i32 {
  const b = twoDwords(s, p);
  if (b == 0) return FAULT;
  beginVector(s);
  const low = single(<i64>load<i32>(b));
  const high = single(<i64>load<i32>(b, 4));
  if (endVector(s) != NEXT) return FAULT;
  return put(p, i32x4.replace_lane(i32x4.replace_lane(first(p), 0, low), 1, high));
}

export function opCvtpi2pdMmx(s: usize, p: usize): i32 {
  const b = twoDwords(s, p);
  if (b == 0) return FAULT;
  return put(p, f64x2.convert_low_i32x4_s(v128.load64_zero(b)));
}

// ---- floats to integers ----------------------------------------------------------------------------------------------

function toGeneral(s: usize, p: usize, fromDouble: bool, truncates: bool): i32 {
  const b = fromDouble ? source8(s, p) : source4(s, p);
  if (b == 0) return FAULT;
  const bits = load<u8>(p, OP_LOG) == 3 ? 64 : 32;
  if (inexactIsQuiet(s) && (truncates || nearestMode(s))) {
    const x = fromDouble ? load<f64>(b) : <f64>load<f32>(b);
    const r = truncates ? trunc<f64>(x) : nearest<f64>(x);
    // Comparisons with NaN are false.
    if (bits == 64 ? r >= -9223372036854775808.0 && r < 9223372036854775808.0 : r >= -2147483648.0 && r <= 2147483647.0) {
      store<u64>(target(p), bits == 64 ? <u64>(<i64>r) : <u64>(<u32>(<i32>r)));
      return NEXT;
    }
  }
  beginVector(s);
  if (truncates) setRounding(TRUNCATE);
  const value = fromDouble ? integer64(load<u64>(b), bits) : integer32(load<u32>(b), bits);
  if (endVector(s) != NEXT) return FAULT;
  store<u64>(target(p), bits == 64 ? value : value & 0xffffffff);
  return NEXT;
}

export function opCvtss2si(s: usize, p: usize): i32 {
  return toGeneral(s, p, false, false);
}
export function opCvtsd2si(s: usize, p: usize): i32 {
  return toGeneral(s, p, true, false);
}
export function opCvttss2si(s: usize, p: usize): i32 {
  return toGeneral(s, p, false, true);
}
export function opCvttsd2si(s: usize, p: usize): i32 {
  return toGeneral(s, p, true, true);
}

function singlesToDwords(s: usize, p: usize, truncates: bool): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  if (inexactIsQuiet(s) && (truncates || nearestMode(s))) {
    const x = v128.load(b);
    if (i32x4.all_true(f32x4.lt(f32x4.abs(x), f32x4.splat(2147483648.0)))) {
      return put(p, i32x4.trunc_sat_f32x4_s(truncates ? x : f32x4.nearest(x)));
    }
  }
  beginVector(s);
  if (truncates) setRounding(TRUNCATE);
  let value = i32x4.splat(<u32>integer32(load<u32>(b), 32));
  value = i32x4.replace_lane(value, 1, <u32>integer32(load<u32>(b, 4), 32));
  value = i32x4.replace_lane(value, 2, <u32>integer32(load<u32>(b, 8), 32));
  value = i32x4.replace_lane(value, 3, <u32>integer32(load<u32>(b, 12), 32));
  return endVector(s) == NEXT ? put(p, value) : FAULT;
}

export function opCvtps2dq(s: usize, p: usize): i32 {
  return singlesToDwords(s, p, false);
}
export function opCvttps2dq(s: usize, p: usize): i32 {
  return singlesToDwords(s, p, true);
}

/** Two integers of 32 bits side by side. */
// @ts-ignore: decorator
@inline
function pair(low: u64, high: u64): u64 {
  return (low & 0xffffffff) | (high << 32);
}

function doublesToDwords(s: usize, p: usize, truncates: bool): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  beginVector(s);
  if (truncates) setRounding(TRUNCATE);
  const value = pair(integer64(load<u64>(b), 32), integer64(load<u64>(b, 8), 32));
  return endVector(s) == NEXT ? put(p, i64x2.replace_lane(i64x2.splat(0), 0, value)) : FAULT;
}

export function opCvtpd2dq(s: usize, p: usize): i32 {
  return doublesToDwords(s, p, false);
}
export function opCvttpd2dq(s: usize, p: usize): i32 {
  return doublesToDwords(s, p, true);
}

function toMmx(s: usize, p: usize, fromDoubles: bool, truncates: bool): i32 {
  if (!enteredMmx(s)) return FAULT;
  const b = fromDoubles ? source16(s, p) : source8(s, p);
  if (b == 0) return FAULT;
  beginVector(s);
  if (truncates) setRounding(TRUNCATE);
  const value = fromDoubles
    ? pair(integer64(load<u64>(b), 32), integer64(load<u64>(b, 8), 32))
    : pair(integer32(load<u32>(b), 32), integer32(load<u32>(b, 4), 32));
  // The x87 is in use for MMX even when #XM keeps the result from being written.
  useMmx(s);
  return endVector(s) == NEXT ? putMmxValue(s, target(p), value) : FAULT;
}

export function opCvtps2piMmx(s: usize, p: usize): i32 {
  return toMmx(s, p, false, false);
}
export function opCvttps2piMmx(s: usize, p: usize): i32 {
  return toMmx(s, p, false, true);
}
export function opCvtpd2piMmx(s: usize, p: usize): i32 {
  return toMmx(s, p, true, false);
}
export function opCvttpd2piMmx(s: usize, p: usize): i32 {
  return toMmx(s, p, true, true);
}

// ---- floats to floats ------------------------------------------------------------------------------------------------

/** Zero, or normal. */
// @ts-ignore: decorator
@inline
function usual32(x: u32): bool {
  const magnitude = x & 0x7fffffff;
  return magnitude == 0 || magnitude - 0x00800000 < 0x7f000000;
}

/** Zero, or so far within the normal range of binary32 that rounding does not leave it. */
// @ts-ignore: decorator
@inline
function fits32(x: u64): bool {
  const magnitude = x & 0x7fffffffffffffff;
  return magnitude == 0 || magnitude - 0x3820000000000000 < 0x47e0000000000000 - 0x3820000000000000;
}

export function opCvtss2sd(s: usize, p: usize): i32 {
  const b = source4(s, p);
  if (b == 0) return FAULT;
  if (usual32(load<u32>(b))) {
    store<f64>(target(p), <f64>load<f32>(b));
    return NEXT;
  }
  beginVector(s);
  const value = widen(load<u32>(b));
  return endVector(s) == NEXT ? put(p, i64x2.replace_lane(first(p), 0, value)) : FAULT;
}

export function opCvtsd2ss(s: usize, p: usize): i32 {
  const b = source8(s, p);
  if (b == 0) return FAULT;
  if (inexactIsQuiet(s) && nearestMode(s) && fits32(load<u64>(b))) {
    store<f32>(target(p), <f32>load<f64>(b));
    return NEXT;
  }
  beginVector(s);
  const value = narrow(load<u64>(b));
  return endVector(s) == NEXT ? put(p, i32x4.replace_lane(first(p), 0, value)) : FAULT;
}

export function opCvtps2pd(s: usize, p: usize): i32 {
  const b = source8(s, p);
  if (b == 0) return FAULT;
  if (usual32(load<u32>(b)) && usual32(load<u32>(b, 4))) return put(p, f64x2.promote_low_f32x4(v128.load64_zero(b)));
  beginVector(s);
  const value = i64x2.replace_lane(i64x2.splat(widen(load<u32>(b))), 1, widen(load<u32>(b, 4)));
  return endVector(s) == NEXT ? put(p, value) : FAULT;
}

export function opCvtpd2ps(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  if (inexactIsQuiet(s) && nearestMode(s) && fits32(load<u64>(b)) && fits32(load<u64>(b, 8))) {
    return put(p, f32x4.demote_f64x2_zero(v128.load(b)));
  }
  beginVector(s);
  const value = pair(<u64>narrow(load<u64>(b)), <u64>narrow(load<u64>(b, 8)));
  return endVector(s) == NEXT ? put(p, i64x2.replace_lane(i64x2.splat(0), 0, value)) : FAULT;
}

// ---- rounding to integral values -------------------------------------------------------------------------------------

/** x rounded to an integral value by a mode of the rounding control. */
function integralOf(x: f64, mode: u32): f64 {
  if (mode == 0) return nearest<f64>(x);
  return mode == 1 ? floor<f64>(x) : mode == 2 ? ceil<f64>(x) : trunc<f64>(x);
}

/** Lane n of the source, rounded. */
// @ts-ignore: decorator
@inline
function roundLane(b: usize, exact: bool): u32 {
  return integral32(load<u32>(b), exact);
}

export function opRoundps(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const n = immediate(p);
  const exact = (n & 8) != 0;
  beginVector(s);
  chooseRounding(n);
  let value = i32x4.splat(roundLane(b, exact));
  value = i32x4.replace_lane(value, 1, roundLane(b + 4, exact));
  value = i32x4.replace_lane(value, 2, roundLane(b + 8, exact));
  value = i32x4.replace_lane(value, 3, roundLane(b + 12, exact));
  return endVector(s) == NEXT ? put(p, value) : FAULT;
}

export function opRoundpd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const n = immediate(p);
  const exact = (n & 8) != 0;
  beginVector(s);
  chooseRounding(n);
  const value = i64x2.replace_lane(i64x2.splat(integral64(load<u64>(b), exact)), 1, integral64(load<u64>(b, 8), exact));
  return endVector(s) == NEXT ? put(p, value) : FAULT;
}

export function opRoundss(s: usize, p: usize): i32 {
  const b = source4(s, p);
  if (b == 0) return FAULT;
  const n = immediate(p);
  const x = load<u32>(b);
  if (((n & 8) != 0 || inexactIsQuiet(s)) && (x & 0x7fffffff) - 0x00800000 < 0x7f000000) {
    const mode = (n & 4) != 0 ? (load<u32>(s, MXCSR) >> 13) & 3 : n & 3;
    store<f32>(target(p), <f32>integralOf(<f64>reinterpret<f32>(x), mode));
    return NEXT;
  }
  beginVector(s);
  chooseRounding(n);
  const value = roundLane(b, (n & 8) != 0);
  return endVector(s) == NEXT ? put(p, i32x4.replace_lane(first(p), 0, value)) : FAULT;
}

export function opRoundsd(s: usize, p: usize): i32 {
  const b = source8(s, p);
  if (b == 0) return FAULT;
  const n = immediate(p);
  const x = load<u64>(b);
  if (((n & 8) != 0 || inexactIsQuiet(s)) && (x & 0x7fffffffffffffff) - 0x0010000000000000 < 0x7fe0000000000000) {
    const mode = (n & 4) != 0 ? (load<u32>(s, MXCSR) >> 13) & 3 : n & 3;
    store<f64>(target(p), integralOf(reinterpret<f64>(x), mode));
    return NEXT;
  }
  beginVector(s);
  chooseRounding(n);
  const value = integral64(load<u64>(b), (n & 8) != 0);
  return endVector(s) == NEXT ? put(p, i64x2.replace_lane(first(p), 0, value)) : FAULT;
}

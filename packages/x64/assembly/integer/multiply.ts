/** Multiplication and division (SDM volume 2, MUL, IMUL, DIV, IDIV); #DE. Division leaves the flags as they are. */
import { multiplyHigh, multiplyHighSigned } from '../arithmetic';
import { FAULT, fault, NEXT, OP_IMMEDIATE, OP_TARGET } from '../op';
import { extendSized, firstHost, loadSized, logOf, putSized, sourceHost } from '../operand';
import { FLAG_AUX, FLAG_RESULT, RAX, RDX } from '../../src/state';

const DIVIDE_ERROR = 0;

export function opMul(s: usize, p: usize): i32 {
  const host = firstHost(s, p);
  if (host == 0) return FAULT;
  const log = logOf(p);
  const b = loadSized(host, log);
  const a = loadSized(s + RAX, log);
  if (log == 3) {
    const low = a * b;
    const high = multiplyHigh(a, b);
    store<u64>(s, low, RAX);
    store<u64>(s, high, RDX);
    productFlags(s, <i64>low, high != 0);
    return NEXT;
  }
  const r = a * b;
  putProduct(s, log, r);
  productFlags(s, extendSized(r, log), r >> (8 << (<u64>log)) != 0);
  return NEXT;
}

export function opImul(s: usize, p: usize): i32 {
  const host = firstHost(s, p);
  if (host == 0) return FAULT;
  const log = logOf(p);
  const b = extendSized(loadSized(host, log), log);
  const a = extendSized(loadSized(s + RAX, log), log);
  const r = a * b;
  if (log == 3) {
    const high = multiplyHighSigned(a, b);
    store<i64>(s, r, RAX);
    store<i64>(s, high, RDX);
    productFlags(s, r, high != r >> 63);
    return NEXT;
  }
  putProduct(s, log, <u64>r);
  const narrow = extendSized(<u64>r, log);
  productFlags(s, narrow, narrow != r);
  return NEXT;
}

/** IMUL r, r/m */
export function opImulTwo(s: usize, p: usize): i32 {
  const host = sourceHost(s, p);
  if (host == 0) return FAULT;
  const log = logOf(p);
  multiplyInto(s, p, extendSized(loadSized(load<u32>(p, OP_TARGET), log), log), extendSized(loadSized(host, log), log));
  return NEXT;
}

/** IMUL r, r/m, imm */
export function opImulThree(s: usize, p: usize): i32 {
  const host = sourceHost(s, p);
  if (host == 0) return FAULT;
  const log = logOf(p);
  multiplyInto(s, p, load<i64>(p, OP_IMMEDIATE), extendSized(loadSized(host, log), log));
  return NEXT;
}

function multiplyInto(s: usize, p: usize, a: i64, b: i64): void {
  const log = logOf(p);
  const r = a * b;
  const narrow = extendSized(<u64>r, log);
  putSized(load<u32>(p, OP_TARGET), log, <u64>r);
  productFlags(s, narrow, log == 3 ? multiplyHighSigned(a, b) != r >> 63 : narrow != r);
}

function putProduct(s: usize, log: u32, r: u64): void {
  if (log == 0) {
    store<u16>(s, <u16>r, RAX);
    return;
  }
  putSized(s + RAX, log, r);
  putSized(s + RDX, log, r >> (8 << (<u64>log)));
}

function productFlags(s: usize, result: i64, over: bool): void {
  store<i64>(s, result, FLAG_RESULT);
  store<u32>(s, over ? 0x801 : 0, FLAG_AUX);
}

export function opDiv(s: usize, p: usize): i32 {
  const host = firstHost(s, p);
  if (host == 0) return FAULT;
  const log = logOf(p);
  const b = loadSized(host, log);
  if (b == 0) return fault(s, DIVIDE_ERROR);
  if (log == 3) return divide128(s, b);
  const bits: u64 = 8 << (<u64>log);
  const a = log == 0 ? <u64>load<u16>(s, RAX) : (loadSized(s + RDX, log) << bits) | loadSized(s + RAX, log);
  const q = a / b;
  if (q >> bits != 0) return fault(s, DIVIDE_ERROR);
  putQuotient(s, log, q, a % b);
  return NEXT;
}

export function opIdiv(s: usize, p: usize): i32 {
  const host = firstHost(s, p);
  if (host == 0) return FAULT;
  const log = logOf(p);
  const b = extendSized(loadSized(host, log), log);
  if (b == 0) return fault(s, DIVIDE_ERROR);
  if (log == 3) return divide128Signed(s, b);
  const bits: u64 = 8 << (<u64>log);
  let a: i64;
  if (log == 0) a = <i64>load<i16>(s, RAX);
  else a = extendSized((loadSized(s + RDX, log) << bits) | loadSized(s + RAX, log), log + 1);
  // The one quotient that 64 bits cannot hold.
  if (b == -1 && a == i64.MIN_VALUE) return fault(s, DIVIDE_ERROR);
  const q = a / b;
  if (extendSized(<u64>q, log) != q) return fault(s, DIVIDE_ERROR);
  putQuotient(s, log, <u64>q, <u64>(a % b));
  return NEXT;
}

function putQuotient(s: usize, log: u32, q: u64, r: u64): void {
  if (log == 0) {
    store<u16>(s, <u16>((q & 0xff) | (r << 8)), RAX);
    return;
  }
  putSized(s + RAX, log, q);
  putSized(s + RDX, log, r);
}

let quotient: u64 = 0;
let remainder: u64 = 0;

/** high:low / b, where high < b. */
function longDivide(high: u64, low: u64, b: u64): void {
  if (high == 0) {
    quotient = low / b;
    remainder = low % b;
    return;
  }
  let r = high;
  let q = low;
  for (let i = 0; i < 64; i++) {
    const over = r >> 63;
    r = (r << 1) | (q >> 63);
    q <<= 1;
    if (over != 0 || r >= b) {
      r -= b;
      q |= 1;
    }
  }
  quotient = q;
  remainder = r;
}

function divide128(s: usize, b: u64): i32 {
  const high = load<u64>(s, RDX);
  if (high >= b) return fault(s, DIVIDE_ERROR);
  longDivide(high, load<u64>(s, RAX), b);
  store<u64>(s, quotient, RAX);
  store<u64>(s, remainder, RDX);
  return NEXT;
}

function divide128Signed(s: usize, b: i64): i32 {
  let high = load<u64>(s, RDX);
  let low = load<u64>(s, RAX);
  const negative = <i64>high < 0;
  if (negative) {
    low = 0 - low;
    high = ~high + <u64>(low == 0);
  }
  const divisor = <u64>(b < 0 ? -b : b);
  if (high >= divisor) return fault(s, DIVIDE_ERROR);
  longDivide(high, low, divisor);
  const down = negative != b < 0;
  if (quotient > (down ? <u64>i64.MIN_VALUE : <u64>i64.MAX_VALUE)) return fault(s, DIVIDE_ERROR);
  store<u64>(s, down ? 0 - quotient : quotient, RAX);
  store<u64>(s, negative ? 0 - remainder : remainder, RDX);
  return NEXT;
}

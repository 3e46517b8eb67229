/**
 * The four operations and the square root on normalised magnitudes, without rounding: exact or sticky 128-bit results
 * as `rounding.ts` takes them. Exponents have the bias of the 80-bit format.
 */
import { BIAS, DOWN, INTEGER_BIT, rounding } from './rounding';
import { divide, high, low, multiply, setWide, shiftLeft, shiftRightSticky } from './wide';

/** Sign (0 or 8000h) of the last result. */
export let sign: u32 = 0;
/** Exponent of the last result; high and low hold its mantissa. */
export let power: i32 = 0;

const SIGN: u32 = 0x8000;

/** Sign of an exact zero that is the sum of operands of different signs. */
// @ts-ignore: decorator
@inline
export function zeroSign(): u32 {
  return rounding == DOWN ? SIGN : 0;
}

/** a + b. @returns false when the sum is exactly zero (sign is set) */
export function add(as: u32, ae: i32, am: u64, bs: u32, be: i32, bm: u64): bool {
  if (ae < be || (ae == be && am < bm)) {
    const s = as;
    as = bs;
    bs = s;
    const e = ae;
    ae = be;
    be = e;
    const m = am;
    am = bm;
    bm = m;
  }
  shiftRightSticky(bm, 0, ae - be);
  let l = low;
  let h: u64;
  if (as == bs) {
    h = am + high;
    if (h < am) {
      l = (l >> 1) | (l & 1) | (h << 63);
      h = (h >> 1) | INTEGER_BIT;
      ae++;
    }
  } else {
    h = am - high - (l != 0 ? 1 : 0);
    l = 0 - l;
    if ((h | l) == 0) {
      sign = zeroSign();
      return false;
    }
    const n = h != 0 ? <i32>clz<u64>(h) : 64 + <i32>clz<u64>(l);
    shiftLeft(h, l, n);
    h = high;
    l = low;
    ae -= n;
  }
  sign = as;
  power = ae;
  setWide(h, l);
  return true;
}

/** a × b. */
export function times(as: u32, ae: i32, am: u64, bs: u32, be: i32, bm: u64): void {
  multiply(am, bm);
  let e = ae + be - BIAS + 1;
  if (high >> 63 == 0) {
    setWide((high << 1) | (low >> 63), low << 1);
    e--;
  }
  sign = as ^ bs;
  power = e;
}

/** a ÷ b. */
export function quotient(as: u32, ae: i32, am: u64, bs: u32, be: i32, bm: u64): void {
  let e = ae - be + BIAS;
  let nh = am;
  let nl: u64 = 0;
  if (am >= bm) {
    nl = nh << 63;
    nh >>= 1;
  } else e--;
  divide(nh, nl, bm);
  const q = low;
  const rest = high;
  divide(rest, 0, bm);
  setWide(q, low | (high != 0 ? 1 : 0));
  sign = as ^ bs;
  power = e;
}

/** Square root of a positive magnitude: 64 bits, one by one, and what is left as sticky. */
export function root(e: i32, m: u64): void {
  const k = e - BIAS;
  // The radicand is the mantissa, twice it for an odd exponent, in units of 2⁻¹²⁶.
  const odd = (k & 1) != 0;
  let rh = odd ? m : m >> 1;
  let rl = odd ? 0 : m << 63;
  let q: u64 = 0;
  let remh: u64 = 0;
  let reml: u64 = 0;
  for (let i = 0; i < 64; i++) {
    // Two more bits of the radicand; try 4q + 1.
    remh = (remh << 2) | (reml >> 62);
    reml = (reml << 2) | (rh >> 62);
    rh = (rh << 2) | (rl >> 62);
    rl <<= 2;
    const th = q >> 62;
    const tl = (q << 2) | 1;
    q <<= 1;
    if (remh > th || (remh == th && reml >= tl)) {
      remh -= th + (reml < tl ? 1 : 0);
      reml -= tl;
      q |= 1;
    }
  }
  // Whether the remainder exceeds q decides the next bit of the root; a root is never a tie.
  const above = remh != 0 || reml > q;
  setWide(q, above ? INTEGER_BIT | 1 : (remh | reml) != 0 ? 1 : 0);
  sign = 0;
  power = (k >> 1) + BIAS;
}

/**
 * Unsigned 128-bit arithmetic for the software floating point. A value is a pair (high, low); a function that makes one
 * leaves it in the globals {@link high} and {@link low}. Globals belong to the instance, thus to one thread.
 */

/** Upper half of the last result. */
export let high: u64 = 0;
/** Lower half of the last result. */
export let low: u64 = 0;

/** The result becomes (h, l). */
// @ts-ignore: decorator
@inline
export function setWide(h: u64, l: u64): void {
  high = h;
  low = l;
}

/** a × b. */
export function multiply(a: u64, b: u64): void {
  const al = a & 0xffffffff;
  const ah = a >> 32;
  const bl = b & 0xffffffff;
  const bh = b >> 32;
  const ll = al * bl;
  const m1 = ah * bl + (ll >> 32);
  const m2 = al * bh + (m1 & 0xffffffff);
  high = ah * bh + (m1 >> 32) + (m2 >> 32);
  low = (m2 << 32) | (ll & 0xffffffff);
}

/** Upper 128 bits of (ah, al) × (bh, bl), at most two units too small. */
export function multiplyHigh(ah: u64, al: u64, bh: u64, bl: u64): void {
  multiply(ah, bl);
  const h1 = high;
  const l1 = low;
  multiply(al, bh);
  const h2 = high;
  const middle = l1 + low;
  const carry: u64 = middle < l1 ? 1 : 0;
  multiply(ah, bh);
  let l = low;
  let h = high;
  l += h1;
  if (l < h1) h++;
  l += h2;
  if (l < h2) h++;
  l += carry;
  if (l < carry) h++;
  high = h;
  low = l;
}

/** (h, l) >> n; bits shifted out make bit 0 stick. n ≥ 0. */
export function shiftRightSticky(h: u64, l: u64, n: i32): void {
  if (n == 0) {
    high = h;
    low = l;
  } else if (n < 64) {
    const out = l << (64 - n);
    low = (l >> n) | (h << (64 - n)) | (out != 0 ? 1 : 0);
    high = h >> n;
  } else if (n < 128) {
    const rest = n - 64;
    const out = (rest == 0 ? 0 : h << (64 - rest)) | l;
    low = (h >> rest) | (out != 0 ? 1 : 0);
    high = 0;
  } else {
    low = (h | l) != 0 ? 1 : 0;
    high = 0;
  }
}

/** (h, l) << n, 0 ≤ n < 128. */
export function shiftLeft(h: u64, l: u64, n: i32): void {
  if (n == 0) {
    high = h;
    low = l;
  } else if (n < 64) {
    high = (h << n) | (l >> (64 - n));
    low = l << n;
  } else {
    high = l << (n - 64);
    low = 0;
  }
}

/** Leading zero bits of (h, l); 128 for zero. */
export function leadingZeros(h: u64, l: u64): i32 {
  return h != 0 ? <i32>clz<u64>(h) : 64 + <i32>clz<u64>(l);
}

/**
 * Divides (nh, nl) by d, whose bit 63 is set; nh < d. Low becomes the quotient, high the remainder.
 *
 * Two steps of schoolbook division in base 2³²: each estimate is at most two too large.
 */
export function divide(nh: u64, nl: u64, d: u64): void {
  const dh = d >> 32;
  const dl = d & 0xffffffff;
  let q1 = nh / dh;
  let r = nh - q1 * dh;
  while (q1 >> 32 != 0 || q1 * dl > ((r << 32) | (nl >> 32))) {
    q1--;
    r += dh;
    if (r >> 32 != 0) break;
  }
  const middle = ((nh << 32) | (nl >> 32)) - q1 * d;
  let q0 = middle / dh;
  r = middle - q0 * dh;
  while (q0 >> 32 != 0 || q0 * dl > ((r << 32) | (nl & 0xffffffff))) {
    q0--;
    r += dh;
    if (r >> 32 != 0) break;
  }
  high = ((middle << 32) | (nl & 0xffffffff)) - q0 * d;
  low = (q1 << 32) + q0;
}

/** SSE4: string comparisons, CRC-32C, and the integer searches PHMINPOSUW and MPSADBW. SDM volume 2, chapter 4.1. */
import { setStatusFlags } from '../flags';
import { OP_LOG, OP_REX_W, OP_FLAGS, OP_SOURCE, OP_TARGET, effective } from '../op';
import { readableBytes } from '../memory';
import { RAX, RCX, RDX, XMM } from '../../src/state';
import { FAULT, NEXT, immediate, put, source16Anywhere, source16, target } from './operand';

/** Element i at a: bytes or words (n bit 0), unsigned or signed (bit 1). */
function element(a: usize, i: u32, n: u32): i32 {
  switch (n & 3) {
    case 0:
      return <i32>load<u8>(a + i);
    case 1:
      return <i32>load<u16>(a + (i << 1));
    case 2:
      return <i32>load<i8>(a + i);
    default:
      return <i32>load<i16>(a + (i << 1));
  }
}

/** Elements before the first zero. */
function implicitLength(a: usize, n: u32): u32 {
  const count: u32 = (n & 1) != 0 ? 8 : 16;
  let length: u32 = 0;
  while (length < count && element(a, length, n) != 0) length++;
  return length;
}

/** |value| of RAX or RDX, at most the number of elements. */
function explicitLength(value: i64, n: u32): u32 {
  const count: i64 = (n & 1) != 0 ? 8 : 16;
  if (value < 0) value = -value;
  return value < 0 || value > count ? <u32>count : <u32>value;
}

/** The first intermediate result: one bit for each element of b. */
function aggregate(a: usize, la: u32, b: usize, lb: u32, n: u32): u32 {
  const count: u32 = (n & 1) != 0 ? 8 : 16;
  let result: u32 = 0;
  for (let j: u32 = 0; j < count; j++) {
    let bit = false;
    switch ((n >> 2) & 3) {
      case 0: // equal any
        if (j < lb) {
          const x = element(b, j, n);
          for (let i: u32 = 0; i < la; i++) bit = bit || element(a, i, n) == x;
        }
        break;
      case 1: // ranges
        if (j < lb) {
          const x = element(b, j, n);
          for (let i: u32 = 0; i + 1 < la; i += 2) bit = bit || (x >= element(a, i, n) && x <= element(a, i + 1, n));
        }
        break;
      case 2: // equal each
        bit = j < la && j < lb ? element(a, j, n) == element(b, j, n) : j >= la && j >= lb;
        break;
      default: // equal ordered: beyond the end of a everything matches, beyond the end of b nothing does
        bit = true;
        for (let i: u32 = 0; i < la && j + i < count; i++) {
          if (j + i >= lb || element(a, i, n) != element(b, j + i, n)) bit = false;
        }
        break;
    }
    if (bit) result |= 1 << j;
  }
  return result;
}

function compareStrings(s: usize, p: usize, explicit: bool, index: bool): i32 {
  const b = source16Anywhere(s, p);
  if (b == 0) return FAULT;
  const a = target(p);
  const n = immediate(p);
  const count: u32 = (n & 1) != 0 ? 8 : 16;
  const whole: u32 = (1 << count) - 1;
  let la: u32;
  let lb: u32;
  if (explicit) {
    const wide = (load<u8>(p, OP_FLAGS) & OP_REX_W) != 0;
    la = explicitLength(wide ? load<i64>(s, RAX) : <i64>load<i32>(s, RAX), n);
    lb = explicitLength(wide ? load<i64>(s, RDX) : <i64>load<i32>(s, RDX), n);
  } else {
    la = implicitLength(a, n);
    lb = implicitLength(b, n);
  }
  let result = aggregate(a, la, b, lb, n);
  const polarity = (n >> 4) & 3;
  if (polarity == 1) result ^= whole;
  else if (polarity == 3) result ^= (1 << lb) - 1;
  setStatusFlags(
    s,
    (result != 0 ? 1 : 0) | (lb < count ? 0x40 : 0) | (la < count ? 0x80 : 0) | ((result & 1) != 0 ? 0x800 : 0),
  );
  if (index) {
    store<u64>(s, result == 0 ? count : (n & 0x40) != 0 ? 31 - clz<u32>(result) : ctz<u32>(result), RCX);
    return NEXT;
  }
  let value = i64x2.splat(0);
  if ((n & 0x40) == 0) value = i32x4.replace_lane(value, 0, result);
  else if (count == 8) {
    const bits = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
    value = i16x8.eq(v128.and(i16x8.splat(<i16>result), bits), bits);
  } else {
    const bits = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
    const spread = i8x16.shuffle(i16x8.splat(<i16>result), value, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    value = i8x16.eq(v128.and(spread, bits), bits);
  }
  v128.store(s, value, XMM);
  return NEXT;
}

export function opPcmpestrm(s: usize, p: usize): i32 {
  return compareStrings(s, p, true, false);
}
export function opPcmpestri(s: usize, p: usize): i32 {
  return compareStrings(s, p, true, true);
}
export function opPcmpistrm(s: usize, p: usize): i32 {
  return compareStrings(s, p, false, false);
}
export function opPcmpistri(s: usize, p: usize): i32 {
  return compareStrings(s, p, false, true);
}

/** CRC-32C, bits reflected: `bytes` more bytes of `value`. */
function crc(sum: u32, value: u64, bytes: u32): u32 {
  for (let i: u32 = 0; i < bytes; i++) {
    sum ^= (<u32>(value >> ((<u64>i) << 3))) & 0xff;
    for (let bit = 0; bit < 8; bit++) sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0x82f63b78 : 0);
  }
  return sum;
}

function crc32(s: usize, p: usize, log: u32): i32 {
  const slot: usize = load<u32>(p, OP_SOURCE);
  const b = slot != 0 ? slot : readableBytes(s, effective(p), 1 << log);
  if (b == 0) return FAULT;
  const value =
    log == 3 ? load<u64>(b) : log == 2 ? <u64>load<u32>(b) : log == 1 ? <u64>load<u16>(b) : <u64>load<u8>(b);
  const register: usize = load<u32>(p, OP_TARGET);
  store<u64>(register, <u64>crc(load<u32>(register), value, 1 << log));
  return NEXT;
}

export function opCrc32Byte(s: usize, p: usize): i32 {
  return crc32(s, p, 0);
}
export function opCrc32(s: usize, p: usize): i32 {
  return crc32(s, p, load<u8>(p, OP_LOG));
}

export function opPhminposuw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  let least: u32 = 0xffffffff;
  let place: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) {
    const word = <u32>load<u16>(b + (i << 1));
    if (word < least) {
      least = word;
      place = i;
    }
  }
  return put(p, i32x4.replace_lane(i64x2.splat(0), 0, least | (place << 16)));
}

export function opMpsadbw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const n = immediate(p);
  const x = target(p) + (n & 4);
  const y = b + ((n & 3) << 2);
  let low: u64 = 0;
  let high: u64 = 0;
  for (let i: u32 = 0; i < 8; i++) {
    let sum: u64 = 0;
    for (let k: u32 = 0; k < 4; k++) {
      const difference = <i32>load<u8>(x + i + k) - <i32>load<u8>(y + k);
      sum += <u64>(difference < 0 ? -difference : difference);
    }
    const shift: u64 = (i & 3) << 4;
    if (i < 4) low |= sum << shift;
    else high |= sum << shift;
  }
  return put(p, i64x2.replace_lane(i64x2.splat(low), 1, high));
}

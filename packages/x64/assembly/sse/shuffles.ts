/** Shuffles, blends, insertions and extractions by an immediate; widening moves. */
import { readableBytes, write } from '../memory';
import { OP_LOG, OP_SOURCE, effective } from '../op';
import { XMM } from '../../src/state';
import {
  FAULT,
  NEXT,
  entered,
  enteredMmx,
  first,
  immediate,
  put,
  putMmxValue,
  source16,
  source2,
  source4,
  source8,
  sourceMmx,
  target,
  useMmx,
} from './operand';

/** Elements of 4 bytes at a, a, b, b by the four fields of n. */
function dwords(a: usize, b: usize, n: u32): v128 {
  let value = v128.load32_splat(a + ((n & 3) << 2));
  value = v128.load_lane<u32>(a + (((n >> 2) & 3) << 2), value, 1);
  value = v128.load_lane<u32>(b + (((n >> 4) & 3) << 2), value, 2);
  return v128.load_lane<u32>(b + (((n >> 6) & 3) << 2), value, 3);
}

/** Four words at a by the fields of n. */
function words(a: usize, n: u32): u64 {
  return (
    <u64>load<u16>(a + ((n & 3) << 1)) |
    (<u64>load<u16>(a + (((n >> 2) & 3) << 1)) << 16) |
    (<u64>load<u16>(a + (((n >> 4) & 3) << 1)) << 32) |
    (<u64>load<u16>(a + (((n >> 6) & 3) << 1)) << 48)
  );
}

export function opPshufd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, dwords(b, b, immediate(p)));
}
export function opShufps(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, dwords(target(p), b, immediate(p)));
}
export function opShufpd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const n = immediate(p);
  const low = load<u64>(target(p) + ((n & 1) << 3));
  const high = load<u64>(b + ((n & 2) << 2));
  return put(p, i64x2.replace_lane(i64x2.splat(low), 1, high));
}
export function opPshuflw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const low = words(b, immediate(p));
  return put(p, i64x2.replace_lane(v128.load(b), 0, low));
}
export function opPshufhw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const high = words(b + 8, immediate(p));
  return put(p, i64x2.replace_lane(v128.load(b), 1, high));
}
export function opPshufwMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmxValue(s, target(p), words(b, immediate(p)));
}

/** 64 bits at byte n of (l, h), zeros beyond. */
function bytesAt(l: u64, h: u64, n: u32): u64 {
  const bits = <u64>(n & 7) << 3;
  if (n >= 16) return 0;
  if (n >= 8) return h >> bits;
  return bits == 0 ? l : (l >> bits) | (h << (64 - bits));
}

export function opPalignr(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const n = immediate(p);
  const a = target(p);
  const l0 = load<u64>(b);
  const l1 = load<u64>(b, 8);
  const h0 = load<u64>(a);
  const h1 = load<u64>(a, 8);
  // Byte n of the four qwords l0 l1 h0 h1.
  const low = n < 8 ? bytesAt(l0, l1, n) : n < 16 ? bytesAt(l1, h0, n - 8) : n < 24 ? bytesAt(h0, h1, n - 16) : n < 32 ? bytesAt(h1, 0, n - 24) : 0;
  const high = n < 8 ? bytesAt(l1, h0, n) : n < 16 ? bytesAt(h0, h1, n - 8) : n < 24 ? bytesAt(h1, 0, n - 16) : 0;
  return put(p, i64x2.replace_lane(i64x2.splat(low), 1, high));
}
export function opPalignrMmx(s: usize, p: usize): i32 {
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmxValue(s, target(p), bytesAt(load<u64>(b), load<u64>(target(p)), immediate(p)));
}

export function opPinsrw(s: usize, p: usize): i32 {
  const b = source2(s, p);
  if (b == 0) return FAULT;
  store<u16>(target(p) + ((immediate(p) & 7) << 1), load<u16>(b));
  return NEXT;
}
export function opPinsrwMmx(s: usize, p: usize): i32 {
  if (!enteredMmx(s)) return FAULT;
  const slot: usize = load<u32>(p, OP_SOURCE);
  const b = slot != 0 ? slot : readableBytes(s, effective(p), 2);
  if (b == 0) return FAULT;
  const value = load<u16>(b);
  useMmx(s);
  store<u16>(target(p) + ((immediate(p) & 3) << 1), value);
  store<u16>(target(p), 0xffff, 8);
  return NEXT;
}
export function opPextrw(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  store<u64>(target(p), <u64>load<u16>(load<u32>(p, OP_SOURCE) + ((immediate(p) & 7) << 1)));
  return NEXT;
}
export function opPextrwMmx(s: usize, p: usize): i32 {
  if (!enteredMmx(s)) return FAULT;
  store<u64>(target(p), <u64>load<u16>(load<u32>(p, OP_SOURCE) + ((immediate(p) & 3) << 1)));
  useMmx(s);
  return NEXT;
}

/** The whole register of a slot that was decoded as AH to BH: these instructions name SP to DI. */
// @ts-ignore: decorator
@inline
function wholeRegister(slot: usize): usize {
  return (slot & 7) == 1 ? slot + 31 : slot;
}

export function opPinsrb(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const slot: usize = load<u32>(p, OP_SOURCE);
  const b = slot != 0 ? wholeRegister(slot) : readableBytes(s, effective(p), 1);
  if (b == 0) return FAULT;
  store<u8>(target(p) + (immediate(p) & 15), load<u8>(b));
  return NEXT;
}
export function opPinsrd(s: usize, p: usize): i32 {
  const wide = load<u8>(p, OP_LOG) == 3;
  const b = wide ? source8(s, p) : source4(s, p);
  if (b == 0) return FAULT;
  const n = immediate(p);
  if (wide) store<u64>(target(p) + ((n & 1) << 3), load<u64>(b));
  else store<u32>(target(p) + ((n & 3) << 2), load<u32>(b));
  return NEXT;
}
export function opPextrb(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const value = load<u8>(load<u32>(p, OP_SOURCE) + (immediate(p) & 15));
  if (target(p) == 0) return write<u8>(s, effective(p), value) ? NEXT : FAULT;
  store<u64>(wholeRegister(target(p)), <u64>value);
  return NEXT;
}
export function opPextrwSse4(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const value = load<u16>(load<u32>(p, OP_SOURCE) + ((immediate(p) & 7) << 1));
  if (target(p) == 0) return write<u16>(s, effective(p), value) ? NEXT : FAULT;
  store<u64>(target(p), <u64>value);
  return NEXT;
}
export function opPextrd(s: usize, p: usize): i32 {
  if (load<u8>(p, OP_LOG) != 3) return opExtractps(s, p);
  if (!entered(s)) return FAULT;
  const value = load<u64>(load<u32>(p, OP_SOURCE) + ((immediate(p) & 1) << 3));
  if (target(p) == 0) return write<u64>(s, effective(p), value) ? NEXT : FAULT;
  store<u64>(target(p), value);
  return NEXT;
}
export function opExtractps(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const value = load<u32>(load<u32>(p, OP_SOURCE) + ((immediate(p) & 3) << 2));
  if (target(p) == 0) return write<u32>(s, effective(p), value) ? NEXT : FAULT;
  store<u64>(target(p), <u64>value);
  return NEXT;
}
export function opInsertps(s: usize, p: usize): i32 {
  const b = source4(s, p);
  if (b == 0) return FAULT;
  const n = immediate(p);
  const value = load<u32>(load<u32>(p, OP_SOURCE) != 0 ? b + ((n >> 6) << 2) : b);
  const a = target(p);
  store<u32>(a + (((n >> 4) & 3) << 2), value);
  for (let i: u32 = 0; i < 4; i++) if (((n >> i) & 1) != 0) store<u32>(a + (i << 2), 0);
  return NEXT;
}

/** Lanes of b where bits of n are set (`bits` bits, repeated), of a elsewhere. */
export function opBlendps(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const n = i32x4.splat(immediate(p));
  const bits = i32x4(1, 2, 4, 8);
  return put(p, v128.bitselect(v128.load(b), first(p), i32x4.eq(v128.and(n, bits), bits)));
}
export function opBlendpd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const n = i64x2.splat(immediate(p));
  const bits = i64x2(1, 2);
  return put(p, v128.bitselect(v128.load(b), first(p), i64x2.eq(v128.and(n, bits), bits)));
}
export function opPblendw(s: usize, p: usize): i32 {
  const b = source16(s, p);
  if (b == 0) return FAULT;
  const n = i16x8.splat(<i16>immediate(p));
  const bits = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
  return put(p, v128.bitselect(v128.load(b), first(p), i16x8.eq(v128.and(n, bits), bits)));
}
export function opPblendvb(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, v128.bitselect(v128.load(b), first(p), i8x16.shr_s(v128.load(s, XMM), 7)));
}
export function opBlendvps(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, v128.bitselect(v128.load(b), first(p), i32x4.shr_s(v128.load(s, XMM), 31)));
}
export function opBlendvpd(s: usize, p: usize): i32 {
  const b = source16(s, p);
  return b == 0 ? FAULT : put(p, v128.bitselect(v128.load(b), first(p), i64x2.shr_s(v128.load(s, XMM), 63)));
}

export function opPmovsxbw(s: usize, p: usize): i32 {
  const b = source8(s, p);
  return b == 0 ? FAULT : put(p, i16x8.extend_low_i8x16_s(v128.load64_zero(b)));
}
export function opPmovzxbw(s: usize, p: usize): i32 {
  const b = source8(s, p);
  return b == 0 ? FAULT : put(p, i16x8.extend_low_i8x16_u(v128.load64_zero(b)));
}
export function opPmovsxbd(s: usize, p: usize): i32 {
  const b = source4(s, p);
  return b == 0 ? FAULT : put(p, i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(b))));
}
export function opPmovzxbd(s: usize, p: usize): i32 {
  const b = source4(s, p);
  return b == 0 ? FAULT : put(p, i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(b))));
}
export function opPmovsxbq(s: usize, p: usize): i32 {
  const b = source2(s, p);
  return b == 0 ? FAULT : put(p, i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(i16x8.splat(load<i16>(b))))));
}
export function opPmovzxbq(s: usize, p: usize): i32 {
  const b = source2(s, p);
  return b == 0 ? FAULT : put(p, i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(i16x8.splat(load<i16>(b))))));
}
export function opPmovsxwd(s: usize, p: usize): i32 {
  const b = source8(s, p);
  return b == 0 ? FAULT : put(p, i32x4.extend_low_i16x8_s(v128.load64_zero(b)));
}
export function opPmovzxwd(s: usize, p: usize): i32 {
  const b = source8(s, p);
  return b == 0 ? FAULT : put(p, i32x4.extend_low_i16x8_u(v128.load64_zero(b)));
}
export function opPmovsxwq(s: usize, p: usize): i32 {
  const b = source4(s, p);
  return b == 0 ? FAULT : put(p, i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(v128.load32_zero(b))));
}
export function opPmovzxwq(s: usize, p: usize): i32 {
  const b = source4(s, p);
  return b == 0 ? FAULT : put(p, i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(v128.load32_zero(b))));
}
export function opPmovsxdq(s: usize, p: usize): i32 {
  const b = source8(s, p);
  return b == 0 ? FAULT : put(p, i64x2.extend_low_i32x4_s(v128.load64_zero(b)));
}
export function opPmovzxdq(s: usize, p: usize): i32 {
  const b = source8(s, p);
  return b == 0 ? FAULT : put(p, i64x2.extend_low_i32x4_u(v128.load64_zero(b)));
}

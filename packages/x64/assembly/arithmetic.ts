/**
 * Arithmetic with flags, for any operand size: T is u8, u16, u32 or u64. Used by the run loop's cases and by handlers.
 */
import { carry } from './flags';
import { FLAG_AUX, FLAG_FIRST, FLAG_RESULT } from '../src/state';

export const ADD = 0;
export const OR = 1;
export const ADC = 2;
export const SBB = 3;
export const AND = 4;
export const SUB = 5;
export const XOR = 6;
export const CMP = 7;
export const TEST = 8;

/** Sign-extends to 64 bits. */
// @ts-ignore: decorator
@inline
export function extend<T>(value: T): i64 {
  if (sizeof<T>() == 1) return <i64>(<i8>value);
  if (sizeof<T>() == 2) return <i64>(<i16>value);
  if (sizeof<T>() == 4) return <i64>(<i32>value);
  return <i64>value;
}

// @ts-ignore: decorator
@inline
function top<T>(value: T): u32 {
  return <u32>(value >> <T>(sizeof<T>() * 8 - 1));
}

/** Sets the flags of a + b (+ carry) = r. */
// @ts-ignore: decorator
@inline
export function flagsAdd<T>(s: usize, a: T, b: T, r: T, carryOut: u32): void {
  const overflow = top<T>(((a ^ r) & (b ^ r)) as T);
  store<i64>(s, extend<T>(r), FLAG_RESULT);
  store<u32>(s, carryOut | (<u32>(a ^ b ^ r) & 0x10) | (overflow << 11), FLAG_AUX);
}

/** Sets the flags of a - b (- borrow) = r. */
// @ts-ignore: decorator
@inline
export function flagsSub<T>(s: usize, a: T, b: T, r: T, borrow: u32): void {
  const overflow = top<T>(((a ^ b) & (a ^ r)) as T);
  store<i64>(s, extend<T>(r), FLAG_RESULT);
  store<u32>(s, borrow | (<u32>(a ^ b ^ r) & 0x10) | (overflow << 11), FLAG_AUX);
}

const LAZY: u32 = 0x80000000;
const SUBTRACTED: u32 = 0x40000000;

/** log2 of a type's size, where FLAG_AUX has it. */
// @ts-ignore: decorator
@inline
function sizeInAux<T>(): u32 {
  return (sizeof<T>() == 8 ? 3 : sizeof<T>() == 4 ? 2 : sizeof<T>() == 2 ? 1 : 0) << 16;
}

/** The flags are those of a + x = r; they are worked out when somebody asks. */
// @ts-ignore: decorator
@inline
function noteAdd<T>(s: usize, a: T, r: T): void {
  store<i64>(s, extend<T>(r), FLAG_RESULT);
  store<i64>(s, extend<T>(a), FLAG_FIRST);
  store<u32>(s, LAZY | sizeInAux<T>(), FLAG_AUX);
}

/** The flags are those of a - x = r. */
// @ts-ignore: decorator
@inline
export function noteSub<T>(s: usize, a: T, r: T): void {
  store<i64>(s, extend<T>(r), FLAG_RESULT);
  store<i64>(s, extend<T>(a), FLAG_FIRST);
  store<u32>(s, LAZY | SUBTRACTED | sizeInAux<T>(), FLAG_AUX);
}

/** The flags are those of a logical operation with this result. */
// @ts-ignore: decorator
@inline
export function noteLogic<T>(s: usize, r: T): void {
  store<i64>(s, extend<T>(r), FLAG_RESULT);
  store<u32>(s, 0, FLAG_AUX);
}

/** `a op b`, flags included; `kind` is one of the constants above. CMP and TEST give a back. */
// @ts-ignore: decorator
@inline
export function alu<T>(s: usize, kind: i32, a: T, b: T): T {
  if (kind == ADD) {
    const r = (a + b) as T;
    noteAdd<T>(s, a, r);
    return r;
  }
  if (kind == ADC) {
    const c = <T>carry(s);
    const r = (a + b + c) as T;
    flagsAdd<T>(s, a, b, r, <u32>(r < a) | (<u32>(r == a) & <u32>c));
    return r;
  }
  if (kind == SBB) {
    const c = <T>carry(s);
    const r = (a - b - c) as T;
    flagsSub<T>(s, a, b, r, <u32>(a < b) | (<u32>(a == b) & <u32>c));
    return r;
  }
  if (kind == SUB) {
    const r = (a - b) as T;
    noteSub<T>(s, a, r);
    return r;
  }
  if (kind == CMP) {
    noteSub<T>(s, a, (a - b) as T);
    return a;
  }
  let r = a;
  if (kind == AND || kind == TEST) r = (a & b) as T;
  else if (kind == OR) r = (a | b) as T;
  else r = (a ^ b) as T;
  noteLogic<T>(s, r);
  return kind == TEST ? a : r;
}

/** INC and DEC: the carry stays. */
// @ts-ignore: decorator
@inline
export function increment<T>(s: usize, a: T, down: bool): T {
  const r = (down ? a - <T>1 : a + <T>1) as T;
  const overflow = down ? top<T>((a & ~r) as T) : top<T>((~a & r) as T);
  const kept = carry(s);
  store<i64>(s, extend<T>(r), FLAG_RESULT);
  store<u32>(s, kept | (<u32>(a ^ r ^ <T>1) & 0x10) | (overflow << 11), FLAG_AUX);
  return r;
}

/** Stores into a general register: 32-bit results clear the upper half. */
// @ts-ignore: decorator
@inline
export function put<T>(slot: usize, value: T): void {
  if (sizeof<T>() == 4) store<u64>(slot, <u64>(<u32>value));
  else store<T>(slot, value);
}

/** High half of an unsigned 64 × 64-bit product. */
export function multiplyHigh(a: u64, b: u64): u64 {
  const al = a & 0xffffffff;
  const ah = a >> 32;
  const bl = b & 0xffffffff;
  const bh = b >> 32;
  const ll = al * bl;
  const mid = ah * bl + (ll >> 32);
  const mid2 = al * bh + (mid & 0xffffffff);
  return ah * bh + (mid >> 32) + (mid2 >> 32);
}

/** High half of a signed 64 × 64-bit product. */
export function multiplyHighSigned(a: i64, b: i64): i64 {
  return <i64>multiplyHigh(a, b) - (a < 0 ? b : 0) - (b < 0 ? a : 0);
}

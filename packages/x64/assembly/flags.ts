/** Status flags: see FLAG_RESULT in `state.ts` for the representation. */
import { FLAG_AUX, FLAG_FIRST, FLAG_RESULT, FLAG_SYSTEM } from '../src/state';

export const CF: u32 = 0x1;
export const PF: u32 = 0x4;
export const AF: u32 = 0x10;
export const ZF: u32 = 0x40;
export const SF: u32 = 0x80;
export const TF: u32 = 0x100;
export const IF: u32 = 0x200;
export const DF: u32 = 0x400;
export const OF: u32 = 0x800;
export const IOPL: u32 = 0x3000;
export const NT: u32 = 0x4000;
export const RF: u32 = 0x10000;
export const VM: u32 = 0x20000;
export const AC: u32 = 0x40000;
export const ID: u32 = 0x200000;
export const STATUS: u32 = 0x8d5;

/** FLAG_AUX with nothing left to work out. */
// @ts-ignore: decorator
@inline
export function auxiliary(s: usize): u32 {
  const aux = load<i32>(s, FLAG_AUX);
  return aux < 0 ? settle(s, aux) : <u32>aux;
}

/** Works out CF, AF and OF of the addition or subtraction that FLAG_FIRST and FLAG_RESULT tell of, and keeps them. */
function settle(s: usize, lazy: u32): u32 {
  const first = load<u64>(s, FLAG_FIRST);
  const result = load<u64>(s, FLAG_RESULT);
  const shift: u64 = 64 - (8 << <u64>((lazy >> 16) & 3));
  // At the top of 64 bits all sizes are alike.
  const a = first << shift;
  const r = result << shift;
  const subtracted = (lazy & 0x40000000) != 0;
  const b = subtracted ? a - r : r - a;
  const out = <u32>(subtracted ? a < b : r < a);
  const over = <u32>((subtracted ? (a ^ b) & (a ^ r) : (a ^ r) & (b ^ r)) >> 63);
  const half = <u32>(first ^ result ^ (b >> shift)) & AF;
  const aux = out | half | (over << 11);
  store<u32>(s, aux, FLAG_AUX);
  return aux;
}

// @ts-ignore: decorator
@inline
export function carry(s: usize): u32 {
  return auxiliary(s) & 1;
}

// @ts-ignore: decorator
@inline
export function zero(s: usize): u32 {
  return <u32>(load<u64>(s, FLAG_RESULT) == 0) ^ ((load<u32>(s, FLAG_AUX) >> 6) & 1);
}

// @ts-ignore: decorator
@inline
export function sign(s: usize): u32 {
  return <u32>(load<u64>(s, FLAG_RESULT) >> 63) ^ ((load<u32>(s, FLAG_AUX) >> 7) & 1);
}

// @ts-ignore: decorator
@inline
export function overflow(s: usize): u32 {
  return (auxiliary(s) >> 11) & 1;
}

// @ts-ignore: decorator
@inline
export function parity(s: usize): u32 {
  const aux = load<u32>(s, FLAG_AUX);
  return (popcnt<u32>(load<u8>(s, FLAG_RESULT)) & 1 ^ 1) ^ ((aux >> 2) & 1);
}

/** Condition code of Jcc, SETcc, CMOVcc (0 O … 15 G). @returns 0 or 1 */
export function condition(s: usize, code: u32): u32 {
  let value: u32;
  switch (code >> 1) {
    case 0: value = overflow(s); break;
    case 1: value = carry(s); break;
    case 2: value = zero(s); break;
    case 3: value = carry(s) | zero(s); break;
    case 4: value = sign(s); break;
    case 5: value = parity(s); break;
    case 6: value = sign(s) ^ overflow(s); break;
    default: value = (sign(s) ^ overflow(s)) | zero(s); break;
  }
  return value ^ (code & 1);
}

/** The six status flags in RFLAGS positions. */
export function statusFlags(s: usize): u32 {
  const result = load<u64>(s, FLAG_RESULT);
  const natural = (((popcnt<u32>(<u32>result & 0xff) & 1) ^ 1) << 2) | (<u32>(result == 0) << 6) | (<u32>(result >> 63) << 7);
  return (natural ^ auxiliary(s)) & STATUS;
}

/** Sets the six status flags. */
// @ts-ignore: decorator
@inline
export function setStatusFlags(s: usize, flags: u32): void {
  store<u64>(s, 1, FLAG_RESULT);
  store<u32>(s, flags & STATUS, FLAG_AUX);
}

/** RFLAGS, complete. */
export function readFlags(s: usize): u32 {
  return statusFlags(s) | load<u32>(s, FLAG_SYSTEM);
}

/** Sets RFLAGS, complete; bit 1 is always set. Privilege is the caller's matter. */
export function writeFlags(s: usize, flags: u32): void {
  setStatusFlags(s, flags);
  store<u32>(s, (flags & ~STATUS) | 2, FLAG_SYSTEM);
}

/** Flags after AND, OR, XOR, TEST: of the sign-extended result. */
// @ts-ignore: decorator
@inline
export function flagsLogic(s: usize, result: i64): void {
  store<i64>(s, result, FLAG_RESULT);
  store<u32>(s, 0, FLAG_AUX);
}

/**
 * What the cases of the run loop do, by family. All are inlined into it; T is the operand's type.
 *
 * Those that touch memory answer false when there was a fault, and have changed nothing then.
 */
import { alu, CMP, extend, increment, multiplyHighSigned, noteLogic, noteSub, put, TEST } from './arithmetic';
import { auxiliary } from './flags';
import { readable, writable, written } from './memory';
import { effective, OP_IMMEDIATE, OP_SOURCE, OP_TARGET } from './op';
import { BOUNCE, FLAG_AUX, FLAG_FIRST, FLAG_RESULT } from '../src/state';

// @ts-ignore: decorator
@inline
export function target(p: usize): usize {
  return load<u32>(p, OP_TARGET);
}

// @ts-ignore: decorator
@inline
export function source(p: usize): usize {
  return load<u32>(p, OP_SOURCE);
}

/** register ← register or immediate */
// @ts-ignore: decorator
@inline
export function aluRegister<T>(s: usize, p: usize, kind: i32): void {
  const slot = target(p);
  const r = alu<T>(s, kind, load<T>(slot), load<T>(source(p)));
  if (kind != CMP && kind != TEST) put<T>(slot, r);
}

/** register ← memory. @returns false on a fault */
// @ts-ignore: decorator
@inline
export function aluLoad<T>(s: usize, p: usize, kind: i32): bool {
  const host = readable<T>(s, effective(p));
  if (host == 0) return false;
  const slot = target(p);
  const r = alu<T>(s, kind, load<T>(slot), load<T>(host));
  if (kind != CMP && kind != TEST) put<T>(slot, r);
  return true;
}

/** memory ← register or immediate. @returns false on a fault */
// @ts-ignore: decorator
@inline
export function aluStore<T>(s: usize, p: usize, kind: i32): bool {
  if (kind == CMP || kind == TEST) {
    const host = readable<T>(s, effective(p));
    if (host == 0) return false;
    alu<T>(s, kind, load<T>(host), load<T>(source(p)));
    return true;
  }
  const host = writable<T>(s, effective(p));
  if (host == 0) return false;
  if (host == s + BOUNCE) return aluBounced<T>(s, p, kind);
  store<T>(host, alu<T>(s, kind, load<T>(host), load<T>(source(p))));
  return true;
}

/** memory ← register or immediate, in the bounce buffer: the write may fail yet, and the flags must stay then. */
function aluBounced<T>(s: usize, p: usize, kind: i32): bool {
  const host = s + BOUNCE;
  const result = load<u64>(s, FLAG_RESULT);
  const first = load<u64>(s, FLAG_FIRST);
  const aux = load<u32>(s, FLAG_AUX);
  store<T>(host, alu<T>(s, kind, load<T>(host), load<T>(source(p))));
  if (written(s, host)) return true;
  restoreFlags(s, result, first, aux);
  return false;
}

function restoreFlags(s: usize, result: u64, first: u64, aux: u32): void {
  store<u64>(s, result, FLAG_RESULT);
  store<u64>(s, first, FLAG_FIRST);
  store<u32>(s, aux, FLAG_AUX);
}

// @ts-ignore: decorator
@inline
export function moveLoad<T>(s: usize, p: usize): bool {
  const host = readable<T>(s, effective(p));
  if (host == 0) return false;
  put<T>(target(p), load<T>(host));
  return true;
}

/** INC or DEC of memory. */
// @ts-ignore: decorator
@inline
export function incrementMemory<T>(s: usize, p: usize, down: bool): bool {
  const host = writable<T>(s, effective(p));
  if (host == 0) return false;
  if (host == s + BOUNCE) return incrementBounced<T>(s, down);
  store<T>(host, increment<T>(s, load<T>(host), down));
  return true;
}

function incrementBounced<T>(s: usize, down: bool): bool {
  const host = s + BOUNCE;
  const result = load<u64>(s, FLAG_RESULT);
  const first = load<u64>(s, FLAG_FIRST);
  const aux = load<u32>(s, FLAG_AUX);
  store<T>(host, increment<T>(s, load<T>(host), down));
  if (written(s, host)) return true;
  restoreFlags(s, result, first, aux);
  return false;
}

/** Loads a narrow value, extended by the type, into a register of type W. */
// @ts-ignore: decorator
@inline
export function extendLoad<T, W>(s: usize, p: usize): bool {
  const host = readable<T>(s, effective(p));
  if (host == 0) return false;
  put<W>(target(p), <W>load<T>(host));
  return true;
}

// @ts-ignore: decorator
@inline
export function multiply32(s: usize, slot: usize, a: i64, b: i64): void {
  const r = a * b;
  const over = <u32>(r != <i64>(<i32>r));
  store<u64>(slot, <u64>(<u32>r));
  store<i64>(s, <i64>(<i32>r), FLAG_RESULT);
  store<u32>(s, over | (over << 11), FLAG_AUX);
}

// @ts-ignore: decorator
@inline
export function multiply64(s: usize, slot: usize, a: i64, b: i64): void {
  const r = a * b;
  const over = <u32>(multiplyHighSigned(a, b) != (r >> 63));
  store<i64>(slot, r);
  store<i64>(s, r, FLAG_RESULT);
  store<u32>(s, over | (over << 11), FLAG_AUX);
}

/** SHL by a constant that is not 0. */
// @ts-ignore: decorator
@inline
export function shiftLeft<T>(s: usize, p: usize): void {
  const slot = target(p);
  const a = load<T>(slot);
  const n = <T>load<u32>(p, OP_IMMEDIATE);
  const r = (a << n) as T;
  const out = <u32>((a >> ((<T>(sizeof<T>() * 8) - n) as T)) & <T>1);
  put<T>(slot, r);
  store<i64>(s, extend<T>(r), FLAG_RESULT);
  store<u32>(s, out | ((out ^ <u32>(r >> <T>(sizeof<T>() * 8 - 1))) << 11), FLAG_AUX);
}

// @ts-ignore: decorator
@inline
export function shiftRight<T>(s: usize, p: usize): void {
  const slot = target(p);
  const a = load<T>(slot);
  const n = <T>load<u32>(p, OP_IMMEDIATE);
  const r = (a >> n) as T;
  put<T>(slot, r);
  store<i64>(s, extend<T>(r), FLAG_RESULT);
  store<u32>(s, <u32>((a >> ((n - <T>1) as T)) & <T>1) | (<u32>(a >> <T>(sizeof<T>() * 8 - 1)) << 11), FLAG_AUX);
}

// @ts-ignore: decorator
@inline
export function shiftSigned<T>(s: usize, p: usize): void {
  const slot = target(p);
  const a = load<T>(slot);
  const n = <T>load<u32>(p, OP_IMMEDIATE);
  const r = (a >> n) as T;
  if (sizeof<T>() == 4) store<u64>(slot, <u64>(<u32>r));
  else store<T>(slot, r);
  store<i64>(s, <i64>r, FLAG_RESULT);
  store<u32>(s, <u32>((a >> ((n - <T>1) as T)) & <T>1), FLAG_AUX);
}

/** ROL and ROR by a constant that is not 0: the other flags stay. */
// @ts-ignore: decorator
@inline
export function rotate<T>(s: usize, p: usize, left: bool): void {
  const slot = target(p);
  const a = load<T>(slot);
  const n = <T>load<u32>(p, OP_IMMEDIATE);
  const r = left ? rotl<T>(a, n) : rotr<T>(a, n);
  const top = <u32>(r >> <T>(sizeof<T>() * 8 - 1));
  const kept = auxiliary(s) & ~(<u32>0x801);
  put<T>(slot, r);
  const out = left ? <u32>(r & <T>1) : top;
  const over = left ? out ^ top : top ^ (<u32>(r >> <T>(sizeof<T>() * 8 - 2)) & 1);
  store<u32>(s, kept | out | (over << 11), FLAG_AUX);
}


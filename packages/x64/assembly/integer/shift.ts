/**
 * Shifts and rotates of any size (SDM volume 2, SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD, SHRD).
 *
 * Undefined flags are given what current processors give: OF of shifts by more than one as for the last step.
 */
import { CF, OF, setStatusFlags, statusFlags } from '../flags';
import { FAULT, NEXT, OP_IMMEDIATE, OP_SOURCE } from '../op';
import { changeHost, extendSized, loadSized, logOf, maskOf, storeFirst } from '../operand';
import { FLAG_AUX, FLAG_RESULT, RCX } from '../../src/state';

const ROL = 0;
const ROR = 1;
const RCL = 2;
const RCR = 3;
const SHL = 4;
const SHR = 5;
const SAR = 7;

export function opRol(s: usize, p: usize): i32 {
  return shift(s, p, ROL);
}
export function opRor(s: usize, p: usize): i32 {
  return shift(s, p, ROR);
}
export function opRcl(s: usize, p: usize): i32 {
  return shift(s, p, RCL);
}
export function opRcr(s: usize, p: usize): i32 {
  return shift(s, p, RCR);
}
export function opShl(s: usize, p: usize): i32 {
  return shift(s, p, SHL);
}
export function opShr(s: usize, p: usize): i32 {
  return shift(s, p, SHR);
}
export function opSar(s: usize, p: usize): i32 {
  return shift(s, p, SAR);
}

/** The count: an immediate, CL, or 1 (no second operand). */
function countOf(p: usize): u32 {
  const slot: usize = load<u32>(p, OP_SOURCE);
  return slot == 0 ? 1 : <u32>load<u8>(slot);
}

let newFlags: u32 = 0;

function shift(s: usize, p: usize, kind: i32): i32 {
  const log = logOf(p);
  const host = changeHost(s, p);
  if (host == 0) return FAULT;
  const count = countOf(p) & (log == 3 ? 63 : 31);
  const a = loadSized(host, log);
  if (count == 0) {
    // Not a change of flags, but a write: of the upper half of a register, too.
    return storeFirst(s, p, host, a) ? NEXT : FAULT;
  }
  if (kind < SHL) {
    const flags = statusFlags(s);
    const r = rotate(kind, log, a, count, flags);
    if (!storeFirst(s, p, host, r)) return FAULT;
    setStatusFlags(s, (flags & ~(CF | OF)) | newFlags);
    return NEXT;
  }
  const bits: u64 = 8 << (<u64>log);
  const n: u64 = count;
  let r: u64;
  let out: u32;
  let over: u32;
  if (kind == SHL) {
    r = n >= bits ? 0 : a << n;
    out = n > bits ? 0 : (<u32>(a >> (bits - n))) & 1;
    over = out ^ ((<u32>(r >> (bits - 1))) & 1);
  } else if (kind == SHR) {
    r = n >= bits ? 0 : a >> n;
    out = n > bits ? 0 : (<u32>(a >> (n - 1))) & 1;
    over = (<u32>(a >> (bits - 1))) & 1;
    if (n != 1) over = (<u32>(((r << 1) ^ r) >> (bits - 1))) & 1;
  } else {
    const signed = extendSized(a, log);
    r = <u64>(signed >> (<i64>(n > 63 ? 63 : n)));
    out = (<u32>(signed >> (<i64>(n - 1)))) & 1;
    over = 0;
  }
  if (!storeFirst(s, p, host, r)) return FAULT;
  store<i64>(s, extendSized(r, log), FLAG_RESULT);
  store<u32>(s, out | (over << 11), FLAG_AUX);
  return NEXT;
}

function rotate(kind: i32, log: u32, a: u64, count: u32, flags: u32): u64 {
  const bits: u64 = 8 << (<u64>log);
  const mask = maskOf(log);
  const top = bits - 1;
  let r: u64;
  let out: u32;
  if (kind == ROL || kind == ROR) {
    const n = (<u64>count) & (bits - 1);
    const left = kind == ROL ? n : (bits - n) & (bits - 1);
    r = left == 0 ? a : ((a << left) | (a >> (bits - left))) & mask;
    out = kind == ROL ? (<u32>r) & 1 : (<u32>(r >> top)) & 1;
  } else {
    let c: u64 = flags & CF;
    r = a;
    // Through the carry: bits + 1 positions.
    const n = <u32>(<u64>count % (bits + 1));
    for (let i: u32 = 0; i < n; i++) {
      if (kind == RCL) {
        const next = (r >> top) & 1;
        r = ((r << 1) | c) & mask;
        c = next;
      } else {
        const next = r & 1;
        r = (r >> 1) | (c << top);
        c = next;
      }
    }
    out = <u32>c;
  }
  const over =
    kind == ROL || kind == RCL ? out ^ ((<u32>(r >> top)) & 1) : ((<u32>(r >> top)) ^ (<u32>(r >> (top - 1)))) & 1;
  newFlags = out | (over << 11);
  return r;
}

export function opShld(s: usize, p: usize): i32 {
  return double(s, p, true, <u32>load<u8>(p, OP_IMMEDIATE));
}
export function opShrd(s: usize, p: usize): i32 {
  return double(s, p, false, <u32>load<u8>(p, OP_IMMEDIATE));
}
export function opShldCl(s: usize, p: usize): i32 {
  return double(s, p, true, <u32>load<u8>(s, RCX));
}
export function opShrdCl(s: usize, p: usize): i32 {
  return double(s, p, false, <u32>load<u8>(s, RCX));
}

function double(s: usize, p: usize, left: bool, rawCount: u32): i32 {
  const log = logOf(p);
  const host = changeHost(s, p);
  if (host == 0) return FAULT;
  const bits: u64 = 8 << (<u64>log);
  const n = <u64>(rawCount & (log == 3 ? 63 : 31));
  const a = loadSized(host, log);
  const b = loadSized(load<u32>(p, OP_SOURCE), log);
  if (n == 0) return storeFirst(s, p, host, a) ? NEXT : FAULT;
  let r: u64;
  let out: u32;
  if (n > bits) {
    // 16 bits by 17 to 31: not defined; processors shift a:b:a.
    const m = n - bits;
    if (left) {
      r = (b << m) | (a >> (bits - m));
      out = (<u32>(b >> (bits - m))) & 1;
    } else {
      r = (b >> m) | (a << (bits - m));
      out = (<u32>(b >> (m - 1))) & 1;
    }
  } else if (left) {
    r = n == bits ? b : (a << n) | (b >> (bits - n));
    out = (<u32>(a >> (bits - n))) & 1;
  } else {
    r = n == bits ? b : (a >> n) | (b << (bits - n));
    out = (<u32>(a >> (n - 1))) & 1;
  }
  r &= maskOf(log);
  if (!storeFirst(s, p, host, r)) return FAULT;
  const over = (<u32>((a ^ r) >> (bits - 1))) & 1;
  store<i64>(s, extendSized(r, log), FLAG_RESULT);
  store<u32>(s, out | (over << 11), FLAG_AUX);
  return NEXT;
}

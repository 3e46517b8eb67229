/** Bit tests, bit scans, POPCNT, BSWAP (SDM volume 2). */
import { CF, setStatusFlags, statusFlags, ZF } from '../flags';
import { readableBytes, writableBytes, written } from '../memory';
import { effective, FAULT, NEXT, OP_BASE, OP_IMMEDIATE, OP_SEGMENT, OP_SOURCE, OP_TARGET } from '../op';
import {
  exchangeIf,
  lockedWritten,
  extendSized,
  loadSized,
  locked,
  logOf,
  maskOf,
  putSized,
  sourceHost,
  storeSized,
} from '../operand';
import { NO_ADDRESS, segmentAddress, truncate } from './address';
import { addressLogOf } from './registers';
import { ADDRESS, ZERO } from '../../src/state';

const TEST = 0;
const SET = 1;
const RESET = 2;
const COMPLEMENT = 3;

export function opBt(s: usize, p: usize): i32 {
  return bitOp(s, p, TEST, false);
}
export function opBts(s: usize, p: usize): i32 {
  return bitOp(s, p, SET, false);
}
export function opBtr(s: usize, p: usize): i32 {
  return bitOp(s, p, RESET, false);
}
export function opBtc(s: usize, p: usize): i32 {
  return bitOp(s, p, COMPLEMENT, false);
}
export function opBtImmediate(s: usize, p: usize): i32 {
  return bitOp(s, p, TEST, true);
}
export function opBtsImmediate(s: usize, p: usize): i32 {
  return bitOp(s, p, SET, true);
}
export function opBtrImmediate(s: usize, p: usize): i32 {
  return bitOp(s, p, RESET, true);
}
export function opBtcImmediate(s: usize, p: usize): i32 {
  return bitOp(s, p, COMPLEMENT, true);
}

function bitOp(s: usize, p: usize, kind: i32, immediate: bool): i32 {
  const log = logOf(p);
  const slot: usize = load<u32>(p, OP_TARGET);
  const bits: u64 = 8 << (<u64>log);
  const index = immediate ? <i64>load<u8>(p, OP_IMMEDIATE) : extendSized(loadSized(load<u32>(p, OP_SOURCE), log), log);
  const bit: u64 = (<u64>1) << ((<u64>index) & (bits - 1));
  let host = slot;
  if (slot == 0) {
    // A bit index in a register reaches beyond the operand, in units of its size.
    let a = effective(p);
    if (!immediate) {
      a += <u64>((index >> (<i64>(log + 3))) << (<i64>log));
      if (load<u32>(p, OP_BASE) == s + ADDRESS) {
        // The op before has made the operand's offset only: the segment's limit is for where the bit is.
        a = truncate(a, addressLogOf(p));
        const record: usize = load<u32>(p, OP_SEGMENT);
        if (record != s + ZERO) a = segmentAddress(s, record, a, 1 << log);
        if (a == NO_ADDRESS && record != s + ZERO) return FAULT;
      }
    }
    host = kind == TEST ? readableBytes(s, a, 1 << log) : writableBytes(s, a, 1 << log, true);
    if (host == 0) return FAULT;
  }
  let old = loadSized(host, log);
  if (kind != TEST) {
    if (slot != 0) putSized(slot, log, apply(kind, old, bit));
    else {
      if (locked(p)) {
        while (!exchangeIf(s, host, log, old, apply(kind, old, bit) & maskOf(log))) old = loadSized(host, log);
        if (!lockedWritten(s, host)) return FAULT;
      } else {
        storeSized(host, log, apply(kind, old, bit));
        if (!written(s, host)) return FAULT;
      }
    }
  }
  setStatusFlags(s, (statusFlags(s) & ~CF) | (<u32>((old & bit) != 0)));
  return NEXT;
}

function apply(kind: i32, old: u64, bit: u64): u64 {
  return kind == SET ? old | bit : kind == RESET ? old & ~bit : old ^ bit;
}

/** BSF: of 0 only ZF is set, the register stays. */
export function opBsf(s: usize, p: usize): i32 {
  const host = sourceHost(s, p);
  if (host == 0) return FAULT;
  const value = loadSized(host, logOf(p));
  return scanned(s, p, value, ctz<u64>(value));
}

export function opBsr(s: usize, p: usize): i32 {
  const host = sourceHost(s, p);
  if (host == 0) return FAULT;
  const value = loadSized(host, logOf(p));
  return scanned(s, p, value, 63 - clz<u64>(value));
}

function scanned(s: usize, p: usize, value: u64, index: u64): i32 {
  if (value != 0) putSized(load<u32>(p, OP_TARGET), logOf(p), index);
  setStatusFlags(s, (statusFlags(s) & ~ZF) | (value == 0 ? ZF : 0));
  return NEXT;
}

export function opPopcnt(s: usize, p: usize): i32 {
  const host = sourceHost(s, p);
  if (host == 0) return FAULT;
  const value = loadSized(host, logOf(p));
  putSized(load<u32>(p, OP_TARGET), logOf(p), popcnt<u64>(value));
  setStatusFlags(s, value == 0 ? ZF : 0);
  return NEXT;
}

export function opBswap(s: usize, p: usize): i32 {
  const slot: usize = load<u32>(p, OP_TARGET);
  const log = logOf(p);
  if (log == 3) store<u64>(slot, bswap<u64>(load<u64>(slot)));
  else if (log == 2) store<u64>(slot, bswap<u32>(load<u32>(slot)));
  // Of 16 bits it is not defined; processors give 0.
  else store<u16>(slot, 0);
  return NEXT;
}

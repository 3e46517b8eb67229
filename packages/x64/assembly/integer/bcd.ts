/** Decimal arithmetic and BOUND: instructions of 16- and 32-bit code (SDM volume 2). */
import { AF, CF, setStatusFlags, statusFlags } from '../flags';
import { readableBytes } from '../memory';
import { effective, FAULT, fault, NEXT, OP_IMMEDIATE, OP_SEGMENT, OP_TARGET } from '../op';
import { extendSized, loadSized, logOf } from '../operand';
import { RAX } from '../../src/state';
import { NO_ADDRESS, segmentAddress, truncate } from './address';
import { addressLogOf } from './registers';

const PF: u32 = 0x4;
const ZF: u32 = 0x40;
const SF: u32 = 0x80;

/** SF, ZF and PF of a byte. */
function byteFlags(value: u32): u32 {
  return ((popcnt<u32>(value & 0xff) & 1) != 0 ? 0 : PF) | ((value & 0xff) == 0 ? ZF : 0) | (value & SF);
}

export function opDaa(s: usize, p: usize): i32 {
  const old: u32 = load<u8>(s, RAX);
  const flags = statusFlags(s);
  let al = old;
  let out: u32 = 0;
  if ((old & 15) > 9 || (flags & AF) != 0) {
    al += 6;
    out |= AF;
  }
  if (old > 0x99 || (flags & CF) != 0) {
    al += 0x60;
    out |= CF;
  }
  store<u8>(s, <u8>al, RAX);
  setStatusFlags(s, out | byteFlags(al));
  return NEXT;
}

export function opDas(s: usize, p: usize): i32 {
  const old: u32 = load<u8>(s, RAX);
  const flags = statusFlags(s);
  let al = old;
  let out: u32 = 0;
  if ((old & 15) > 9 || (flags & AF) != 0) {
    out |= AF | (flags & CF) | (<u32>(al < 6));
    al -= 6;
  }
  if (old > 0x99 || (flags & CF) != 0) {
    al -= 0x60;
    out |= CF;
  }
  store<u8>(s, <u8>al, RAX);
  setStatusFlags(s, out | byteFlags(al));
  return NEXT;
}

export function opAaa(s: usize, p: usize): i32 {
  return adjust(s, 0x106);
}
export function opAas(s: usize, p: usize): i32 {
  return adjust(s, -0x106);
}

function adjust(s: usize, by: i32): i32 {
  const ax: u32 = load<u16>(s, RAX);
  const carries = (ax & 15) > 9 || (statusFlags(s) & AF) != 0;
  const value = carries ? ax + <u32>by : ax;
  store<u16>(s, <u16>(value & 0xff0f), RAX);
  setStatusFlags(s, (carries ? AF | CF : 0) | byteFlags(value & 15));
  return NEXT;
}

export function opAam(s: usize, p: usize): i32 {
  const base: u32 = load<u8>(p, OP_IMMEDIATE);
  if (base == 0) return fault(s, 0);
  const al: u32 = load<u8>(s, RAX);
  store<u16>(s, <u16>(((al / base) << 8) | (al % base)), RAX);
  setStatusFlags(s, byteFlags(al % base));
  return NEXT;
}

export function opAad(s: usize, p: usize): i32 {
  const ax: u32 = load<u16>(s, RAX);
  const al = ((ax & 0xff) + (ax >> 8) * <u32>load<u8>(p, OP_IMMEDIATE)) & 0xff;
  store<u16>(s, <u16>al, RAX);
  setStatusFlags(s, byteFlags(al));
  return NEXT;
}

/** Two reads, each with its own check of the segment; the op before has made the offset only. */
export function opBound(s: usize, p: usize): i32 {
  const log = logOf(p);
  const size: u32 = 1 << log;
  const lowHost = bound(s, p, 0, size);
  if (lowHost == 0) return FAULT;
  const low = extendSized(loadSized(lowHost, log), log);
  const highHost = bound(s, p, size, size);
  if (highHost == 0) return FAULT;
  const high = extendSized(loadSized(highHost, log), log);
  const index = extendSized(loadSized(load<u32>(p, OP_TARGET), log), log);
  return index < low || index > high ? fault(s, 5) : NEXT;
}

/** Where one of the bounds is, 0 after a fault. */
function bound(s: usize, p: usize, away: u32, size: u32): usize {
  const offset = truncate(effective(p) + away, addressLogOf(p));
  const a = segmentAddress(s, load<u32>(p, OP_SEGMENT), offset, size);
  return a == NO_ADDRESS ? 0 : readableBytes(s, a, size);
}

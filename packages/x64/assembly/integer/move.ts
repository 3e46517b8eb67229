/** Moves, conversions and exchanges that the run loop has no case for. */
import { releaseBus, takeBus } from '../bus';
import { condition, setStatusFlags, statusFlags, ZF } from '../flags';
import { readableBytes, writableBytes, written } from '../memory';
import {
  effective,
  FAULT,
  fault,
  faultCode,
  NEXT,
  OP_FLAGS,
  OP_IMMEDIATE,
  OP_REX_W,
  OP_SEGMENT,
  OP_SOURCE,
  OP_TARGET,
} from '../op';
import {
  changeHost,
  exchangeIf,
  extendSized,
  isSplit,
  loadSized,
  locked,
  lockedWritten,
  logOf,
  maskOf,
  putFirst,
  putSized,
  sourceHost,
  storeFirst,
} from '../operand';
import { SUB } from '../arithmetic';
import { compute } from './alu';
import { NO_ADDRESS, segmentAddress, truncate } from './address';
import { addressLogOf } from './registers';
import { RAX, RBX, RCX, RDX, ZERO } from '../../src/state';

const AF_CF_PF_SF_ZF: u32 = 0xd5;

/** MOVZX r16, r/m8 */
export function opMovzx(s: usize, p: usize): i32 {
  return extend(s, p, 0, false);
}
export function opMovzxWord(s: usize, p: usize): i32 {
  return extend(s, p, 1, false);
}
export function opMovsx(s: usize, p: usize): i32 {
  return extend(s, p, 0, true);
}
export function opMovsxWord(s: usize, p: usize): i32 {
  return extend(s, p, 1, true);
}
/** MOVSXD without REX.W is a move. */
export function opMovsxd(s: usize, p: usize): i32 {
  return extend(s, p, logOf(p) == 1 ? 1 : 2, true);
}

function extend(s: usize, p: usize, from: u32, signed: bool): i32 {
  let host: usize = load<u32>(p, OP_SOURCE);
  if (host == 0) {
    host = readableBytes(s, effective(p), 1 << from);
    if (host == 0) return FAULT;
  }
  const value = loadSized(host, from);
  putSized(load<u32>(p, OP_TARGET), logOf(p), signed ? <u64>extendSized(value, from) : value);
  return NEXT;
}

export function opLea(s: usize, p: usize): i32 {
  putSized(load<u32>(p, OP_TARGET), logOf(p), effective(p));
  return NEXT;
}

export function opCbw(s: usize, p: usize): i32 {
  const log = logOf(p);
  putSized(s + RAX, log, <u64>extendSized(loadSized(s + RAX, log - 1), log - 1));
  return NEXT;
}

export function opCwd(s: usize, p: usize): i32 {
  const log = logOf(p);
  putSized(s + RDX, log, <u64>(extendSized(loadSized(s + RAX, log), log) >> 63));
  return NEXT;
}

/** CMOVcc: memory is read, and the upper half cleared, whatever the condition is. */
export function opCmovcc(s: usize, p: usize): i32 {
  const host = sourceHost(s, p);
  if (host == 0) return FAULT;
  const log = logOf(p);
  const slot: usize = load<u32>(p, OP_TARGET);
  putSized(slot, log, loadSized(condition(s, load<u8>(p, OP_IMMEDIATE)) != 0 ? host : slot, log));
  return NEXT;
}

export function opSetcc(s: usize, p: usize): i32 {
  return putFirst(s, p, condition(s, load<u8>(p, OP_IMMEDIATE))) ? NEXT : FAULT;
}

/** XCHG: with memory always locked. */
export function opXchg(s: usize, p: usize): i32 {
  const log = logOf(p);
  const host = changeHost(s, p);
  if (host == 0) return FAULT;
  const slot: usize = load<u32>(p, OP_SOURCE);
  const value = loadSized(slot, log);
  let old = loadSized(host, log);
  if (load<u32>(p, OP_TARGET) != 0) putSized(host, log, value);
  else {
    while (!exchangeIf(s, host, log, old, value)) old = loadSized(host, log);
    if (!lockedWritten(s, host)) return FAULT;
  }
  putSized(slot, log, old);
  return NEXT;
}

export function opXadd(s: usize, p: usize): i32 {
  const log = logOf(p);
  const host = changeHost(s, p);
  if (host == 0) return FAULT;
  const slot: usize = load<u32>(p, OP_SOURCE);
  const value = loadSized(slot, log);
  let old = loadSized(host, log);
  const mask = maskOf(log);
  if (load<u32>(p, OP_TARGET) != 0) {
    compute(s, 0, log, old, value);
    // The sum wins when both are the same register.
    putSized(slot, log, old);
    putSized(host, log, old + value);
    return NEXT;
  }
  if (locked(p)) {
    while (!exchangeIf(s, host, log, old, (old + value) & mask)) old = loadSized(host, log);
    if (!lockedWritten(s, host)) return FAULT;
  } else if (!storeFirst(s, p, host, (old + value) & mask)) return FAULT;
  compute(s, 0, log, old, value);
  putSized(slot, log, old);
  return NEXT;
}

/** CMPXCHG: memory is written in any case, with what was there when it is not equal. */
export function opCmpxchg(s: usize, p: usize): i32 {
  const log = logOf(p);
  const host = changeHost(s, p);
  if (host == 0) return FAULT;
  const slot: usize = load<u32>(p, OP_SOURCE);
  const value = loadSized(slot, log);
  const expected = loadSized(s + RAX, log);
  let old = loadSized(host, log);
  if (load<u32>(p, OP_TARGET) != 0) {
    compute(s, SUB, log, expected, old);
    if (old == expected) putSized(host, log, value);
    // The upper half of a 32-bit destination stays, then.
    else putSized(s + RAX, log, old);
    return NEXT;
  }
  if (locked(p)) {
    old = compareExchange(s, host, log, old, expected, value);
    if (!lockedWritten(s, host)) return FAULT;
  } else if (!storeFirst(s, p, host, old == expected ? value : old)) return FAULT;
  compute(s, SUB, log, expected, old);
  if (old != expected) putSized(s + RAX, log, old);
  return NEXT;
}

/** Replaces `expected`, if that is what is at `host`; `old` was read there. @returns what was there */
function compareExchange(s: usize, host: usize, log: u32, old: u64, expected: u64, value: u64): u64 {
  // What is read of a split operand without the bus may never have been there as a whole: it is written back to see.
  const split = isSplit(s, host, log);
  while (old == expected || split) {
    if (exchangeIf(s, host, log, old, old == expected ? value : old)) break;
    old = loadSized(host, log);
  }
  return old;
}

/** CMPXCHG8B, and CMPXCHG16B with REX.W. */
export function opCmpxchg8b(s: usize, p: usize): i32 {
  if ((load<u8>(p, OP_FLAGS) & OP_REX_W) != 0) return exchange16(s, p);
  const host = writableBytes(s, effective(p), 8, true);
  if (host == 0) return FAULT;
  const expected = (load<u64>(s, RDX) << 32) | (<u64>load<u32>(s, RAX));
  const value = (load<u64>(s, RCX) << 32) | (<u64>load<u32>(s, RBX));
  const old = compareExchange(s, host, 3, load<u64>(host), expected, value);
  if (!lockedWritten(s, host)) return FAULT;
  if (old != expected) {
    store<u64>(s, old & 0xffffffff, RAX);
    store<u64>(s, old >> 32, RDX);
  }
  setZero(s, old == expected);
  return NEXT;
}

/**
 * 16 bytes are not one atomic step here: they are exchanged with the bus, one half after the other. A plain store of
 * another VP that comes between is not lost: the first half is put back then, and everything starts over.
 */
function exchange16(s: usize, p: usize): i32 {
  const a = effective(p);
  if ((a & 15) != 0) return faultCode(s, 13, 0);
  const host = writableBytes(s, a, 16, true);
  if (host == 0) return FAULT;
  const expectedLow = load<u64>(s, RAX);
  const expectedHigh = load<u64>(s, RDX);
  const low = load<u64>(s, RBX);
  let foundLow: u64;
  let foundHigh: u64;
  let same: bool;
  takeBus(s);
  for (;;) {
    foundLow = atomic.load<u64>(host);
    foundHigh = atomic.load<u64>(host, 8);
    same = foundLow == expectedLow && foundHigh == expectedHigh;
    if (!same) break;
    if (atomic.cmpxchg<u64>(host, foundLow, low) != foundLow) continue;
    if (atomic.cmpxchg<u64>(host, foundHigh, load<u64>(s, RCX), 8) == foundHigh) break;
    atomic.cmpxchg<u64>(host, low, foundLow);
  }
  releaseBus(s);
  if (!written(s, host)) return FAULT;
  if (!same) {
    store<u64>(s, foundLow, RAX);
    store<u64>(s, foundHigh, RDX);
  }
  setZero(s, same);
  return NEXT;
}

function setZero(s: usize, zero: bool): void {
  setStatusFlags(s, (statusFlags(s) & ~ZF) | (zero ? ZF : 0));
}

export function opXlat(s: usize, p: usize): i32 {
  const offset = truncate(load<u64>(s, RBX) + <u64>load<u8>(s, RAX), addressLogOf(p));
  const record: usize = load<u32>(p, OP_SEGMENT);
  const a = record == s + ZERO ? offset : segmentAddress(s, record, offset, 1);
  if (a == NO_ADDRESS && record != s + ZERO) return FAULT;
  const host = readableBytes(s, a, 1);
  if (host == 0) return FAULT;
  store<u8>(s, load<u8>(host), RAX);
  return NEXT;
}

export function opLahf(s: usize, p: usize): i32 {
  store<u8>(s + RAX, <u8>((statusFlags(s) & AF_CF_PF_SF_ZF) | 2), 1);
  return NEXT;
}

export function opSahf(s: usize, p: usize): i32 {
  setStatusFlags(s, (statusFlags(s) & ~AF_CF_PF_SF_ZF) | ((<u32>load<u8>(s + RAX, 1)) & AF_CF_PF_SF_ZF));
  return NEXT;
}

export function opNop(s: usize, p: usize): i32 {
  return NEXT;
}
/** Every block's loads and stores are in order already; the engine gets a full barrier. */
export function opFence(s: usize, p: usize): i32 {
  atomic.add<u32>(s + ZERO + 4, 0);
  return NEXT;
}
export function opUd2(s: usize, p: usize): i32 {
  return fault(s, 6);
}

/** Loads, stores, constants, exchanges and conditional moves of the x87. */
import { readableBytes, writableBytes, write, written } from '../memory';
import { condition } from '../flags';
import { FAULT, NEXT, OP_MODRM, effective } from '../op';
import { FPU_CONTROL } from '../../src/state';
import { decimalTop, fromDecimal, fromDouble, fromInteger, fromSingle, toDecimal, toDouble, toInteger, toSingle } from './convert';
import { INDEFINITE_M, INDEFINITE_SE, SIGNALING, QUIET_BIT, classify, give, resultM, resultSe } from './extended';
import { DE, DOWN, IE, OE, PE, TRUNCATE, UE, UP, ZE, flags, raise, rounding, setRoundedUp, setRounding, withdraw } from './rounding';
import {
  empty,
  enter,
  mOf,
  overflow,
  pop,
  push,
  put,
  putIndefinite,
  remember,
  seOf,
  settle,
  settleQuietly,
  slot,
  underflow,
} from './unit';

/** Formats of values in memory. */
const SINGLE = 0;
const DOUBLE = 1;
const INT16 = 2;
const INT32 = 3;
const INT64 = 4;

// @ts-ignore: decorator
@inline
function rm(p: usize): u32 {
  return <u32>load<u8>(p, OP_MODRM) & 7;
}

// @ts-ignore: decorator
@inline
function bytesOf(format: i32): u32 {
  return format == INT16 ? 2 : format == SINGLE || format == INT32 ? 4 : 8;
}

/** Pushes the result of a load, or what a full stack makes of it. */
function pushResult(s: usize, p: usize, opcode: u32): i32 {
  if (!empty(s, 7)) {
    if (overflow(s, p, opcode)) push(s, INDEFINITE_SE, INDEFINITE_M);
    return NEXT;
  }
  // A denormal is loaded even if that exception is unmasked.
  if (settle(s, p, opcode) || (flags & IE) == 0) push(s, resultSe, resultM);
  return NEXT;
}

function loadMemory(s: usize, p: usize, opcode: u32, format: i32): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  const host = readableBytes(s, effective(p), bytesOf(format));
  if (host == 0) return FAULT;
  if (format == SINGLE || format == DOUBLE) {
    const denormal = format == SINGLE ? fromSingle(load<u32>(host)) : fromDouble(load<u64>(host));
    if (denormal) raise(DE);
    else if (classify(resultSe, resultM) == SIGNALING) {
      raise(IE);
      give(resultSe, resultM | QUIET_BIT);
    }
  } else if (format == INT16) fromInteger(<i64>load<i16>(host));
  else if (format == INT32) fromInteger(<i64>load<i32>(host));
  else fromInteger(load<i64>(host));
  return pushResult(s, p, opcode);
}

/** Writes `bytes` of `value`, and two more bytes of `top` when there are ten. @returns false on a fault */
function writeValue(s: usize, p: usize, bytes: u32, value: u64, top: u32): bool {
  const a = effective(p);
  if (bytes == 8) return write<u64>(s, a, value);
  if (bytes == 4) return write<u32>(s, a, <u32>value);
  if (bytes == 2) return write<u16>(s, a, <u16>value);
  const host = writableBytes(s, a, 10, false);
  if (host == 0) return false;
  store<u64>(host, value);
  store<u16>(host, <u16>top, 8);
  return written(s, host);
}

/** Ends a store of a converted value: an unmasked exception keeps memory and stack as they were. */
function finishStore(s: usize, p: usize, opcode: u32, bytes: u32, value: u64, top: u32, pops: bool): i32 {
  const barred = (flags & ~(<u32>load<u16>(s, FPU_CONTROL)) & (IE | DE | ZE | OE | UE)) != 0;
  if (!barred && !writeValue(s, p, bytes, value, top)) return FAULT;
  if (barred) {
    // Whether memory could have been written is found out first.
    if (writableBytes(s, effective(p), bytes, true) == 0) return FAULT;
    withdraw(PE);
    setRoundedUp(false);
  }
  settle(s, p, opcode);
  if (!barred && pops) pop(s);
  return NEXT;
}

/** Stores the indefinite of a format, because ST(0) is empty. */
function storeEmpty(s: usize, p: usize, opcode: u32, bytes: u32, value: u64, top: u32, pops: bool): i32 {
  if ((load<u16>(s, FPU_CONTROL) & IE) == 0) {
    if (writableBytes(s, effective(p), bytes, true) == 0) return FAULT;
    underflow(s, p, opcode);
    return NEXT;
  }
  if (!writeValue(s, p, bytes, value, top)) return FAULT;
  underflow(s, p, opcode);
  if (pops) pop(s);
  return NEXT;
}

function storeFloat(s: usize, p: usize, opcode: u32, format: i32, pops: bool): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  const bytes = bytesOf(format);
  if (empty(s, 0)) return storeEmpty(s, p, opcode, bytes, format == SINGLE ? 0xffc00000 : 0xfff8000000000000, 0, pops);
  const a = slot(s, 0);
  const value = format == SINGLE ? <u64>toSingle(seOf(a), mOf(a)) : toDouble(seOf(a), mOf(a));
  return finishStore(s, p, opcode, bytes, value, 0, pops);
}

function storeInteger(s: usize, p: usize, opcode: u32, format: i32, truncates: bool, pops: bool): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  const bytes = bytesOf(format);
  const bits = <i32>bytes << 3;
  if (empty(s, 0)) return storeEmpty(s, p, opcode, bytes, 0x8000000000000000 >> (64 - bits), 0, pops);
  if (truncates) setRounding(TRUNCATE);
  const a = slot(s, 0);
  return finishStore(s, p, opcode, bytes, toInteger(seOf(a), mOf(a), bits), 0, pops);
}

export function opFldSingle(s: usize, p: usize): i32 {
  return loadMemory(s, p, 0xd9, SINGLE);
}
export function opFldDouble(s: usize, p: usize): i32 {
  return loadMemory(s, p, 0xdd, DOUBLE);
}
export function opFildInt16(s: usize, p: usize): i32 {
  return loadMemory(s, p, 0xdf, INT16);
}
export function opFildInt32(s: usize, p: usize): i32 {
  return loadMemory(s, p, 0xdb, INT32);
}
export function opFildInt64(s: usize, p: usize): i32 {
  return loadMemory(s, p, 0xdf, INT64);
}

export function opFldExtended(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  const host = readableBytes(s, effective(p), 10);
  if (host == 0) return FAULT;
  give(load<u16>(host, 8), load<u64>(host));
  return pushResult(s, p, 0xdb);
}

export function opFbld(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  const host = readableBytes(s, effective(p), 10);
  if (host == 0) return FAULT;
  fromDecimal(load<u64>(host), load<u16>(host, 8));
  return pushResult(s, p, 0xdf);
}

export function opFld(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  const i = rm(p);
  if (empty(s, i)) {
    if (underflow(s, p, 0xd9)) push(s, INDEFINITE_SE, INDEFINITE_M);
  } else if (!empty(s, 7)) {
    if (overflow(s, p, 0xd9)) push(s, INDEFINITE_SE, INDEFINITE_M);
  } else {
    const a = slot(s, i);
    const se = seOf(a);
    const m = mOf(a);
    settleQuietly(s, p, 0xd9);
    push(s, se, m);
  }
  return NEXT;
}

export function opFstSingle(s: usize, p: usize): i32 {
  return storeFloat(s, p, 0xd9, SINGLE, false);
}
export function opFstpSingle(s: usize, p: usize): i32 {
  return storeFloat(s, p, 0xd9, SINGLE, true);
}
export function opFstDouble(s: usize, p: usize): i32 {
  return storeFloat(s, p, 0xdd, DOUBLE, false);
}
export function opFstpDouble(s: usize, p: usize): i32 {
  return storeFloat(s, p, 0xdd, DOUBLE, true);
}
export function opFistInt16(s: usize, p: usize): i32 {
  return storeInteger(s, p, 0xdf, INT16, false, false);
}
export function opFistInt32(s: usize, p: usize): i32 {
  return storeInteger(s, p, 0xdb, INT32, false, false);
}
export function opFistpInt16(s: usize, p: usize): i32 {
  return storeInteger(s, p, 0xdf, INT16, false, true);
}
export function opFistpInt32(s: usize, p: usize): i32 {
  return storeInteger(s, p, 0xdb, INT32, false, true);
}
export function opFistpInt64(s: usize, p: usize): i32 {
  return storeInteger(s, p, 0xdf, INT64, false, true);
}
export function opFisttpInt16(s: usize, p: usize): i32 {
  return storeInteger(s, p, 0xdf, INT16, true, true);
}
export function opFisttpInt32(s: usize, p: usize): i32 {
  return storeInteger(s, p, 0xdb, INT32, true, true);
}
export function opFisttpInt64(s: usize, p: usize): i32 {
  return storeInteger(s, p, 0xdd, INT64, true, true);
}

export function opFstpExtended(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  if (empty(s, 0)) return storeEmpty(s, p, 0xdb, 10, INDEFINITE_M, INDEFINITE_SE, true);
  const a = slot(s, 0);
  return finishStore(s, p, 0xdb, 10, mOf(a), seOf(a), true);
}

export function opFbstp(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  if (empty(s, 0)) return storeEmpty(s, p, 0xdf, 10, 0xc000000000000000, 0xffff, true);
  const a = slot(s, 0);
  const digits = toDecimal(seOf(a), mOf(a));
  return finishStore(s, p, 0xdf, 10, digits, decimalTop, true);
}

function storeRegister(s: usize, p: usize, pops: bool): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  const i = rm(p);
  if (empty(s, 0)) {
    if (!underflow(s, p, 0xdd)) return NEXT;
    putIndefinite(s, i);
  } else {
    const a = slot(s, 0);
    settleQuietly(s, p, 0xdd);
    put(s, i, seOf(a), mOf(a));
  }
  if (pops) pop(s);
  return NEXT;
}

export function opFst(s: usize, p: usize): i32 {
  return storeRegister(s, p, false);
}
export function opFstp(s: usize, p: usize): i32 {
  return storeRegister(s, p, true);
}

/** D9 /3, an alias of FSTP ST(i) without stack underflow: an empty ST(0) is popped and not copied. */
export function opFstpUnchecked(s: usize, p: usize): i32 {
  if (!empty(s, 0)) return storeRegister(s, p, true);
  const refused = enter(s);
  if (refused != NEXT) return refused;
  settleQuietly(s, p, 0xd9);
  pop(s);
  return NEXT;
}

export function opFxch(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  const i = rm(p);
  if (empty(s, 0) || empty(s, i)) {
    const first = empty(s, 0);
    const second = empty(s, i);
    if (!underflow(s, p, 0xd9)) return NEXT;
    if (first) putIndefinite(s, 0);
    if (second) putIndefinite(s, i);
  } else settleQuietly(s, p, 0xd9);
  const a = slot(s, 0);
  const b = slot(s, i);
  const se = seOf(a);
  const m = mOf(a);
  put(s, 0, seOf(b), mOf(b));
  put(s, i, se, m);
  return NEXT;
}

/** FCMOVcc: opcode bits and condition code of CMOVcc. */
function moveIf(s: usize, p: usize, opcode: u32, code: u32): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  const i = rm(p);
  if (empty(s, 0) || empty(s, i)) {
    if (underflow(s, p, opcode)) putIndefinite(s, 0);
    return NEXT;
  }
  remember(s, p, opcode);
  if (condition(s, code) != 0) {
    const b = slot(s, i);
    put(s, 0, seOf(b), mOf(b));
  }
  return NEXT;
}

export function opFcmovb(s: usize, p: usize): i32 {
  return moveIf(s, p, 0xda, 2);
}
export function opFcmove(s: usize, p: usize): i32 {
  return moveIf(s, p, 0xda, 4);
}
export function opFcmovbe(s: usize, p: usize): i32 {
  return moveIf(s, p, 0xda, 6);
}
export function opFcmovu(s: usize, p: usize): i32 {
  return moveIf(s, p, 0xda, 10);
}
export function opFcmovnb(s: usize, p: usize): i32 {
  return moveIf(s, p, 0xdb, 3);
}
export function opFcmovne(s: usize, p: usize): i32 {
  return moveIf(s, p, 0xdb, 5);
}
export function opFcmovnbe(s: usize, p: usize): i32 {
  return moveIf(s, p, 0xdb, 7);
}
export function opFcmovnu(s: usize, p: usize): i32 {
  return moveIf(s, p, 0xdb, 11);
}

/** FLD1 FLDL2T FLDL2E FLDPI FLDLG2 FLDLN2 FLDZ, by modrm.rm: the constants, rounded as the control word says. */
export function opFldConstant(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  const mode = rounding;
  switch (rm(p)) {
    case 0: give(0x3fff, 0x8000000000000000); break;
    case 1: give(0x4000, 0xd49a784bcd1b8afe + <u64>(mode == UP)); break;
    case 2: give(0x3fff, 0xb8aa3b295c17f0bc - <u64>(mode == DOWN || mode == TRUNCATE)); break;
    case 3: give(0x4000, 0xc90fdaa22168c235 - <u64>(mode == DOWN || mode == TRUNCATE)); break;
    case 4: give(0x3ffd, 0x9a209a84fbcff799 - <u64>(mode == DOWN || mode == TRUNCATE)); break;
    case 5: give(0x3ffe, 0xb17217f7d1cf79ac - <u64>(mode == DOWN || mode == TRUNCATE)); break;
    default: give(0, 0); break;
  }
  return pushResult(s, p, 0xd9);
}

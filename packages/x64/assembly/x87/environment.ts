/**
 * FNSTENV, FLDENV, FNSAVE, FRSTOR, FXSAVE and FXRSTOR: the unit's state in memory. SDM volume 1 chapters 8.1.10, 10.5.
 *
 * Every byte is read, and every page made writable, before anything changes.
 */
import { misaligned, readableBytes, writableBytes, written } from '../memory';
import { MODE_64, MODE_CODE } from '../mode';
import { FAULT, NEXT, OP_LOG, OP_REX_W, OP_FLAGS, effective, faultCode } from '../op';
import { flushUser, NOT_READABLE, NOT_WRITABLE } from '../system/paging';
import {
  ALIGNMENT_CHECK,
  CR0,
  FPU_CONTROL,
  FPU_LAST_CS,
  FPU_LAST_DP,
  FPU_LAST_DS,
  FPU_LAST_IP,
  FPU_OPCODE,
  FPU_REGISTERS,
  FPU_STATUS,
  FPU_TAG,

  FLAG_SYSTEM,
  MODE,
  MXCSR,
  XMM,
} from '../../src/state';
import { classify, NORMAL, ZERO } from './extended';
import { initialize, setControl } from './forms-control';
import { enter, enterControl, mOf, seOf, setStatusWord, slot, statusWord, summarize } from './unit';

const VECTOR_GP = 13;
const VECTOR_AC = 17;
/** Bits of MXCSR that exist. */
export const MXCSR_MASK: u32 = 0xffff;
/** Bytes of a chunk of guest memory: parts of an area are taken one by one. */
const CHUNK: u32 = 16;

/** The tag word, with the kinds of values: 0 valid, 1 zero, 2 special, 3 empty. */
function tagWord(s: usize): u32 {
  let word: u32 = 0;
  const tags = <u32>load<u16>(s, FPU_TAG);
  for (let i: u32 = 0; i < 8; i++) {
    const register = s + FPU_REGISTERS + (i << 4);
    let tag: u32 = 3;
    if (((tags >> (i << 1)) & 3) != 3) {
      const kind = classify(seOf(register), mOf(register));
      tag = kind == ZERO ? 1 : kind == NORMAL ? 0 : 2;
    }
    word |= tag << (i << 1);
  }
  return word;
}

/** The environment has 16-bit fields. */
// @ts-ignore: decorator
@inline
function small(p: usize): bool {
  return load<u8>(p, OP_LOG) == 1;
}

/** Real-address or virtual-8086 mode, where pointers are linear addresses. */
function realFormat(s: usize): bool {
  return (load<u64>(s, CR0) & 1) == 0 || (load<u32>(s, FLAG_SYSTEM) & 0x20000) != 0;
}

/** Field n of an environment (FCW, FSW, FTW, and four of pointers). */
function field(s: usize, n: u32, is16: bool): u32 {
  if (n == 0) return load<u16>(s, FPU_CONTROL);
  if (n == 1) return statusWord(s);
  if (n == 2) return tagWord(s);
  const ip = load<u32>(s, FPU_LAST_IP);
  const dp = load<u32>(s, FPU_LAST_DP);
  const opcode = <u32>load<u16>(s, FPU_OPCODE) & 0x7ff;
  if (realFormat(s)) {
    const linearIp = ip + (<u32>load<u16>(s, FPU_LAST_CS) << 4);
    if (n == 3) return linearIp & 0xffff;
    if (n == 5) return dp & 0xffff;
    const upper = n == 4 ? linearIp >> 16 : dp >> 16;
    return ((is16 ? upper & 15 : upper) << 12) | (n == 4 ? opcode : 0);
  }
  if (n == 3) return is16 ? ip & 0xffff : ip;
  if (n == 4) return load<u16>(s, FPU_LAST_CS) | (is16 ? 0 : opcode << 16);
  if (n == 5) return is16 ? dp & 0xffff : dp;
  return load<u16>(s, FPU_LAST_DS);
}

/** Writes an environment in pieces of 4 bytes. @returns false on a fault */
function storeEnvironment(s: usize, a: u64, is16: bool): bool {
  const size: u32 = is16 ? 2 : 4;
  if (!touch(s, a, size * 7)) return false;
  for (let n: u32 = 0; n < 7; n++) {
    const host = writableBytes(s, a + n * size, size, false);
    if (host == 0) return false;
    const value = field(s, n, is16);
    if (is16) store<u16>(host, <u16>value);
    else store<u32>(host, n < 3 ? value | 0xffff0000 : n == 6 && !realFormat(s) ? value | 0xffff0000 : value);
    if (!written(s, host)) return false;
  }
  return true;
}

/** Makes sure that both ends of an area can be written. */
function touch(s: usize, a: u64, bytes: u32): bool {
  return writableBytes(s, a, 1, false) != 0 && writableBytes(s, a + bytes - 1, 1, false) != 0;
}

/** Makes sure that both ends of an area can be read. */
function probe(s: usize, a: u64, bytes: u32): bool {
  return readableBytes(s, a, 1) != 0 && readableBytes(s, a + bytes - 1, 1) != 0;
}

/** Reads field n of an environment. */
function fetchField(s: usize, a: u64, n: u32, is16: bool): u32 {
  const host = is16 ? readableBytes(s, a + n * 2, 2) : readableBytes(s, a + n * 4, 4);
  return host == 0 ? 0 : is16 ? <u32>load<u16>(host) : load<u32>(host);
}

function loadEnvironment(s: usize, a: u64, is16: bool): void {
  const control = fetchField(s, a, 0, is16);
  setStatusWord(s, fetchField(s, a, 1, is16) & 0xffff);
  store<u16>(s, <u16>fetchField(s, a, 2, is16), FPU_TAG);
  const f3 = fetchField(s, a, 3, is16);
  const f4 = fetchField(s, a, 4, is16);
  const f5 = fetchField(s, a, 5, is16);
  const f6 = fetchField(s, a, 6, is16);
  if (realFormat(s)) {
    store<u64>(s, (f3 & 0xffff) | ((f4 << 4) & 0xffff0000), FPU_LAST_IP);
    store<u64>(s, (f5 & 0xffff) | ((f6 << 4) & 0xffff0000), FPU_LAST_DP);
    store<u16>(s, <u16>f4 & 0x7ff, FPU_OPCODE);
    store<u16>(s, 0, FPU_LAST_CS);
    store<u16>(s, 0, FPU_LAST_DS);
  } else {
    store<u64>(s, f3, FPU_LAST_IP);
    store<u16>(s, <u16>f4, FPU_LAST_CS);
    store<u64>(s, f5, FPU_LAST_DP);
    store<u16>(s, <u16>f6, FPU_LAST_DS);
    store<u16>(s, is16 ? 0 : <u16>(f4 >> 16) & 0x7ff, FPU_OPCODE);
  }
  setControl(s, control);
}

/**
 * Begins an access to an area whose parts are taken one by one: only its beginning is checked for alignment (`unit`).
 * @returns what {@link endArea} is to be given, -1 after #AC
 */
function beginArea(s: usize, a: u64, unit: u32, barred: u64): i32 {
  const check = load<i32>(s, ALIGNMENT_CHECK);
  if (check != 0 && misaligned(s, a, unit, barred)) return -1;
  store<i32>(s, 0, ALIGNMENT_CHECK);
  return check;
}

function endArea(s: usize, check: i32, outcome: i32): i32 {
  store<i32>(s, check, ALIGNMENT_CHECK);
  // Its pages came into the TLB meanwhile, where nobody would look at the next access.
  if (check != 0) flushUser(s);
  return outcome;
}

export function opFnstenv(s: usize, p: usize): i32 {
  const refused = enterControl(s);
  if (refused != NEXT) return refused;
  if (!storeEnvironment(s, effective(p), small(p))) return FAULT;
  store<u16>(s, load<u16>(s, FPU_CONTROL) | 0x3f, FPU_CONTROL);
  summarize(s);
  return NEXT;
}

export function opFldenv(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  const a = effective(p);
  const check = beginArea(s, a, small(p) ? 2 : 4, NOT_READABLE);
  if (check < 0) return FAULT;
  if (!probe(s, a, small(p) ? 14 : 28)) return endArea(s, check, FAULT);
  loadEnvironment(s, a, small(p));
  return endArea(s, check, NEXT);
}

export function opFnsave(s: usize, p: usize): i32 {
  const refused = enterControl(s);
  if (refused != NEXT) return refused;
  const a = effective(p);
  const check = beginArea(s, a, small(p) ? 2 : 4, NOT_WRITABLE);
  return check < 0 ? FAULT : endArea(s, check, saveAll(s, p, a));
}

function saveAll(s: usize, p: usize, a: u64): i32 {
  const size: u32 = small(p) ? 14 : 28;
  if (!touch(s, a, size + 80) || !storeEnvironment(s, a, small(p))) return FAULT;
  for (let i: u32 = 0; i < 8; i++) {
    const host = writableBytes(s, a + size + i * 10, 10, false);
    if (host == 0) return FAULT;
    const register = slot(s, i);
    store<u64>(host, mOf(register));
    store<u16>(host, <u16>seOf(register), 8);
    if (!written(s, host)) return FAULT;
  }
  initialize(s);
  return NEXT;
}

export function opFrstor(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  const a = effective(p);
  const check = beginArea(s, a, small(p) ? 2 : 4, NOT_READABLE);
  return check < 0 ? FAULT : endArea(s, check, restoreAll(s, p, a));
}

function restoreAll(s: usize, p: usize, a: u64): i32 {
  const size: u32 = small(p) ? 14 : 28;
  if (!probe(s, a, size + 80)) return FAULT;
  loadEnvironment(s, a, small(p));
  for (let i: u32 = 0; i < 8; i++) {
    const host = readableBytes(s, a + size + i * 10, 10);
    if (host == 0) return FAULT;
    const register = slot(s, i);
    store<u64>(register, load<u64>(host));
    store<u16>(register, load<u16>(host, 8), 8);
  }
  return NEXT;
}

/** #NM of FXSAVE and FXRSTOR, and their alignment. @returns NEXT or FAULT */
function enterArea(s: usize, a: u64): i32 {
  const refused = enterControl(s);
  if (refused != NEXT) return refused;
  if ((a & 15) == 0) return NEXT;
  // With alignment checks, AMD's processors raise #GP only where a dword is aligned.
  return faultCode(s, (a & 3) != 0 && load<u32>(s, ALIGNMENT_CHECK) != 0 ? VECTOR_AC : VECTOR_GP, 0);
}

/** XMM registers that the mode has. */
// @ts-ignore: decorator
@inline
function vectors(s: usize): u32 {
  return (load<u32>(s, MODE) & MODE_CODE) == MODE_64 ? 16 : 8;
}

/** Writes 16 bytes at a + offset, which is aligned. */
function storeRow(s: usize, a: u64, offset: u32, first: u64, second: u64): bool {
  const host = writableBytes(s, a + offset, CHUNK, false);
  if (host == 0) return false;
  store<u64>(host, first);
  store<u64>(host, second, 8);
  return written(s, host);
}

export function opFxsave(s: usize, p: usize): i32 {
  const a = effective(p);
  const refused = enterArea(s, a);
  if (refused != NEXT) return refused;
  if (!touch(s, a, 512)) return FAULT;
  const wide = (load<u8>(p, OP_FLAGS) & OP_REX_W) != 0;
  const tags = <u32>load<u16>(s, FPU_TAG);
  let valid: u64 = 0;
  for (let i: u32 = 0; i < 8; i++) if (((tags >> (i << 1)) & 3) != 3) valid |= 1 << i;
  // AMD's processors save where the last instruction was only while an exception is pending.
  const pending = (load<u16>(s, FPU_STATUS) & 0x80) != 0;
  let ip = pending ? load<u64>(s, FPU_LAST_IP) : 0;
  let dp = pending ? load<u64>(s, FPU_LAST_DP) : 0;
  const opcode = pending ? <u64>load<u16>(s, FPU_OPCODE) & 0x7ff : 0;
  if (!wide) {
    ip &= 0xffffffff;
    dp &= 0xffffffff;
    if (pending) {
      ip |= <u64>load<u16>(s, FPU_LAST_CS) << 32;
      dp |= <u64>load<u16>(s, FPU_LAST_DS) << 32;
    }
  }
  const words = <u64>load<u16>(s, FPU_CONTROL) | (<u64>statusWord(s) << 16) | (valid << 32) | (opcode << 48);
  if (!storeRow(s, a, 0, words, ip)) return FAULT;
  if (!storeRow(s, a, 16, dp, <u64>load<u32>(s, MXCSR) | (<u64>MXCSR_MASK << 32))) return FAULT;
  for (let i: u32 = 0; i < 8; i++) {
    const register = slot(s, i);
    if (!storeRow(s, a, 32 + i * 16, mOf(register), seOf(register))) return FAULT;
  }
  for (let i: u32 = 0, n = vectors(s); i < n; i++) {
    const register = s + XMM + (i << 6);
    if (!storeRow(s, a, 160 + i * 16, load<u64>(register), load<u64>(register, 8))) return FAULT;
  }
  return NEXT;
}

export function opFxrstor(s: usize, p: usize): i32 {
  const a = effective(p);
  const refused = enterArea(s, a);
  if (refused != NEXT) return refused;
  if (!probe(s, a, 512)) return FAULT;
  const wide = (load<u8>(p, OP_FLAGS) & OP_REX_W) != 0;
  let host = readableBytes(s, a + 16, CHUNK);
  if (host == 0) return FAULT;
  const dp = load<u64>(host);
  const mxcsr = load<u32>(host, 8);
  if ((mxcsr & ~MXCSR_MASK) != 0) return faultCode(s, VECTOR_GP, 0);
  host = readableBytes(s, a, CHUNK);
  if (host == 0) return FAULT;
  const control = load<u16>(host);
  const status = load<u16>(host, 2);
  const valid = <u32>load<u8>(host, 4);
  const ip = load<u64>(host, 8);
  store<u16>(s, load<u16>(host, 6) & 0x7ff, FPU_OPCODE);
  store<u32>(s, mxcsr, MXCSR);
  setStatusWord(s, status);
  let tags: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) if (((valid >> i) & 1) == 0) tags |= 3 << (i << 1);
  store<u16>(s, <u16>tags, FPU_TAG);
  if (wide) {
    store<u64>(s, ip, FPU_LAST_IP);
    store<u64>(s, dp, FPU_LAST_DP);
    store<u16>(s, 0, FPU_LAST_CS);
    store<u16>(s, 0, FPU_LAST_DS);
  } else {
    store<u64>(s, ip & 0xffffffff, FPU_LAST_IP);
    store<u64>(s, dp & 0xffffffff, FPU_LAST_DP);
    store<u16>(s, <u16>(ip >> 32), FPU_LAST_CS);
    store<u16>(s, <u16>(dp >> 32), FPU_LAST_DS);
  }
  setControl(s, control);
  for (let i: u32 = 0; i < 8; i++) {
    host = readableBytes(s, a + 32 + i * 16, CHUNK);
    if (host == 0) return FAULT;
    const register = slot(s, i);
    store<u64>(register, load<u64>(host));
    store<u16>(register, load<u16>(host, 8), 8);
  }
  for (let i: u32 = 0, n = vectors(s); i < n; i++) {
    host = readableBytes(s, a + 160 + i * 16, CHUNK);
    if (host == 0) return FAULT;
    const register = s + XMM + (i << 6);
    store<u64>(register, load<u64>(host));
    store<u64>(register, load<u64>(host, 8), 8);
  }
  return NEXT;
}

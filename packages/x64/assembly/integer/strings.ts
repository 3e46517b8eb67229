/**
 * String instructions (SDM volume 2, REP). Each iteration is complete before the next begins; a fault or an exit leaves
 * the registers at the iteration that met it, and RIP at the instruction. Long ones stop now and then to let
 * interrupts in: they return JUMP with RIP at themselves.
 *
 * Runs within one page go through memory.copy and memory.fill where that cannot be told from single steps: DF clear,
 * and for MOVS no destination inside the source run ahead of it.
 */
import { CMP } from '../arithmetic';
import { DF, zero } from '../flags';
import { readableBytes, writableBytes, written, writableRun } from '../memory';
import { FAULT, JUMP, NEXT, OP_FLAGS, OP_REP, OP_REPNE, OP_SEGMENT, ripOf } from '../op';
import { loadSized, logOf, putSized, storeSized } from '../operand';
import {
  ALIGNMENT_CHECK,
  BOUNCE,
  CHARGE,
  DEBUG_EXACT,
  DEBUG_TABLE,
  ES,
  EXIT_REQUEST,
  FLAG_SYSTEM,
  MODE,
  RAX,
  RCX,
  RDI,
  RIP,
  RSI,
  SINGLE,
  STRING_DONE,
  ZERO,
} from '../../src/state';
import { watchedAhead } from '../debugger';
import { watchedRun } from '../system/paging';
import { MODE_64, MODE_CODE } from '../mode';
import { compute } from './alu';
import { NO_ADDRESS, segmentAddress, truncate } from './address';
import { addressLogOf } from './registers';
import { stepping } from '../system/exceptions';

/** Iterations before a look at EXIT_REQUEST. */
const PATIENCE: u32 = 4096;

const MOVS = 0;
const STOS = 1;
const LODS = 2;
const CMPS = 3;
const SCAS = 4;

export function opMovs(s: usize, p: usize): i32 {
  return repeat(s, p, MOVS);
}
export function opStos(s: usize, p: usize): i32 {
  return repeat(s, p, STOS);
}
export function opLods(s: usize, p: usize): i32 {
  return repeat(s, p, LODS);
}
export function opCmps(s: usize, p: usize): i32 {
  return repeat(s, p, CMPS);
}
export function opScas(s: usize, p: usize): i32 {
  return repeat(s, p, SCAS);
}

function repeat(s: usize, p: usize, kind: i32): i32 {
  const flags: u32 = load<u8>(p, OP_FLAGS);
  if ((flags & (OP_REP | OP_REPNE)) == 0) return once(s, p, kind) ? NEXT : FAULT;
  const log = addressLogOf(p);
  let done = load<u32>(s, STRING_DONE);
  store<u32>(s, 0, STRING_DONE);
  for (;;) {
    const count = loadSized(s + RCX, log);
    if (count == 0) return NEXT;
    if (done >= PATIENCE || (done != 0 && load<u32>(s, EXIT_REQUEST) != 0)) return pause(s, p, done);
    const run = kind <= STOS ? bulk(s, p, kind, log, count, PATIENCE) : 0;
    if (run == WATCHED) return faults(s, done);
    if (run != 0) {
      putSized(s + RCX, log, count - run);
      done += run;
      continue;
    }
    if (!once(s, p, kind)) return faults(s, done);
    done++;
    putSized(s + RCX, log, count - 1);
    if (kind >= CMPS && zero(s) != <u32>((flags & OP_REP) != 0)) return NEXT;
    // What the caller answered belongs to this one iteration.
    if (alone(s)) return count == 1 ? NEXT : pause(s, p, done);
  }
  return NEXT;
}

/** An iteration met a fault, or an access that is watched: in an exact run that one is not noticed. */
function faults(s: usize, done: u32): i32 {
  if (load<u32>(s, DEBUG_EXACT) != 0 && watchedAhead(s)) store<u32>(s, done, STRING_DONE);
  else store<u32>(s, load<u32>(s, CHARGE) + done, CHARGE);
  return FAULT;
}

/** Each iteration is looked at by somebody. */
function alone(s: usize): bool {
  const single = load<u32>(s, SINGLE);
  return (load<u32>(s, DEBUG_EXACT) == 0 ? single : single & 1) != 0 || stepping(s);
}

function pause(s: usize, p: usize, done: u32): i32 {
  store<u32>(s, load<u32>(s, CHARGE) + done, CHARGE);
  store<u64>(s, ripOf(s, p), RIP);
  return JUMP;
}

/** Linear address of [segment:register]; NO_ADDRESS on a fault outside 64-bit mode. */
function at(s: usize, record: usize, register: usize, log: u32, size: u32): u64 {
  const offset = truncate(load<u64>(s + register), log);
  if ((load<u32>(s, MODE) & MODE_CODE) == MODE_64)
    return record == s + ES || record == s + ZERO ? offset : load<u64>(record) + offset;
  return segmentAddress(s, record, offset, size);
}

function refused(s: usize, a: u64): bool {
  return a == NO_ADDRESS && (load<u32>(s, MODE) & MODE_CODE) != MODE_64;
}

/** Moves an index register by one element. */
function step(s: usize, register: usize, log: u32, bytes: i64): void {
  const slot = s + register;
  putSized(slot, log, <u64>(<i64>loadSized(slot, log) + bytes));
}

/** One iteration. @returns false on a fault */
function once(s: usize, p: usize, kind: i32): bool {
  const log = logOf(p);
  const size: u32 = 1 << log;
  const addressLog = addressLogOf(p);
  const move: i64 = (load<u32>(s, FLAG_SYSTEM) & DF) != 0 ? -(<i64>size) : <i64>size;
  let first: u64 = 0;
  if (kind == MOVS || kind == LODS || kind == CMPS) {
    const a = at(s, load<u32>(p, OP_SEGMENT), RSI, addressLog, size);
    if (refused(s, a)) return false;
    const host = readableBytes(s, a, size);
    if (host == 0) return false;
    first = loadSized(host, log);
  } else first = loadSized(s + RAX, log);
  if (kind == LODS) putSized(s + RAX, log, first);
  else {
    const a = at(s, s + ES, RDI, addressLog, size);
    if (refused(s, a)) return false;
    if (kind <= STOS) {
      const host = writableBytes(s, a, size, false);
      if (host == 0) return false;
      storeSized(host, log, first);
      if (!written(s, host)) return false;
    } else {
      const host = readableBytes(s, a, size);
      if (host == 0) return false;
      compute(s, CMP, log, first, loadSized(host, log));
    }
    step(s, RDI, addressLog, move);
  }
  if (kind == MOVS || kind == LODS || kind == CMPS) step(s, RSI, addressLog, move);
  return true;
}

/** Of {@link bulk}: one of the accesses is watched. */
const WATCHED: u32 = 0xffffffff;

/** Does up to `count` iterations of MOVS or STOS at once, within one page each. @returns how many, 0 for none, or WATCHED */
function bulk(s: usize, p: usize, kind: i32, addressLog: u32, count: u64, most: u32): u32 {
  if (addressLog != 3 || (load<u32>(s, FLAG_SYSTEM) & DF) != 0 || alone(s)) return 0;
  const log = logOf(p);
  const to = load<u64>(s, RDI);
  let bytes: u32 = 0x1000 - ((<u32>to) & 0xfff);
  let from: u64 = 0;
  if (kind == MOVS) {
    const record: usize = load<u32>(p, OP_SEGMENT);
    from = load<u64>(record) + load<u64>(s, RSI);
    const left: u32 = 0x1000 - ((<u32>from) & 0xfff);
    if (left < bytes) bytes = left;
  }
  let n: u32 = bytes >> log;
  if (<u64>n > count) n = <u32>count;
  if (n > most) n = most;
  if (n < 4) return 0;
  bytes = n << log;
  let target = writableRun(s, to, bytes);
  if (target == 0 && load<u32>(s, DEBUG_EXACT) != 0) target = watchedRun(s, to, bytes);
  if (target == 0) return watchedAhead(s) ? WATCHED : 0;
  if (kind == MOVS) {
    const looked = load<u32>(s, DEBUG_TABLE) != 0 && load<u32>(s, ALIGNMENT_CHECK) == 0 ? bytes : 1;
    const source = readableBytes(s, from, looked);
    if (source == 0) return watchedAhead(s) ? WATCHED : 0;
    if (source == s + BOUNCE) return 0;
    // Copying forward into what is still to be read repeats a pattern.
    if (target > source && target < source + bytes) return 0;
    memory.copy(target, source, bytes);
    store<u64>(s, load<u64>(s, RSI) + bytes, RSI);
  } else {
    const value = loadSized(s + RAX, log);
    if (log == 0 || value == 0) memory.fill(target, <u8>value, bytes);
    else for (let i: u32 = 0; i < n; i++) storeSized(target + (i << log), log, value);
  }
  store<u64>(s, to + bytes, RDI);
  return n;
}

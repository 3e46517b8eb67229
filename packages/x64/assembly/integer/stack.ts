/** Stack instructions of any width (SDM volume 2). The stack segment's base and limit count outside 64-bit mode. */
import { AC, readFlags, writeFlags } from '../flags';
import { readableBytes, writableBytes, written } from '../memory';
import { effective, END, FAULT, faultCode, NEXT, OP_IMMEDIATE, OP_TARGET } from '../op';
import { loadSized, logOf, putSized, storeSized, writeSized } from '../operand';
import { CPL, FAULT_CANONICAL, FAULT_VECTOR, FLAG_SYSTEM, GPR, RBP, RSP, SS } from '../../src/state';
import { NO_ADDRESS, segmentAddress, truncate } from './address';
import { accessFlagChanged } from '../system/access-flag';
import { setStackPointer, stackLog, stackPointer } from './registers';

const IOPL_AND_IF: u32 = 0x3200;
const VM_RF: u32 = 0x30000;

/** Pushes; the stack pointer moves when nothing can fail any more. @returns false on a fault */
export function pushValue(s: usize, log: u32, value: u64): bool {
  const sp = truncate(stackPointer(s) - (1 << log), stackLog(s));
  const a = segmentAddress(s, s + SS, sp, 1 << log);
  if (a == NO_ADDRESS || !writeSized(s, stackLinear(s, sp, a), log, value)) return false;
  setStackPointer(s, sp);
  return true;
}

/** What {@link popValue} read. */
export let popped: u64 = 0;

/** Reads the top of the stack into `popped` without moving the pointer. @returns false on a fault */
export function peekValue(s: usize, log: u32, above: u64): bool {
  const sp = truncate(stackPointer(s) + above, stackLog(s));
  const a = segmentAddress(s, s + SS, sp, 1 << log);
  if (a == NO_ADDRESS) return false;
  const host = readableBytes(s, stackLinear(s, sp, a), 1 << log);
  if (host == 0) return stackFault(s);
  popped = loadSized(host, log);
  return true;
}

/** In 64-bit mode SS has no base. */
function stackLinear(s: usize, sp: u64, a: u64): u64 {
  return stackLog(s) == 3 ? sp : a;
}

/** A non-canonical stack address is #SS. */
function stackFault(s: usize): bool {
  if (load<i32>(s, FAULT_VECTOR) == 13 && load<u32>(s, FAULT_CANONICAL) != 0) store<i32>(s, 12, FAULT_VECTOR);
  return false;
}

function drop(s: usize, bytes: u64): void {
  setStackPointer(s, truncate(stackPointer(s) + bytes, stackLog(s)));
}

export function opPush(s: usize, p: usize): i32 {
  const log = logOf(p);
  return pushValue(s, log, loadSized(load<u32>(p, OP_TARGET), log)) || stackFault(s) ? NEXT : FAULT;
}

export function opPushRm(s: usize, p: usize): i32 {
  const log = logOf(p);
  let host: usize = load<u32>(p, OP_TARGET);
  if (host == 0) {
    host = readableBytes(s, effective(p), 1 << log);
    if (host == 0) return FAULT;
  }
  return pushValue(s, log, loadSized(host, log)) || stackFault(s) ? NEXT : FAULT;
}

export function opPop(s: usize, p: usize): i32 {
  const log = logOf(p);
  if (!peekValue(s, log, 0)) return FAULT;
  drop(s, 1 << log);
  putSized(load<u32>(p, OP_TARGET), log, popped);
  return NEXT;
}

/** POP r/m: an address with RSP in it uses RSP after the pop. */
export function opPopRm(s: usize, p: usize): i32 {
  const log = logOf(p);
  if (!peekValue(s, log, 0)) return FAULT;
  const value = popped;
  const slot: usize = load<u32>(p, OP_TARGET);
  if (slot != 0) {
    drop(s, 1 << log);
    putSized(slot, log, value);
    return NEXT;
  }
  const before = load<u64>(s, RSP);
  drop(s, 1 << log);
  if (writeSized(s, effective(p), log, value)) return NEXT;
  store<u64>(s, before, RSP);
  return FAULT;
}

export function opPusha(s: usize, p: usize): i32 {
  const log = logOf(p);
  const size = 1 << log;
  const sp = stackPointer(s);
  // All or nothing: the last one is tried first.
  for (let i: u32 = 8; i > 0; i--) {
    const at = truncate(sp - i * size, stackLog(s));
    const a = segmentAddress(s, s + SS, at, size);
    if (a == NO_ADDRESS) return FAULT;
    const host = writableBytes(s, a, size, false);
    if (host == 0) return FAULT;
    storeSized(host, log, loadSized(s + GPR + ((i - 1) << 3), log));
    if (!written(s, host)) return FAULT;
  }
  setStackPointer(s, truncate(sp - 8 * size, stackLog(s)));
  return NEXT;
}

export function opPopa(s: usize, p: usize): i32 {
  const log = logOf(p);
  for (let i: u32 = 0; i < 8; i++) if (!peekValue(s, log, i << log)) return FAULT;
  for (let i: u32 = 0; i < 8; i++) {
    if (!peekValue(s, log, i << log)) return FAULT;
    if (i != 3) putSized(s + GPR + ((7 - i) << 3), log, popped);
  }
  drop(s, 8 << log);
  return NEXT;
}

export function opPushf(s: usize, p: usize): i32 {
  if (restricted(s)) return faultCode(s, 13, 0);
  return pushValue(s, logOf(p), readFlags(s) & ~VM_RF) || stackFault(s) ? NEXT : FAULT;
}

/** POPF: IOPL only at CPL 0, IF only where IOPL allows; ends the block, as IF and TF may have changed. */
export function opPopf(s: usize, p: usize): i32 {
  if (restricted(s)) return faultCode(s, 13, 0);
  const log = logOf(p);
  if (!peekValue(s, log, 0)) return FAULT;
  const old = readFlags(s);
  const cpl = load<u32>(s, CPL);
  let mask: u32 = 0x254dd5;
  if (cpl == 0) mask |= IOPL_AND_IF;
  else if (cpl <= ((old >> 12) & 3)) mask |= 0x200;
  if (log == 1) mask &= 0xffff;
  drop(s, 1 << log);
  const flags = ((old & ~mask) | ((<u32>popped) & mask)) & ~(<u32>0x10000);
  writeFlags(s, flags);
  if (((old ^ flags) & AC) != 0) accessFlagChanged(s);
  return END;
}

/** Virtual-8086 mode with IOPL below 3 does not allow PUSHF and POPF. */
function restricted(s: usize): bool {
  const flags = load<u32>(s, FLAG_SYSTEM);
  return (flags & 0x20000) != 0 && (flags & 0x3000) != 0x3000;
}

export function opLeave(s: usize, p: usize): i32 {
  const log = logOf(p);
  const before = load<u64>(s, RSP);
  setStackPointer(s, truncate(load<u64>(s, RBP), stackLog(s)));
  if (!peekValue(s, log, 0)) {
    store<u64>(s, before, RSP);
    return FAULT;
  }
  drop(s, 1 << log);
  putSized(s + RBP, log, popped);
  return NEXT;
}

/** ENTER: size in the low word of the immediate, nesting level in bits 32-36. */
export function opEnter(s: usize, p: usize): i32 {
  const log = logOf(p);
  const size: u64 = load<u16>(p, OP_IMMEDIATE);
  const level = (<u32>(load<u64>(p, OP_IMMEDIATE) >> 32)) & 31;
  const before = load<u64>(s, RSP);
  let frame = load<u64>(s, RBP);
  if (!pushValue(s, log, frame)) return undo(s, before);
  // All of RSP, whatever part of it the stack segment uses.
  const top = load<u64>(s, RSP);
  if (level > 0) {
    for (let i: u32 = 1; i < level; i++) {
      frame -= 1 << log;
      const at = truncate(frame, stackLog(s));
      const a = segmentAddress(s, s + SS, at, 1 << log);
      if (a == NO_ADDRESS) return undo(s, before);
      const host = readableBytes(s, stackLinear(s, at, a), 1 << log);
      if (host == 0) return undo(s, before);
      if (!pushValue(s, log, loadSized(host, log))) return undo(s, before);
    }
    if (!pushValue(s, log, top)) return undo(s, before);
  }
  const sp = truncate(stackPointer(s) - size, stackLog(s));
  // The new top must be writable, though nothing is written.
  const a = segmentAddress(s, s + SS, sp, 1 << log);
  if (a == NO_ADDRESS || writableBytes(s, stackLinear(s, sp, a), 1 << log, true) == 0) return undo(s, before);
  putSized(s + RBP, log, top);
  setStackPointer(s, sp);
  return NEXT;
}

function undo(s: usize, rsp: u64): i32 {
  store<u64>(s, rsp, RSP);
  stackFault(s);
  return FAULT;
}

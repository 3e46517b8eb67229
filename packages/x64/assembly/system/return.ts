/**
 * IRET in every mode, and writes of RFLAGS by POPF and IRET (APM volume 3).
 */
import { FAULT, JUMP, faultCode } from '../op';
import { CPL, CS, FLAG_SYSTEM, NMI_STATE, RIP, RSP, SEG_BASE, SEG_LIMIT, TR } from '../../src/state';
import { peek } from './access';
import { accessFlagChanged } from './access-flag';
import { breakpointsEnabled } from './breakpoints';
import { GENERAL_PROTECTION, INVALID_TSS, attributesOf, descriptor, markDescriptor } from './descriptors';
import {
  FLAG_AC,
  FLAG_DF,
  FLAG_ID,
  FLAG_IF,
  FLAG_IOPL,
  FLAG_NT,
  FLAG_RF,
  FLAG_TF,
  FLAG_VIF,
  FLAG_VIP,
  FLAG_VM,
  LONG,
  STATUS_FLAGS,
  code64,
  describedSegments,
  failed,
  iopl,
  longMode,
  rflags,
  setRflags,
  virtual8086,
} from './machine';
import {
  SEG_CS,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
  SEG_SS,
  checkStackSegment,
  dropPrivilegedSegments,
  loadCode,
  loadRealSegment,
  loadStackSegment,
} from './segments';
import { commitStack, openStack, pop, setStackPointer } from './stack';
import { TASK_RETURN, beginTransfer, readTask, switchTask, taskSwitched } from './task-switch';
import { checkOffset, checkReturn, endTransfer } from './transfer';

/** Bit of NMI_STATE: no NMI before the next IRET. */
const NMI_BLOCKED: u32 = 2;

/** IRET. `log`: log2 of the operand size (1-3); `next`: address of the instruction after it, for task switches. */
export function interruptReturn(s: usize, log: u32, next: u64): i32 {
  const size: u32 = 1 << log;
  const virtual = virtual8086(s);
  if (virtual && iopl(s) < 3) return faultCode(s, GENERAL_PROTECTION, 0);
  if (describedSegments(s) && (load<u32>(s, FLAG_SYSTEM) & FLAG_NT) != 0) {
    return longMode(s) ? faultCode(s, GENERAL_PROTECTION, 0) : taskReturn(s, next);
  }
  openStack(s);
  const offset = pop(s, size);
  if (failed(s)) return FAULT;
  const selector = (<u32>pop(s, size)) & 0xffff;
  if (failed(s)) return FAULT;
  const flags = <u32>pop(s, size);
  if (failed(s)) return FAULT;

  if (!describedSegments(s)) {
    if (offset > <u64>load<u32>(s, CS + SEG_LIMIT)) return faultCode(s, GENERAL_PROTECTION, 0);
    commitStack(s);
    loadRealSegment(s, SEG_CS, selector);
    finish(s, offset, flags, log, load<u32>(s, CPL), iopl(s));
    return JUMP;
  }

  if ((flags & FLAG_VM) != 0 && log == 2 && load<u32>(s, CPL) == 0 && !longMode(s)) return toVirtual(s, offset, selector, flags);
  if (!checkReturn(s, selector)) return FAULT;
  if (!checkOffset(s, descriptor, offset, 0)) return FAULT;
  if (!markDescriptor(s, 1)) return FAULT;
  const code = descriptor;
  const target = selector & 3;
  const cpl = load<u32>(s, CPL);
  const oldIopl = iopl(s);
  if (target == cpl && !code64(s)) {
    commitStack(s);
    loadCode(s, selector, target, code);
    finish(s, offset, flags, log, cpl, oldIopl);
    return JUMP;
  }

  // Always from 64-bit code, elsewhere only to an outer level: the stack is popped as well.
  const pointer = pop(s, size);
  if (failed(s)) return FAULT;
  const stackSelector = (<u32>pop(s, size)) & 0xffff;
  if (failed(s)) return FAULT;
  const to64 = longMode(s) && (attributesOf(code) & LONG) != 0;
  if (!checkStackSegment(s, stackSelector, target, GENERAL_PROTECTION, to64)) return FAULT;
  const stack = descriptor;
  loadCode(s, selector, target, code);
  loadStackSegment(s, stackSelector, target, stack);
  setStackPointer(s, pointer);
  if (target != cpl) dropPrivilegedSegments(s);
  finish(s, offset, flags, log, cpl, oldIopl);
  return JUMP;
}

/** IRET with NT: back to the task that the back link names. */
function taskReturn(s: usize, next: u64): i32 {
  const link = <u32>peek(s, load<u64>(s, TR + SEG_BASE) & 0xffffffff, 2, 0);
  if (failed(s)) return FAULT;
  beginTransfer();
  const done = readTask(s, link, INVALID_TSS, true, 0) && switchTask(s, link, TASK_RETURN, next, 0);
  if (done || taskSwitched) store<u32>(s, load<u32>(s, NMI_STATE) & ~NMI_BLOCKED, NMI_STATE);
  return done ? JUMP : endTransfer(s);
}

/** IRET to virtual-8086 mode: its stack and data segments are on the stack as well. */
function toVirtual(s: usize, offset: u64, selector: u32, flags: u32): i32 {
  if (offset > 0xffff) return faultCode(s, GENERAL_PROTECTION, 0);
  const pointer = pop(s, 4);
  if (failed(s)) return FAULT;
  const ss = <u32>pop(s, 4);
  if (failed(s)) return FAULT;
  const es = <u32>pop(s, 4);
  if (failed(s)) return FAULT;
  const ds = <u32>pop(s, 4);
  if (failed(s)) return FAULT;
  const fs = <u32>pop(s, 4);
  if (failed(s)) return FAULT;
  const gs = <u32>pop(s, 4);
  if (failed(s)) return FAULT;
  setRflags(s, breakpointsEnabled(s) ? flags : flags & ~FLAG_RF);
  store<u32>(s, 3, CPL);
  loadRealSegment(s, SEG_CS, selector);
  loadRealSegment(s, SEG_SS, ss & 0xffff);
  loadRealSegment(s, SEG_ES, es & 0xffff);
  loadRealSegment(s, SEG_DS, ds & 0xffff);
  loadRealSegment(s, SEG_FS, fs & 0xffff);
  loadRealSegment(s, SEG_GS, gs & 0xffff);
  store<u64>(s, pointer, RSP);
  store<u64>(s, offset, RIP);
  store<u32>(s, load<u32>(s, NMI_STATE) & ~NMI_BLOCKED, NMI_STATE);
  return JUMP;
}

function finish(s: usize, offset: u64, flags: u32, log: u32, cpl: u32, oldIopl: u32): void {
  writeFlags(s, flags, log, cpl, oldIopl);
  accessFlagChanged(s);
  // RF matters only to instruction breakpoints, and nothing else would take it away again.
  if (log != 1 && breakpointsEnabled(s)) store<u32>(s, load<u32>(s, FLAG_SYSTEM) | (flags & FLAG_RF), FLAG_SYSTEM);
  store<u64>(s, offset, RIP);
  store<u32>(s, load<u32>(s, NMI_STATE) & ~NMI_BLOCKED, NMI_STATE);
}

/**
 * Writes the flags that privilege `cpl` with I/O privilege `ioPrivilege` may change; RF becomes 0. `log` 1: bits 0-15 only.
 */
export function writeFlags(s: usize, value: u32, log: u32, cpl: u32, ioPrivilege: u32): void {
  let change = STATUS_FLAGS | FLAG_TF | FLAG_DF | FLAG_NT;
  if (log != 1) change |= FLAG_AC | FLAG_ID;
  if (cpl == 0) {
    change |= FLAG_IOPL;
    if (log != 1) change |= FLAG_VIF | FLAG_VIP;
  }
  if (cpl <= ioPrivilege) change |= FLAG_IF;
  setRflags(s, ((rflags(s) & ~change) | (value & change)) & ~FLAG_RF);
}

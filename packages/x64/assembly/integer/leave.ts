/** Instructions whose work the caller of run() does: ports, CPUID, VMCALL, HLT, PAUSE. The TSC is read here. */
import { EXIT_CPUID, EXIT_HALT, EXIT_HYPERCALL, EXIT_IO, EXIT_IO_STRING, EXIT_PAUSE } from '../../src/exits';
import { DF } from '../flags';
import { readableBytes, writableBytes, written } from '../memory';
import {
  advance,
  END,
  EXIT,
  FAULT,
  fault,
  faultCode,
  JUMP,
  NEXT,
  OP_FLAGS,
  OP_IMMEDIATE,
  OP_PLACE,
  OP_REP,
  OP_REPNE,
  OP_SEGMENT,
  ripOf,
} from '../op';
import { loadSized, logOf, putSized, storeSized } from '../operand';
import {
  CPL,
  CR0,
  CR4,
  ES,
  EXIT_INDEX,
  EXIT_LENGTH,
  EXIT_PORT,
  EXIT_REASON,
  EXIT_SIZE,
  EXIT_VALUE,
  EXIT_WRITE,
  FLAG_SYSTEM,
  HALTED,
  MMIO_READS,
  MMIO_READ_COUNT,
  MODE,
  MSR_TSC_AUX,
  RAX,
  RCX,
  RDI,
  RDX,
  RIP,
  RSI,
  SINGLE,
  ZERO,
} from '../../src/state';
import { MODE_64, MODE_CODE } from '../mode';
import { NO_ADDRESS, segmentAddress, truncate } from './address';
import { addressLogOf } from './registers';
import { watchPorts } from '../system/breakpoints';
import { ioAllowed } from '../system/io-permission';
import { CR0_PE } from '../system/machine';
import { readTsc } from '../system/msr';

function leave(s: usize, p: usize, reason: u32): i32 {
  store<u32>(s, reason, EXIT_REASON);
  store<u32>(s, (<u32>load<u16>(p, OP_PLACE)) >> 12, EXIT_LENGTH);
  return EXIT;
}

/** Leaves with RIP at the instruction. */
function leaveAt(s: usize, p: usize, reason: u32): i32 {
  store<u64>(s, ripOf(s, p), RIP);
  return leave(s, p, reason);
}

/** Leaves with the instruction done. */
function leaveAfter(s: usize, p: usize, reason: u32): i32 {
  advance(s, p);
  return leave(s, p, reason);
}

export function opHlt(s: usize, p: usize): i32 {
  if (load<u32>(s, CPL) != 0) return faultCode(s, 13, 0);
  store<u32>(s, 1, HALTED);
  return leaveAfter(s, p, EXIT_HALT);
}

export function opPause(s: usize, p: usize): i32 {
  return leaveAfter(s, p, EXIT_PAUSE);
}

/** Hypercalls are the kernel's: from user mode, and in real mode, the instruction does not exist (TLFS 3.7). */
export function opVmcall(s: usize, p: usize): i32 {
  if (load<u32>(s, CPL) != 0 || (load<u64>(s, CR0) & CR0_PE) == 0) return fault(s, 6);
  return leaveAt(s, p, EXIT_HYPERCALL);
}

/** What it answers is the caller's matter. */
export function opCpuid(s: usize, p: usize): i32 {
  store<u32>(s, load<u32>(s, RAX), EXIT_INDEX);
  store<u64>(s, load<u32>(s, RCX), EXIT_VALUE);
  return leaveAt(s, p, EXIT_CPUID);
}

const CR4_TSD: u64 = 4;

/** RDTSC ends the block, so that instructions are counted before the next one reads the clock again. */
export function opRdtsc(s: usize, p: usize): i32 {
  if ((load<u64>(s, CR4) & CR4_TSD) != 0 && load<u32>(s, CPL) != 0) return faultCode(s, 13, 0);
  const tsc = readTsc(s);
  store<u64>(s, tsc & 0xffffffff, RAX);
  store<u64>(s, tsc >> 32, RDX);
  return END;
}

export function opRdtscp(s: usize, p: usize): i32 {
  const outcome = opRdtsc(s, p);
  if (outcome == END) store<u64>(s, <u64>load<u32>(s, MSR_TSC_AUX), RCX);
  return outcome;
}

export function opIn(s: usize, p: usize): i32 {
  return port(s, p, <u32>load<u16>(s, RDX), false);
}
export function opOut(s: usize, p: usize): i32 {
  return port(s, p, <u32>load<u16>(s, RDX), true);
}
export function opInImmediate(s: usize, p: usize): i32 {
  return port(s, p, <u32>load<u8>(p, OP_IMMEDIATE), false);
}
export function opOutImmediate(s: usize, p: usize): i32 {
  return port(s, p, <u32>load<u8>(p, OP_IMMEDIATE), true);
}

/** The width of a port access: 64-bit operand size is 32. */
function portLog(p: usize): u32 {
  const log = logOf(p);
  return log == 3 ? 2 : log;
}

function port(s: usize, p: usize, number: u32, write: bool): i32 {
  const log = portLog(p);
  if (!ioAllowed(s, number, 1 << log)) return FAULT;
  watchPorts(s, number, 1 << log);
  store<u32>(s, number, EXIT_PORT);
  store<u32>(s, 1 << log, EXIT_SIZE);
  store<u32>(s, write ? 1 : 0, EXIT_WRITE);
  store<u64>(s, write ? loadSized(s + RAX, log) : 0, EXIT_VALUE);
  return leaveAfter(s, p, EXIT_IO);
}

export function opIns(s: usize, p: usize): i32 {
  return portString(s, p, false);
}
export function opOuts(s: usize, p: usize): i32 {
  return portString(s, p, true);
}

/**
 * One element of INS or OUTS per exit. OUTS moves on before it leaves; INS leaves first, starts over when the caller has
 * put the value into the first MMIO record, and then stores it. With REP, RIP stays until the count is 0.
 */
function portString(s: usize, p: usize, write: bool): i32 {
  const addressLog = addressLogOf(p);
  const repeats = (load<u8>(p, OP_FLAGS) & (OP_REP | OP_REPNE)) != 0;
  const count = loadSized(s + RCX, addressLog);
  if (repeats && count == 0) return END;
  const log = portLog(p);
  const size: u32 = 1 << log;
  const number: u32 = load<u16>(s, RDX);
  if (!ioAllowed(s, number, size)) return FAULT;
  const register = write ? RSI : RDI;
  const offset = truncate(load<u64>(s + register), addressLog);
  const record = write ? <usize>load<u32>(p, OP_SEGMENT) : s + ES;
  let a: u64;
  if ((load<u32>(s, MODE) & MODE_CODE) == MODE_64) a = offset + (write && record != s + ZERO ? load<u64>(record) : 0);
  else {
    a = segmentAddress(s, record, offset, size);
    if (a == NO_ADDRESS) return FAULT;
  }
  let value: u64 = 0;
  if (write) {
    const host = readableBytes(s, a, size);
    if (host == 0) return FAULT;
    value = loadSized(host, log);
  } else {
    const host = writableBytes(s, a, size, false);
    if (host == 0) return FAULT;
    if (load<u32>(s, MMIO_READ_COUNT) != 0) {
      storeSized(host, log, load<u64>(s + MMIO_READS, 8));
      if (!written(s, host)) return FAULT;
      store<u32>(s, 0, MMIO_READ_COUNT);
      store<u32>(s, load<u32>(s, SINGLE) & ~1, SINGLE);
      watchPorts(s, number, size);
      moveOn(s, p, register, addressLog, size, repeats, count);
      if (repeats && count > 1) store<u64>(s, ripOf(s, p), RIP);
      else advance(s, p);
      return JUMP;
    }
  }
  store<u32>(s, number, EXIT_PORT);
  store<u32>(s, size, EXIT_SIZE);
  store<u32>(s, write ? 1 : 0, EXIT_WRITE);
  store<u64>(s, value, EXIT_VALUE);
  if (!write) {
    store<u32>(s, load<u32>(s, SINGLE) | 1, SINGLE);
    return leaveAt(s, p, EXIT_IO_STRING);
  }
  watchPorts(s, number, size);
  moveOn(s, p, register, addressLog, size, repeats, count);
  return repeats && count > 1 ? leaveAt(s, p, EXIT_IO_STRING) : leaveAfter(s, p, EXIT_IO_STRING);
}

function moveOn(s: usize, p: usize, register: usize, log: u32, size: u32, repeats: bool, count: u64): void {
  const slot = s + register;
  const by: i64 = (load<u32>(s, FLAG_SYSTEM) & DF) != 0 ? -(<i64>size) : <i64>size;
  putSized(slot, log, <u64>(<i64>loadSized(slot, log) + by));
  if (repeats) putSized(s + RCX, log, count - 1);
}

/** Near transfers outside the run loop's cases: 16- and 32-bit code, LOOP, JCXZ; flags of one bit. */
import { carry, CF, condition, DF, setStatusFlags, statusFlags, zero } from '../flags';
import { FAULT, faultCode, JUMP, NEXT, nextRipOf, OP_IMMEDIATE, OP_MODRM } from '../op';
import { firstHost, loadSized, logOf, putSized } from '../operand';
import { CODE_BASE, CS, FLAG_SYSTEM, MODE, RCX, RIP, SEG_LIMIT } from '../../src/state';
import { MODE_64, MODE_CODE } from '../mode';
import { truncate } from './address';
import { addressLogOf, setStackPointer, stackLog, stackPointer } from './registers';
import { peekValue, popped, pushValue } from './stack';

/** Goes to `rip`, truncated to the operand size; #GP beyond the limit or where it is not canonical. */
function jumpTo(s: usize, p: usize, rip: u64): i32 {
  const to = truncate(rip, logOf(p));
  if (
    (load<u32>(s, MODE) & MODE_CODE) == MODE_64
      ? <u64>(((<i64>to) << 16) >> 16) != to
      : to > <u64>load<u32>(s + CS, SEG_LIMIT)
  ) {
    return faultCode(s, 13, 0);
  }
  store<u64>(s, to, RIP);
  return JUMP;
}

/** Target of a relative jump. */
function targetOf(s: usize, p: usize): u64 {
  return load<u64>(s, CODE_BASE) + load<u64>(p, OP_IMMEDIATE);
}

export function opJmp(s: usize, p: usize): i32 {
  return jumpTo(s, p, targetOf(s, p));
}

/** Jcc: the condition is in the opcode, which the decoder keeps in place of a modrm byte. */
export function opJcc(s: usize, p: usize): i32 {
  return branch(s, p, condition(s, load<u8>(p, OP_MODRM)) != 0);
}

function branch(s: usize, p: usize, taken: bool): i32 {
  if (taken) return jumpTo(s, p, targetOf(s, p));
  store<u64>(s, nextRipOf(s, p), RIP);
  return JUMP;
}

export function opJmpRm(s: usize, p: usize): i32 {
  const host = firstHost(s, p);
  return host == 0 ? FAULT : jumpTo(s, p, loadSized(host, logOf(p)));
}

export function opCall(s: usize, p: usize): i32 {
  return callTo(s, p, targetOf(s, p));
}

export function opCallRm(s: usize, p: usize): i32 {
  const host = firstHost(s, p);
  return host == 0 ? FAULT : callTo(s, p, loadSized(host, logOf(p)));
}

function callTo(s: usize, p: usize, rip: u64): i32 {
  const before = load<u64>(s, RIP);
  const outcome = jumpTo(s, p, rip);
  if (outcome == FAULT) return FAULT;
  if (pushValue(s, logOf(p), nextRipOf(s, p))) return JUMP;
  store<u64>(s, before, RIP);
  return FAULT;
}

export function opRet(s: usize, p: usize): i32 {
  const log = logOf(p);
  if (!peekValue(s, log, 0)) return FAULT;
  const outcome = jumpTo(s, p, popped);
  if (outcome == JUMP)
    setStackPointer(s, truncate(stackPointer(s) + (1 << log) + load<u64>(p, OP_IMMEDIATE), stackLog(s)));
  return outcome;
}

export function opLoop(s: usize, p: usize): i32 {
  return loop(s, p, true);
}
export function opLoope(s: usize, p: usize): i32 {
  return loop(s, p, zero(s) != 0);
}
export function opLoopne(s: usize, p: usize): i32 {
  return loop(s, p, zero(s) == 0);
}

function loop(s: usize, p: usize, go: bool): i32 {
  const log = addressLogOf(p);
  const count = truncate(loadSized(s + RCX, log) - 1, log);
  const outcome = branch(s, p, go && count != 0);
  if (outcome == JUMP) putSized(s + RCX, log, count);
  return outcome;
}

export function opJcxz(s: usize, p: usize): i32 {
  return branch(s, p, loadSized(s + RCX, addressLogOf(p)) == 0);
}

export function opClc(s: usize, p: usize): i32 {
  return setCarry(s, 0);
}
export function opStc(s: usize, p: usize): i32 {
  return setCarry(s, 1);
}
export function opCmc(s: usize, p: usize): i32 {
  return setCarry(s, carry(s) ^ 1);
}

function setCarry(s: usize, value: u32): i32 {
  setStatusFlags(s, (statusFlags(s) & ~CF) | value);
  return NEXT;
}

export function opCld(s: usize, p: usize): i32 {
  store<u32>(s, load<u32>(s, FLAG_SYSTEM) & ~DF, FLAG_SYSTEM);
  return NEXT;
}

export function opStd(s: usize, p: usize): i32 {
  store<u32>(s, load<u32>(s, FLAG_SYSTEM) | DF, FLAG_SYSTEM);
  return NEXT;
}

/** Handlers of far transfers, software interrupts, IRET and the fast system calls. */
import { overflow } from '../flags';
import { readableBytes } from '../memory';
import { FAULT, NEXT, OP_IMMEDIATE, OP_LOG, effective, nextRipOf } from '../op';
import { FROM_PROCESSOR, FROM_PROGRAM } from './delivery';
import { softwareInterrupt } from './exceptions';
import { systemCall, systemEnter, systemExit, systemReturn } from './fast-calls';
import { interruptReturn } from './return';
import { farCall, farJump, farReturn } from './transfer';

export function opJmpFar(s: usize, p: usize): i32 {
  return farJump(s, load<u16>(p, OP_IMMEDIATE + 4), load<u32>(p, OP_IMMEDIATE), load<u8>(p, OP_LOG));
}

export function opCallFar(s: usize, p: usize): i32 {
  return farCall(s, load<u16>(p, OP_IMMEDIATE + 4), load<u32>(p, OP_IMMEDIATE), load<u8>(p, OP_LOG), nextRipOf(s, p));
}

export function opJmpFarMemory(s: usize, p: usize): i32 {
  return readPointer(s, p) ? farJump(s, pointerSelector, pointerOffset, load<u8>(p, OP_LOG)) : FAULT;
}

export function opCallFarMemory(s: usize, p: usize): i32 {
  return readPointer(s, p) ? farCall(s, pointerSelector, pointerOffset, load<u8>(p, OP_LOG), nextRipOf(s, p)) : FAULT;
}

/** With and without a count of bytes to drop: the immediate is 0 in the latter. */
export function opRetFar(s: usize, p: usize): i32 {
  return farReturn(s, load<u8>(p, OP_LOG), load<u16>(p, OP_IMMEDIATE));
}

export function opIret(s: usize, p: usize): i32 {
  return interruptReturn(s, load<u8>(p, OP_LOG));
}

export function opInt3(s: usize, p: usize): i32 {
  return softwareInterrupt(s, 3, FROM_PROGRAM, nextRipOf(s, p));
}

export function opInt(s: usize, p: usize): i32 {
  return softwareInterrupt(s, load<u8>(p, OP_IMMEDIATE), FROM_PROGRAM, nextRipOf(s, p));
}

export function opInto(s: usize, p: usize): i32 {
  return overflow(s) != 0 ? softwareInterrupt(s, 4, FROM_PROGRAM, nextRipOf(s, p)) : NEXT;
}

export function opIcebp(s: usize, p: usize): i32 {
  return softwareInterrupt(s, 1, FROM_PROCESSOR, nextRipOf(s, p));
}

export function opSyscall(s: usize, p: usize): i32 {
  return systemCall(s, nextRipOf(s, p));
}

export function opSysret(s: usize, p: usize): i32 {
  return systemReturn(s, load<u8>(p, OP_LOG) == 3);
}

export function opSysenter(s: usize, p: usize): i32 {
  return systemEnter(s);
}

export function opSysexit(s: usize, p: usize): i32 {
  return systemExit(s);
}

let pointerOffset: u64 = 0;
let pointerSelector: u32 = 0;

function readPointer(s: usize, p: usize): bool {
  const log: u32 = load<u8>(p, OP_LOG);
  const size: u32 = 1 << log;
  const host = readableBytes(s, effective(p), size + 2);
  if (host == 0) return false;
  pointerOffset = log == 3 ? load<u64>(host) : log == 2 ? <u64>load<u32>(host) : <u64>load<u16>(host);
  pointerSelector = load<u16>(host + size);
  return true;
}

/** Handlers of far transfers, software interrupts, IRET and the fast system calls. */
import { overflow } from '../flags';
import { FAULT, NEXT, OP_IMMEDIATE, OP_LOG, faultCode, nextRipOf } from '../op';
import { FROM_PROCESSOR, FROM_PROGRAM } from './delivery';
import { softwareInterrupt } from './exceptions';
import { systemCall, systemEnter, systemExit, systemReturn } from './fast-calls';
import { GENERAL_PROTECTION } from './descriptors';
import { iopl, virtual8086 } from './machine';
import { farOffset, farSelector, readFarPointer } from './operands';
import { interruptReturn } from './return';
import { farCall, farJump, farReturn } from './transfer';

export function opJmpFar(s: usize, p: usize): i32 {
  return farJump(s, load<u16>(p, OP_IMMEDIATE + 4), load<u32>(p, OP_IMMEDIATE), load<u8>(p, OP_LOG), nextRipOf(s, p));
}

export function opCallFar(s: usize, p: usize): i32 {
  return farCall(s, load<u16>(p, OP_IMMEDIATE + 4), load<u32>(p, OP_IMMEDIATE), load<u8>(p, OP_LOG), nextRipOf(s, p));
}

export function opJmpFarMemory(s: usize, p: usize): i32 {
  return readFarPointer(s, p) ? farJump(s, farSelector, farOffset, load<u8>(p, OP_LOG), nextRipOf(s, p)) : FAULT;
}

export function opCallFarMemory(s: usize, p: usize): i32 {
  return readFarPointer(s, p) ? farCall(s, farSelector, farOffset, load<u8>(p, OP_LOG), nextRipOf(s, p)) : FAULT;
}

/** With and without a count of bytes to drop: the immediate is 0 in the latter. */
export function opRetFar(s: usize, p: usize): i32 {
  return farReturn(s, load<u8>(p, OP_LOG), load<u16>(p, OP_IMMEDIATE));
}

export function opIret(s: usize, p: usize): i32 {
  return interruptReturn(s, load<u8>(p, OP_LOG), nextRipOf(s, p));
}

export function opInt3(s: usize, p: usize): i32 {
  return softwareInterrupt(s, 3, FROM_PROGRAM, nextRipOf(s, p));
}

/** In virtual-8086 mode INT n is sensitive to IOPL; INT3, INTO and INT1 are not. */
export function opInt(s: usize, p: usize): i32 {
  if (virtual8086(s) && iopl(s) < 3) return faultCode(s, GENERAL_PROTECTION, 0);
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

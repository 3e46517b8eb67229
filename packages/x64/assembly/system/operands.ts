/** Operands of system instructions: 16-bit sources, results in a register or memory, privilege. */
import { readable, readableBytes, write } from '../memory';
import { EXIT, FAULT, NEXT, OP_FLAGS, OP_LOG, OP_MEMORY, OP_TARGET, effective, faultCode, ripOf } from '../op';
import { CPL, CR4, RIP } from '../../src/state';
import { GENERAL_PROTECTION } from './descriptors';
import { CR4_UMIP } from './machine';

/** The r/m operand is memory. */
export function isMemory(p: usize): bool {
  return (load<u8>(p, OP_FLAGS) & OP_MEMORY) != 0;
}

/** A 16-bit r/m operand whose register slot is at `field` of the op. @returns -1 on a fault */
export function word(s: usize, p: usize, field: usize): i32 {
  if (!isMemory(p)) return load<u16>(<usize>load<u32>(p + field));
  const host = readable<u16>(s, effective(p));
  return host == 0 ? -1 : <i32>load<u16>(host);
}

/** Writes a register slot with the op's operand size: 32-bit writes clear the upper half. */
export function putRegister(p: usize, slot: usize, value: u64): void {
  const log: u32 = load<u8>(p, OP_LOG);
  if (log == 3) store<u64>(slot, value);
  else if (log == 2) store<u64>(slot, value & 0xffffffff);
  else store<u16>(slot, <u16>value);
}

export let farOffset: u64 = 0;
export let farSelector: u32 = 0;

/** Reads a far pointer in memory into {@link farOffset} and {@link farSelector}. @returns false on a fault */
export function readFarPointer(s: usize, p: usize): bool {
  const log: u32 = load<u8>(p, OP_LOG);
  const a = effective(p);
  // Two words of 16 bits are aligned as words, not as a dword.
  const whole = readableBytes(s, a, log == 1 ? 2 : (1 << log) + 2);
  if (whole == 0) return false;
  if (log == 1) {
    farOffset = load<u16>(whole);
    const second = readableBytes(s, a + 2, 2);
    if (second == 0) return false;
    farSelector = load<u16>(second);
    return true;
  }
  farOffset = log == 3 ? load<u64>(whole) : <u64>load<u32>(whole);
  farSelector = load<u16>(whole + (1 << log));
  return true;
}

/** Stores what SLDT, STR, SMSW and MOV from a segment give: 16 bits to memory, the operand size to a register. */
export function putWord(s: usize, p: usize, value: u64): i32 {
  if (isMemory(p)) return write<u16>(s, effective(p), <u16>value) ? NEXT : FAULT;
  putRegister(p, load<u32>(p, OP_TARGET), value);
  return NEXT;
}

/** Faults unless CPL is 0. */
export function kernelOnly(s: usize): bool {
  if (load<u32>(s, CPL) == 0) return true;
  faultCode(s, GENERAL_PROTECTION, 0);
  return false;
}

/** Faults when CR4.UMIP keeps the system registers from user mode. */
export function visibleToUser(s: usize): bool {
  if (load<u32>(s, CPL) == 0 || (load<u64>(s, CR4) & CR4_UMIP) == 0) return true;
  faultCode(s, GENERAL_PROTECTION, 0);
  return false;
}

/** An exit whose instruction starts over: RIP becomes its address. */
export function exitHere(s: usize, p: usize): i32 {
  store<u64>(s, ripOf(s, p), RIP);
  return EXIT;
}

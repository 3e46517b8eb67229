/**
 * SYSCALL, SYSRET, SYSENTER and SYSEXIT as AMD's processors do them (APM volume 2 section 6.1, volume 3):
 *
 * - SYSCALL works in every mode; SYSRET does not check RCX: the first fetch in user mode faults.
 * - SYSENTER and SYSEXIT are undefined in long mode.
 */
import { updateMode } from '../mode';
import { JUMP, fault, faultCode } from '../op';
import {
  CPL,
  CS,
  EFER,
  MSR_CSTAR,
  MSR_LSTAR,
  MSR_SFMASK,
  MSR_STAR,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  RCX,
  RDX,
  RIP,
  RSP,
  SS,
} from '../../src/state';
import { GENERAL_PROTECTION } from './descriptors';
import { cancelStep } from './exceptions';
import {
  EFER_SCE,
  FLAG_IF,
  FLAG_RF,
  FLAG_TF,
  FLAG_VM,
  code64,
  gpr,
  longMode,
  protectedMode,
  rflags,
  setGpr,
  setRflags,
  setSegment,
} from './machine';

const R11: u32 = 11;
const UNDEFINED_OPCODE: i32 = 6;

/** Present, code, readable, accessed; DPL 0. */
const CODE: u32 = 0x9b;
/** Present, data, writable, accessed; DPL 0. */
const DATA: u32 = 0x93;
const DPL3: u32 = 0x60;
const LONG_CODE: u32 = 0xa000;
const FLAT_32: u32 = 0xc000;

/** SYSCALL; `next` is the address of the instruction after it. */
export function systemCall(s: usize, next: u64): i32 {
  if ((load<u64>(s, EFER) & EFER_SCE) == 0) return fault(s, UNDEFINED_OPCODE);
  const star = load<u64>(s, MSR_STAR);
  const selector = (<u32>(star >> 32)) & 0xfffc;
  const flags = rflags(s) & ~FLAG_RF;
  const long = longMode(s);
  if (long) {
    store<u64>(s, next, RCX);
    setGpr(s, R11, flags);
    store<u64>(s, code64(s) ? load<u64>(s, MSR_LSTAR) : load<u64>(s, MSR_CSTAR), RIP);
    setRflags(s, flags & ~(<u32>load<u64>(s, MSR_SFMASK)));
  } else {
    store<u64>(s, next & 0xffffffff, RCX);
    store<u64>(s, star & 0xffffffff, RIP);
    setRflags(s, flags & ~(FLAG_IF | FLAG_VM));
  }
  enter(s, selector, CODE | (long ? LONG_CODE : FLAT_32), 0, DATA | FLAT_32);
  if ((rflags(s) & FLAG_TF) == 0) cancelStep();
  return JUMP;
}

/** SYSRET. `wide`: REX.W, the caller is 64-bit code. */
export function systemReturn(s: usize, wide: bool): i32 {
  if ((load<u64>(s, EFER) & EFER_SCE) == 0) return fault(s, UNDEFINED_OPCODE);
  if (!protectedMode(s) || load<u32>(s, CPL) != 0) return faultCode(s, GENERAL_PROTECTION, 0);
  const base = <u32>(load<u64>(s, MSR_STAR) >> 48);
  if (longMode(s)) setRflags(s, (<u32>gpr(s, R11)) & ~(FLAG_RF | FLAG_VM));
  else setRflags(s, rflags(s) | FLAG_IF);
  store<u64>(s, wide ? load<u64>(s, RCX) : load<u64>(s, RCX) & 0xffffffff, RIP);
  const code = (wide ? base + 16 : base) | 3;
  setSegment(s + CS, code & 0xffff, 0, 0xffffffff, CODE | DPL3 | (wide ? LONG_CODE : FLAT_32));
  setSegment(s + SS, ((base + 8) | 3) & 0xffff, 0, 0xffffffff, DATA | DPL3 | FLAT_32);
  store<u32>(s, 3, CPL);
  updateMode(s);
  return JUMP;
}

/** SYSENTER. */
export function systemEnter(s: usize): i32 {
  if (longMode(s)) return fault(s, UNDEFINED_OPCODE);
  const selector = (<u32>load<u64>(s, MSR_SYSENTER_CS)) & 0xffff;
  if (!protectedMode(s) || (selector & 0xfffc) == 0) return faultCode(s, GENERAL_PROTECTION, 0);
  setRflags(s, rflags(s) & ~(FLAG_IF | FLAG_VM | FLAG_RF));
  store<u64>(s, load<u64>(s, MSR_SYSENTER_EIP) & 0xffffffff, RIP);
  store<u64>(s, load<u64>(s, MSR_SYSENTER_ESP) & 0xffffffff, RSP);
  enter(s, selector & 0xfffc, CODE | FLAT_32, 0, DATA | FLAT_32);
  return JUMP;
}

/** SYSEXIT. */
export function systemExit(s: usize): i32 {
  if (longMode(s)) return fault(s, UNDEFINED_OPCODE);
  const selector = (<u32>load<u64>(s, MSR_SYSENTER_CS)) & 0xffff;
  if (!protectedMode(s) || (selector & 0xfffc) == 0 || load<u32>(s, CPL) != 0) {
    return faultCode(s, GENERAL_PROTECTION, 0);
  }
  store<u64>(s, load<u64>(s, RDX) & 0xffffffff, RIP);
  store<u64>(s, load<u64>(s, RCX) & 0xffffffff, RSP);
  enter(s, (selector + 16) | 3, CODE | DPL3 | FLAT_32, 3, DATA | DPL3 | FLAT_32);
  return JUMP;
}

/** Loads CS with a flat segment and SS with the selector after it. */
function enter(s: usize, selector: u32, code: u32, cpl: u32, data: u32): void {
  setSegment(s + CS, selector, 0, 0xffffffff, code);
  setSegment(s + SS, (selector + 8) & 0xffff, 0, 0xffffffff, data);
  store<u32>(s, cpl, CPL);
  updateMode(s);
}

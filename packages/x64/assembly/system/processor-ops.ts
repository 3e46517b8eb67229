/** Handlers of the instructions about control, debug and model-specific registers, caches, interrupts and translations. */
import { stopsAtMsr } from '../debugger';
import { readableBytes } from '../memory';
import { END, EXIT, FAULT, NEXT, OP_PLACE, OP_SOURCE, OP_TARGET, advance, effective, fault, faultCode } from '../op';
import { CPL, CR0, CR4, EXIT_LENGTH, FEATURES_7B, FLAG_SYSTEM, GPR, RAX, RCX, RDX, SHADOW } from '../../src/state';
import {
  FEATURE_INVPCID,
  FEATURE_SMAP,
  checkDebugAccess,
  controlExists,
  readControl,
  readDebug,
  writeControl,
  writeCr0,
  writeDebug,
} from './control';
import { closeUserPages } from './access-flag';
import { forgetCodeOf, invalidateContext, invalidateContexts } from './contexts';
import { GENERAL_PROTECTION } from './descriptors';
import { CR0_TS, CR4_PCIDE, FLAG_AC, FLAG_IF, canonical, code64, iopl, protectedMode } from './machine';
import { msrValue, readMsr, writeMsr } from './msr';
import { exitHere, kernelOnly, putWord, visibleToUser, word } from './operands';
import { flushAll, flushPage } from './paging';
import { swapGs } from './segments';

const UNDEFINED_OPCODE: i32 = 6;

/** Number of the register slot that an op's field points to: control and debug registers are decoded like general ones. */
function registerNumber(s: usize, slot: u32): u32 {
  return (slot - <u32>s - GPR) >> 3;
}

export function opMovToControl(s: usize, p: usize): i32 {
  const index = registerNumber(s, load<u32>(p, OP_TARGET));
  if (!controlExists(index)) return fault(s, UNDEFINED_OPCODE);
  if (!kernelOnly(s)) return FAULT;
  const value = load<u64>(<usize>load<u32>(p, OP_SOURCE));
  const outcome = writeControl(s, index, code64(s) ? value : value & 0xffffffff);
  if (outcome == EXIT) advance(s, p);
  return outcome;
}

export function opMovFromControl(s: usize, p: usize): i32 {
  const index = registerNumber(s, load<u32>(p, OP_SOURCE));
  if (!controlExists(index)) return fault(s, UNDEFINED_OPCODE);
  if (!kernelOnly(s)) return FAULT;
  putNatural(s, p, readControl(s, index));
  return NEXT;
}

export function opMovToDebug(s: usize, p: usize): i32 {
  if (!kernelOnly(s)) return FAULT;
  const index = checkDebugAccess(s, registerNumber(s, load<u32>(p, OP_TARGET)));
  if (index < 0) return FAULT;
  const value = load<u64>(<usize>load<u32>(p, OP_SOURCE));
  return writeDebug(s, index, code64(s) ? value : value & 0xffffffff);
}

export function opMovFromDebug(s: usize, p: usize): i32 {
  if (!kernelOnly(s)) return FAULT;
  const index = checkDebugAccess(s, registerNumber(s, load<u32>(p, OP_SOURCE)));
  if (index < 0) return FAULT;
  putNatural(s, p, readDebug(s, index));
  return NEXT;
}

/** These moves have the width of the mode, whatever the prefixes. */
function putNatural(s: usize, p: usize, value: u64): void {
  store<u64>(<usize>load<u32>(p, OP_TARGET), code64(s) ? value : value & 0xffffffff);
}

export function opSmsw(s: usize, p: usize): i32 {
  return visibleToUser(s) ? putWord(s, p, load<u64>(s, CR0)) : FAULT;
}

/** LMSW changes PE, MP, EM and TS, and cannot clear PE. */
export function opLmsw(s: usize, p: usize): i32 {
  if (!kernelOnly(s)) return FAULT;
  const value = word(s, p, OP_TARGET);
  if (value < 0) return FAULT;
  const before = load<u64>(s, CR0);
  return writeCr0(s, (before & ~(<u64>14)) | (value & 15));
}

export function opClts(s: usize, p: usize): i32 {
  if (!kernelOnly(s)) return FAULT;
  store<u64>(s, load<u64>(s, CR0) & ~CR0_TS, CR0);
  return END;
}

export function opRdmsr(s: usize, p: usize): i32 {
  if (!kernelOnly(s)) return FAULT;
  if (stopsAtMsr(s, load<u32>(s, RCX), false)) return exitHere(s, p);
  if (readMsr(s, load<u32>(s, RCX)) == EXIT) return exitWithLength(s, p);
  store<u64>(s, msrValue & 0xffffffff, RAX);
  store<u64>(s, msrValue >> 32, RDX);
  return NEXT;
}

export function opWrmsr(s: usize, p: usize): i32 {
  if (!kernelOnly(s)) return FAULT;
  if (stopsAtMsr(s, load<u32>(s, RCX), true)) return exitHere(s, p);
  const outcome = writeMsr(s, load<u32>(s, RCX), (<u64>load<u32>(s, RAX)) | ((<u64>load<u32>(s, RDX)) << 32));
  return outcome == EXIT ? exitWithLength(s, p) : outcome;
}

function exitWithLength(s: usize, p: usize): i32 {
  store<u32>(s, (<u32>load<u16>(p, OP_PLACE)) >> 12, EXIT_LENGTH);
  return exitHere(s, p);
}

/** There are no performance counters: every index is out of range. */
export function opRdpmc(s: usize, p: usize): i32 {
  return faultCode(s, GENERAL_PROTECTION, 0);
}

/** Memory is always coherent. */
export function opWbinvd(s: usize, p: usize): i32 {
  return kernelOnly(s) ? NEXT : FAULT;
}

export function opInvd(s: usize, p: usize): i32 {
  return kernelOnly(s) ? NEXT : FAULT;
}

/** Caches are always coherent; only a fault of the address is to be seen. */
export function opClflush(s: usize, p: usize): i32 {
  return readableBytes(s, effective(p), 1) != 0 ? NEXT : FAULT;
}

export function opInvlpg(s: usize, p: usize): i32 {
  if (!kernelOnly(s)) return FAULT;
  const address = effective(p);
  flushPage(s, code64(s) ? address : address & 0xffffffff);
  return END;
}

/** INVPCID: of one address (0), of one PCID (1), of everything (2), of everything but global pages (3). */
export function opInvpcid(s: usize, p: usize): i32 {
  if ((load<u32>(s, FEATURES_7B) & FEATURE_INVPCID) == 0) return fault(s, UNDEFINED_OPCODE);
  if (!kernelOnly(s)) return FAULT;
  const host = readableBytes(s, effective(p), 16);
  if (host == 0) return FAULT;
  const register = load<u64>(<usize>load<u32>(p, OP_TARGET));
  const type = code64(s) ? register : register & 0xffffffff;
  const pcid = load<u64>(host);
  const address = load<u64>(host, 8);
  const tagged = (load<u64>(s, CR4) & CR4_PCIDE) != 0;
  if (type > 3 || pcid > 0xfff || (type < 2 && pcid != 0 && !tagged) || (type == 0 && !canonical(address))) {
    return faultCode(s, GENERAL_PROTECTION, 0);
  }
  // More than what is asked for may go: an address in every context.
  if (type == 0) {
    flushPage(s, address);
    forgetCodeOf(s, <u32>pcid);
  } else if (type == 1) invalidateContext(s, <u32>pcid);
  else if (type == 2) flushAll(s);
  else invalidateContexts(s);
  return END;
}

/** CPL 0 of 64-bit code; the decoder knows it in no other mode. */
export function opSwapgs(s: usize, p: usize): i32 {
  return kernelOnly(s) ? swapGs(s) : FAULT;
}

export function opClac(s: usize, p: usize): i32 {
  return setAc(s, 0);
}

export function opStac(s: usize, p: usize): i32 {
  return setAc(s, FLAG_AC);
}

function setAc(s: usize, value: u32): i32 {
  if ((load<u32>(s, FEATURES_7B) & FEATURE_SMAP) == 0 || load<u32>(s, CPL) != 0) return fault(s, UNDEFINED_OPCODE);
  store<u32>(s, (load<u32>(s, FLAG_SYSTEM) & ~FLAG_AC) | value, FLAG_SYSTEM);
  if (value == 0) closeUserPages(s);
  return NEXT;
}

export function opCli(s: usize, p: usize): i32 {
  if (!mayMaskInterrupts(s)) return FAULT;
  store<u32>(s, load<u32>(s, FLAG_SYSTEM) & ~FLAG_IF, FLAG_SYSTEM);
  return NEXT;
}

/** Interrupts are accepted behind the instruction after STI, unless they were enabled before. */
export function opSti(s: usize, p: usize): i32 {
  if (!mayMaskInterrupts(s)) return FAULT;
  const before = load<u32>(s, FLAG_SYSTEM);
  store<u32>(s, before | FLAG_IF, FLAG_SYSTEM);
  if ((before & FLAG_IF) == 0) store<u32>(s, 1, SHADOW);
  return END;
}

function mayMaskInterrupts(s: usize): bool {
  if (!protectedMode(s) || load<u32>(s, CPL) <= iopl(s)) return true;
  faultCode(s, GENERAL_PROTECTION, 0);
  return false;
}

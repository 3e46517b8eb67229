/** Handlers of the instructions about descriptor tables and selectors. */
import { readableBytes, writableBytes, write, written } from '../memory';
import { FAULT, NEXT, OP_LOG, OP_SOURCE, OP_TARGET, effective, fault, faultCode } from '../op';
import { GDTR_BASE, GDTR_LIMIT, IDTR_BASE, IDTR_LIMIT } from '../../src/state';
import { GENERAL_PROTECTION } from './descriptors';
import { canonical, code64, describedSegments, setZero } from './machine';
import { isMemory, kernelOnly, putRegister, putWord, visibleToUser, word } from './operands';
import { found, loadAccessRights, loadLdt, loadSegmentLimit, loadTask, storeSelector, verify } from './segments';

const UNDEFINED_OPCODE: i32 = 6;
const LDTR_INDEX: u32 = 6;
const TR_INDEX: u32 = 7;

export function opSgdt(s: usize, p: usize): i32 {
  return storeTable(s, p, load<u64>(s, GDTR_BASE), load<u16>(s, GDTR_LIMIT));
}

export function opSidt(s: usize, p: usize): i32 {
  return storeTable(s, p, load<u64>(s, IDTR_BASE), load<u16>(s, IDTR_LIMIT));
}

export function opLgdt(s: usize, p: usize): i32 {
  return loadTable(s, p, GDTR_BASE, GDTR_LIMIT);
}

export function opLidt(s: usize, p: usize): i32 {
  return loadTable(s, p, IDTR_BASE, IDTR_LIMIT);
}

export function opSldt(s: usize, p: usize): i32 {
  return storeSystemSelector(s, p, LDTR_INDEX);
}

export function opStr(s: usize, p: usize): i32 {
  return storeSystemSelector(s, p, TR_INDEX);
}

export function opLldt(s: usize, p: usize): i32 {
  if (!describedSegments(s)) return fault(s, UNDEFINED_OPCODE);
  if (!kernelOnly(s)) return FAULT;
  const selector = word(s, p, OP_TARGET);
  return selector < 0 ? FAULT : loadLdt(s, selector);
}

export function opLtr(s: usize, p: usize): i32 {
  if (!describedSegments(s)) return fault(s, UNDEFINED_OPCODE);
  if (!kernelOnly(s)) return FAULT;
  const selector = word(s, p, OP_TARGET);
  return selector < 0 ? FAULT : loadTask(s, selector);
}

export function opVerr(s: usize, p: usize): i32 {
  return verifySelector(s, p, false);
}

export function opVerw(s: usize, p: usize): i32 {
  return verifySelector(s, p, true);
}

export function opLar(s: usize, p: usize): i32 {
  if (!describedSegments(s)) return fault(s, UNDEFINED_OPCODE);
  const selector = word(s, p, OP_SOURCE);
  return selector < 0 ? FAULT : answer(s, p, loadAccessRights(s, selector));
}

export function opLsl(s: usize, p: usize): i32 {
  if (!describedSegments(s)) return fault(s, UNDEFINED_OPCODE);
  const selector = word(s, p, OP_SOURCE);
  return selector < 0 ? FAULT : answer(s, p, loadSegmentLimit(s, selector));
}

export function opArpl(s: usize, p: usize): i32 {
  if (!describedSegments(s)) return fault(s, UNDEFINED_OPCODE);
  const selector = word(s, p, OP_TARGET);
  if (selector < 0) return FAULT;
  const wanted: i32 = load<u16>(<usize>load<u32>(p, OP_SOURCE)) & 3;
  const raise = (selector & 3) < wanted;
  if (raise) {
    const raised = (selector & ~3) | wanted;
    if (isMemory(p)) {
      if (!write<u16>(s, effective(p), <u16>raised)) return FAULT;
    } else store<u16>(<usize>load<u32>(p, OP_TARGET), <u16>raised);
  }
  setZero(s, raise);
  return NEXT;
}

function storeTable(s: usize, p: usize, base: u64, limit: u32): i32 {
  if (!visibleToUser(s)) return FAULT;
  const size: u32 = code64(s) ? 10 : 6;
  const host = writableBytes(s, effective(p), size, false);
  if (host == 0) return FAULT;
  store<u16>(host, <u16>limit);
  if (size == 10) store<u64>(host, base, 2);
  else store<u32>(host, <u32>base, 2);
  return written(s, host) ? NEXT : FAULT;
}

function loadTable(s: usize, p: usize, baseField: u32, limitField: u32): i32 {
  if (!kernelOnly(s)) return FAULT;
  const wide = code64(s);
  const host = readableBytes(s, effective(p), wide ? 10 : 6);
  if (host == 0) return FAULT;
  let base = wide ? load<u64>(host, 2) : <u64>load<u32>(host, 2);
  if (!wide && load<u8>(p, OP_LOG) == 1) base &= 0xffffff;
  if (wide && !canonical(base)) return faultCode(s, GENERAL_PROTECTION, 0);
  store<u64>(s + baseField, base);
  store<u32>(s + limitField, load<u16>(host));
  return NEXT;
}

function storeSystemSelector(s: usize, p: usize, index: u32): i32 {
  if (!describedSegments(s)) return fault(s, UNDEFINED_OPCODE);
  return visibleToUser(s) ? putWord(s, p, storeSelector(s, index)) : FAULT;
}

function verifySelector(s: usize, p: usize, forWriting: bool): i32 {
  if (!describedSegments(s)) return fault(s, UNDEFINED_OPCODE);
  const selector = word(s, p, OP_TARGET);
  if (selector < 0) return FAULT;
  const good = verify(s, selector, forWriting);
  if (good < 0) return FAULT;
  setZero(s, good != 0);
  return NEXT;
}

/** Ends LAR and LSL: ZF, and the register when the selector was good. */
function answer(s: usize, p: usize, reached: i32): i32 {
  if (reached < 0) return FAULT;
  if (reached != 0) putRegister(p, load<u32>(p, OP_TARGET), found);
  setZero(s, reached != 0);
  return NEXT;
}

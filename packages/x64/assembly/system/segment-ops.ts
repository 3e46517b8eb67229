/** Handlers of the instructions that read and write segment registers. */
import { FAULT, NEXT, OP_LOG, OP_MODRM, OP_SOURCE, OP_TARGET, fault, faultCode } from '../op';
import { CR4, FS_BASE, GS_BASE, RSP } from '../../src/state';
import { GENERAL_PROTECTION } from './descriptors';
import { CR4_FSGSBASE, canonical, failed } from './machine';
import { farOffset, farSelector, putRegister, putWord, readFarPointer, word } from './operands';
import { SEG_CS, SEG_DS, SEG_ES, SEG_FS, SEG_GS, SEG_SS, loadSegment, shadowStack, storeSelector } from './segments';
import { commitStack, openStack, pop, push } from './stack';

const UNDEFINED_OPCODE: i32 = 6;

export function opMovFromSegment(s: usize, p: usize): i32 {
  const index = ((<u32>load<u8>(p, OP_MODRM)) >> 3) & 7;
  return index > SEG_GS ? fault(s, UNDEFINED_OPCODE) : putWord(s, p, storeSelector(s, index));
}

export function opMovToSegment(s: usize, p: usize): i32 {
  const index = ((<u32>load<u8>(p, OP_MODRM)) >> 3) & 7;
  if (index > SEG_GS || index == SEG_CS) return fault(s, UNDEFINED_OPCODE);
  const selector = word(s, p, OP_SOURCE);
  if (selector < 0) return FAULT;
  const outcome = loadSegment(s, index, selector);
  if (outcome != FAULT && index == SEG_SS) shadowStack(s);
  return outcome;
}

export function opPushEs(s: usize, p: usize): i32 {
  return pushSegment(s, p, SEG_ES);
}

export function opPushCs(s: usize, p: usize): i32 {
  return pushSegment(s, p, SEG_CS);
}

export function opPushSs(s: usize, p: usize): i32 {
  return pushSegment(s, p, SEG_SS);
}

export function opPushDs(s: usize, p: usize): i32 {
  return pushSegment(s, p, SEG_DS);
}

export function opPushFs(s: usize, p: usize): i32 {
  return pushSegment(s, p, SEG_FS);
}

export function opPushGs(s: usize, p: usize): i32 {
  return pushSegment(s, p, SEG_GS);
}

export function opPopEs(s: usize, p: usize): i32 {
  return popSegment(s, p, SEG_ES);
}

export function opPopSs(s: usize, p: usize): i32 {
  const outcome = popSegment(s, p, SEG_SS);
  if (outcome != FAULT) shadowStack(s);
  return outcome;
}

export function opPopDs(s: usize, p: usize): i32 {
  return popSegment(s, p, SEG_DS);
}

export function opPopFs(s: usize, p: usize): i32 {
  return popSegment(s, p, SEG_FS);
}

export function opPopGs(s: usize, p: usize): i32 {
  return popSegment(s, p, SEG_GS);
}

export function opLes(s: usize, p: usize): i32 {
  return loadFar(s, p, SEG_ES);
}

export function opLds(s: usize, p: usize): i32 {
  return loadFar(s, p, SEG_DS);
}

export function opLss(s: usize, p: usize): i32 {
  return loadFar(s, p, SEG_SS);
}

export function opLfs(s: usize, p: usize): i32 {
  return loadFar(s, p, SEG_FS);
}

export function opLgs(s: usize, p: usize): i32 {
  return loadFar(s, p, SEG_GS);
}

function pushSegment(s: usize, p: usize, index: u32): i32 {
  openStack(s);
  if (!push(s, 1 << (<u32>load<u8>(p, OP_LOG)), storeSelector(s, index))) return FAULT;
  commitStack(s);
  return NEXT;
}

function popSegment(s: usize, p: usize, index: u32): i32 {
  openStack(s);
  const selector = <u32>pop(s, 1 << (<u32>load<u8>(p, OP_LOG)));
  if (failed(s)) return FAULT;
  // RSP moves in the width of the old stack, and back when the selector is refused.
  const before = load<u64>(s, RSP);
  commitStack(s);
  const outcome = loadSegment(s, index, selector);
  if (outcome == FAULT) store<u64>(s, before, RSP);
  return outcome;
}

/** A register and a segment register from a far pointer in memory. */
function loadFar(s: usize, p: usize, index: u32): i32 {
  if (!readFarPointer(s, p)) return FAULT;
  const outcome = loadSegment(s, index, farSelector);
  if (outcome == FAULT) return FAULT;
  putRegister(p, load<u32>(p, OP_TARGET), farOffset);
  return outcome;
}

export function opRdfsbase(s: usize, p: usize): i32 {
  return readBase(s, p, FS_BASE);
}

export function opRdgsbase(s: usize, p: usize): i32 {
  return readBase(s, p, GS_BASE);
}

export function opWrfsbase(s: usize, p: usize): i32 {
  return writeBase(s, p, FS_BASE);
}

export function opWrgsbase(s: usize, p: usize): i32 {
  return writeBase(s, p, GS_BASE);
}

function readBase(s: usize, p: usize, base: usize): i32 {
  if ((load<u64>(s, CR4) & CR4_FSGSBASE) == 0) return fault(s, UNDEFINED_OPCODE);
  putRegister(p, load<u32>(p, OP_TARGET), load<u64>(s + base));
  return NEXT;
}

function writeBase(s: usize, p: usize, base: usize): i32 {
  if ((load<u64>(s, CR4) & CR4_FSGSBASE) == 0) return fault(s, UNDEFINED_OPCODE);
  const slot: usize = load<u32>(p, OP_TARGET);
  const value = load<u8>(p, OP_LOG) == 3 ? load<u64>(slot) : <u64>load<u32>(slot);
  if (!canonical(value)) return faultCode(s, GENERAL_PROTECTION, 0);
  store<u64>(s + base, value);
  return NEXT;
}

/** Control of the x87, sign and examination, and the exact functions: remainder, rounding, scaling, extraction, root. */
import { FAULT, NEXT, OP_MODRM, effective } from '../op';
import { readable, write } from '../memory';
import {
  FPU_CONTROL,
  FPU_LAST_CS,
  FPU_LAST_DP,
  FPU_LAST_DS,
  FPU_LAST_IP,
  FPU_OPCODE,
  FPU_STATUS,
  FPU_TAG,
  FPU_TOP,
  RAX,
} from '../../src/state';
import { rootExtended } from './arithmetic';
import { EQUAL, LESS, UNORDERED, compareExtended, examine } from './compare';
import { roundToIntegral } from './convert';
import { INDEFINITE_M, INDEFINITE_SE, SIGN, resultM, resultSe } from './extended';
import {
  divided,
  exponentM,
  exponentSe,
  extract,
  partial,
  quotientBits,
  remainderExtended,
  scaleExtended,
} from './remainder';
import {
  C0,
  C1,
  C2,
  C3,
  empty,
  enter,
  enterControl,
  enterWait,
  free,
  mOf,
  overflow,
  pop,
  precision,
  push,
  put,
  putIndefinite,
  putResult,
  seOf,
  setConditions,
  settle,
  settleQuietly,
  slot,
  statusWord,
  summarize,
  turn,
  underflow,
} from './unit';

/** Control word after FNINIT: everything masked, 64 bits, nearest. */
const INITIAL_CONTROL: u16 = 0x37f;

/** What FNINIT does. */
export function initialize(s: usize): void {
  store<u16>(s, INITIAL_CONTROL, FPU_CONTROL);
  store<u16>(s, 0, FPU_STATUS);
  store<u16>(s, 0xffff, FPU_TAG);
  store<u16>(s, 0, FPU_TOP);
  store<u16>(s, 0, FPU_OPCODE);
  store<u64>(s, 0, FPU_LAST_IP);
  store<u64>(s, 0, FPU_LAST_DP);
  store<u16>(s, 0, FPU_LAST_CS);
  store<u16>(s, 0, FPU_LAST_DS);
}

/** Sets the control word; its reserved bits read 0 and bit 6 reads 1. */
export function setControl(s: usize, word: u32): void {
  store<u16>(s, <u16>((word & 0x1f3f) | 0x40), FPU_CONTROL);
  summarize(s);
}

export function opFninit(s: usize, p: usize): i32 {
  const refused = enterControl(s);
  if (refused == NEXT) initialize(s);
  return refused;
}

export function opFnclex(s: usize, p: usize): i32 {
  const refused = enterControl(s);
  if (refused == NEXT) store<u16>(s, load<u16>(s, FPU_STATUS) & 0x7f00, FPU_STATUS);
  return refused;
}

export function opFldcw(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  const host = readable<u16>(s, effective(p));
  if (host == 0) return FAULT;
  setControl(s, load<u16>(host));
  return NEXT;
}

export function opFnstcw(s: usize, p: usize): i32 {
  const refused = enterControl(s);
  if (refused != NEXT) return refused;
  return write<u16>(s, effective(p), load<u16>(s, FPU_CONTROL)) ? NEXT : FAULT;
}

export function opFnstsw(s: usize, p: usize): i32 {
  const refused = enterControl(s);
  if (refused != NEXT) return refused;
  return write<u16>(s, effective(p), <u16>statusWord(s)) ? NEXT : FAULT;
}

export function opFnstswAx(s: usize, p: usize): i32 {
  const refused = enterControl(s);
  if (refused == NEXT) store<u16>(s, <u16>statusWord(s), RAX);
  return refused;
}

export function opFwait(s: usize, p: usize): i32 {
  return enterWait(s);
}

export function opFnop(s: usize, p: usize): i32 {
  return enter(s);
}

/** FNENI, FNDISI, FNSETPM: of older coprocessors, nothing now; they do not wait. */
export function opFneni(s: usize, p: usize): i32 {
  return enterControl(s);
}

export function opFincstp(s: usize, p: usize): i32 {
  return turnTop(s, p, 1);
}
export function opFdecstp(s: usize, p: usize): i32 {
  return turnTop(s, p, -1);
}

function turnTop(s: usize, p: usize, by: i32): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  settleQuietly(s, p, 0xd9);
  turn(s, by);
  return NEXT;
}

export function opFfree(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  settleQuietly(s, p, 0xdd);
  free(s, (<u32>load<u8>(p, OP_MODRM)) & 7);
  return NEXT;
}

/** FFREEP: frees ST(i) and pops, whatever is there. */
export function opFfreep(s: usize, p: usize): i32 {
  const outcome = opFfree(s, p);
  if (outcome == NEXT) pop(s);
  return outcome;
}

export function opFchs(s: usize, p: usize): i32 {
  return changeSign(s, p, SIGN, 0xffff);
}
export function opFabs(s: usize, p: usize): i32 {
  return changeSign(s, p, 0, 0x7fff);
}

function changeSign(s: usize, p: usize, flip: u32, keep: u32): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  if (empty(s, 0)) {
    if (underflow(s, p, 0xd9)) putIndefinite(s, 0);
    return NEXT;
  }
  settleQuietly(s, p, 0xd9);
  const a = slot(s, 0);
  put(s, 0, (seOf(a) & keep) ^ flip, mOf(a));
  return NEXT;
}

export function opFtst(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  let answer = UNORDERED;
  if (empty(s, 0)) underflow(s, p, 0xd9);
  else {
    const a = slot(s, 0);
    answer = compareExtended(seOf(a), mOf(a), 0, 0, true);
    settle(s, p, 0xd9);
  }
  setConditions(s, answer == UNORDERED ? C0 | C2 | C3 : answer == LESS ? C0 : answer == EQUAL ? C3 : 0);
  return NEXT;
}

export function opFxam(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  const a = slot(s, 0);
  const kind: u32 = empty(s, 0) ? 5 : examine(seOf(a), mOf(a));
  const c1: u32 = (seOf(a) & SIGN) != 0 ? C1 : 0;
  settleQuietly(s, p, 0xd9);
  setConditions(s, ((kind & 1) != 0 ? C0 : 0) | ((kind & 2) != 0 ? C2 : 0) | ((kind & 4) != 0 ? C3 : 0) | c1);
  return NEXT;
}

export function opFsqrt(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  if (empty(s, 0)) {
    if (underflow(s, p, 0xd9)) putIndefinite(s, 0);
    return NEXT;
  }
  const a = slot(s, 0);
  rootExtended(seOf(a), mOf(a), precision(s));
  if (settle(s, p, 0xd9)) putResult(s, 0);
  return NEXT;
}

export function opFrndint(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  if (empty(s, 0)) {
    if (underflow(s, p, 0xd9)) putIndefinite(s, 0);
    return NEXT;
  }
  const a = slot(s, 0);
  roundToIntegral(seOf(a), mOf(a));
  if (settle(s, p, 0xd9)) putResult(s, 0);
  return NEXT;
}

export function opFscale(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  if (empty(s, 0) || empty(s, 1)) {
    if (underflow(s, p, 0xd9)) putIndefinite(s, 0);
    return NEXT;
  }
  const a = slot(s, 0);
  const b = slot(s, 1);
  scaleExtended(seOf(a), mOf(a), seOf(b), mOf(b));
  if (settle(s, p, 0xd9)) putResult(s, 0);
  return NEXT;
}

export function opFprem(s: usize, p: usize): i32 {
  return remainder(s, p, false);
}
export function opFprem1(s: usize, p: usize): i32 {
  return remainder(s, p, true);
}

function remainder(s: usize, p: usize, nearest: bool): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  if (empty(s, 0) || empty(s, 1)) {
    if (underflow(s, p, 0xd9)) putIndefinite(s, 0);
    store<u16>(s, load<u16>(s, FPU_STATUS) & ~(<u16>C2), FPU_STATUS);
    return NEXT;
  }
  const a = slot(s, 0);
  const b = slot(s, 1);
  remainderExtended(seOf(a), mOf(a), seOf(b), mOf(b), nearest);
  const ok = settle(s, p, 0xd9);
  const q = quotientBits;
  // Operands that have no quotient leave C0 and C3.
  if (!ok || !divided) store<u16>(s, load<u16>(s, FPU_STATUS) & ~(<u16>(C1 | C2)), FPU_STATUS);
  else
    setConditions(s, ((q & 4) != 0 ? C0 : 0) | ((q & 2) != 0 ? C3 : 0) | ((q & 1) != 0 ? C1 : 0) | (partial ? C2 : 0));
  if (ok) putResult(s, 0);
  return NEXT;
}

export function opFxtract(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  if (empty(s, 0) || !empty(s, 7)) {
    if (empty(s, 0) ? underflow(s, p, 0xd9) : overflow(s, p, 0xd9)) {
      putIndefinite(s, 0);
      push(s, INDEFINITE_SE, INDEFINITE_M);
    }
    return NEXT;
  }
  const a = slot(s, 0);
  extract(seOf(a), mOf(a));
  if (settle(s, p, 0xd9)) {
    put(s, 0, exponentSe, exponentM);
    push(s, resultSe, resultM);
  }
  return NEXT;
}

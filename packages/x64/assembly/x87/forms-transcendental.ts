/** Instructions of the transcendental functions. */
import { FPU_STATUS } from '../../src/state';
import { NEXT } from '../op';
import { INDEFINITE_M, INDEFINITE_SE, resultM, resultSe } from './extended';
import { exponential, timesLogarithm, timesLogarithmOfNext } from './logarithm';
import { BIAS, INTEGER_BIT } from './rounding';
import { angle, arctangent, giveCosine, giveSine, giveTangent, outOfRange } from './trigonometry';
import {
  C2,
  empty,
  enter,
  mOf,
  overflow,
  pop,
  push,
  putIndefinite,
  putResult,
  seOf,
  settle,
  settleQuietly,
  slot,
  underflow,
} from './unit';

/** Writes C2. */
function setC2(s: usize, set: bool): void {
  const status = load<u16>(s, FPU_STATUS) & ~(<u16>C2);
  store<u16>(s, set ? status | (<u16>C2) : status, FPU_STATUS);
}

export function opF2xm1(s: usize, p: usize): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  if (empty(s, 0)) {
    if (underflow(s, p, 0xd9)) putIndefinite(s, 0);
    return NEXT;
  }
  const a = slot(s, 0);
  exponential(seOf(a), mOf(a));
  if (settle(s, p, 0xd9)) putResult(s, 0);
  return NEXT;
}

const LOGARITHM = 0;
const LOGARITHM_OF_NEXT = 1;
const ARCTANGENT = 2;

/** ST(1) = function of ST(1) and ST(0), and pop. */
function binary(s: usize, p: usize, which: i32): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  if (empty(s, 0) || empty(s, 1)) {
    if (underflow(s, p, 0xd9)) {
      putIndefinite(s, 1);
      pop(s);
    }
    return NEXT;
  }
  const x = slot(s, 0);
  const y = slot(s, 1);
  if (which == LOGARITHM) timesLogarithm(seOf(x), mOf(x), seOf(y), mOf(y));
  else if (which == LOGARITHM_OF_NEXT) timesLogarithmOfNext(seOf(x), mOf(x), seOf(y), mOf(y));
  else arctangent(seOf(y), mOf(y), seOf(x), mOf(x));
  if (settle(s, p, 0xd9)) {
    putResult(s, 1);
    pop(s);
  }
  return NEXT;
}

export function opFyl2x(s: usize, p: usize): i32 {
  return binary(s, p, LOGARITHM);
}
export function opFyl2xp1(s: usize, p: usize): i32 {
  return binary(s, p, LOGARITHM_OF_NEXT);
}
export function opFpatan(s: usize, p: usize): i32 {
  return binary(s, p, ARCTANGENT);
}

export function opFsin(s: usize, p: usize): i32 {
  return ofAngle(s, p, false);
}
export function opFcos(s: usize, p: usize): i32 {
  return ofAngle(s, p, true);
}

function ofAngle(s: usize, p: usize, cosine: bool): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  if (empty(s, 0)) {
    if (underflow(s, p, 0xd9)) putIndefinite(s, 0);
    setC2(s, false);
    return NEXT;
  }
  const a = slot(s, 0);
  if (angle(seOf(a), mOf(a))) {
    if (cosine) giveCosine(mOf(a));
    else giveSine(seOf(a), mOf(a));
  } else if (outOfRange) {
    settleQuietly(s, p, 0xd9);
    setC2(s, true);
    return NEXT;
  }
  if (settle(s, p, 0xd9)) putResult(s, 0);
  setC2(s, false);
  return NEXT;
}

export function opFsincos(s: usize, p: usize): i32 {
  return pushing(s, p, false);
}
export function opFptan(s: usize, p: usize): i32 {
  return pushing(s, p, true);
}

/** FSINCOS and FPTAN: ST(0) becomes the sine or tangent, and the cosine or 1 is pushed. */
function pushing(s: usize, p: usize, tangent: bool): i32 {
  const refused = enter(s);
  if (refused != NEXT) return refused;
  if (empty(s, 0) || !empty(s, 7)) {
    if (empty(s, 0) ? underflow(s, p, 0xd9) : overflow(s, p, 0xd9)) {
      putIndefinite(s, 0);
      push(s, INDEFINITE_SE, INDEFINITE_M);
    }
    setC2(s, false);
    return NEXT;
  }
  const a = slot(s, 0);
  const se = seOf(a);
  const m = mOf(a);
  let secondSe: u32 = BIAS;
  let secondM = INTEGER_BIT;
  if (angle(se, m)) {
    if (!tangent) {
      giveCosine(m);
      secondSe = resultSe;
      secondM = resultM;
      // C1 tells of the sine.
      giveSine(se, m);
    } else giveTangent(se, m);
  } else if (outOfRange) {
    settleQuietly(s, p, 0xd9);
    setC2(s, true);
    return NEXT;
  } else {
    secondSe = resultSe;
    secondM = resultM;
  }
  if (settle(s, p, 0xd9)) {
    putResult(s, 0);
    push(s, secondSe, secondM);
  }
  setC2(s, false);
  return NEXT;
}

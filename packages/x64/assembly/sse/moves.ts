/** Moves of vectors: aligned, unaligned, scalar, halves, between register files, under masks. */
import { alignmentFault, readable, write } from '../memory';
import { NO_ADDRESS, segmentAddress, truncate } from '../integer/address';
import { addressLogOf } from '../integer/registers';
import { MODE_64, MODE_CODE } from '../mode';
import { FAULT, NEXT, OP_LOG, OP_SEGMENT, OP_SOURCE, effective, faultCode } from '../op';
import { NOT_WRITABLE } from '../system/paging';
import { ALIGNMENT_CHECK, FPU_TAG, FPU_TOP, MODE, RDI, ZERO } from '../../src/state';
import {
  entered,
  enteredMmx,
  misaligned,
  mmxOf,
  put,
  putMmxValue,
  source4,
  source8,
  sourceMmx,
  sourceMmx4,
  target,
  useMmx,
} from './operand';

// @ts-ignore: decorator
@inline
function source(p: usize): usize {
  return load<u32>(p, OP_SOURCE);
}

/** MOVUPS, MOVUPD, MOVDQU, LDDQU, in both directions. */
export function opMovups(s: usize, p: usize): i32 {
  return move16(s, p, false);
}
/** MOVAPS, MOVAPD, MOVDQA and the non-temporal moves. */
export function opMovaps(s: usize, p: usize): i32 {
  return move16(s, p, true);
}

// @ts-ignore: decorator
@inline
function move16(s: usize, p: usize, aligned: bool): i32 {
  if (!entered(s)) return FAULT;
  const from = source(p);
  const to = target(p);
  if (from != 0 && to != 0) {
    v128.store(to, v128.load(from));
    return NEXT;
  }
  const a = effective(p);
  if (aligned && (a & 15) != 0) {
    misaligned(s);
    return FAULT;
  }
  if (from != 0) return write<v128>(s, a, v128.load(from)) ? NEXT : FAULT;
  const host = readable<v128>(s, a);
  if (host == 0) return FAULT;
  v128.store(to, v128.load(host));
  return NEXT;
}

export function opMovss(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const from = source(p);
  const to = target(p);
  if (from != 0 && to != 0) {
    store<u32>(to, load<u32>(from));
    return NEXT;
  }
  if (from != 0) return write<u32>(s, effective(p), load<u32>(from)) ? NEXT : FAULT;
  const host = readable<u32>(s, effective(p));
  if (host == 0) return FAULT;
  v128.store(to, v128.load32_zero(host));
  return NEXT;
}

export function opMovsdXmm(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const from = source(p);
  const to = target(p);
  if (from != 0 && to != 0) {
    store<u64>(to, load<u64>(from));
    return NEXT;
  }
  if (from != 0) return write<u64>(s, effective(p), load<u64>(from)) ? NEXT : FAULT;
  const host = readable<u64>(s, effective(p));
  if (host == 0) return FAULT;
  v128.store(to, v128.load64_zero(host));
  return NEXT;
}

/** MOVQ of XMM registers: the upper half becomes zero. */
export function opMovqXmm(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  const from = source(p);
  const to = target(p);
  if (to == 0) return write<u64>(s, effective(p), load<u64>(from)) ? NEXT : FAULT;
  const host = from != 0 ? from : readable<u64>(s, effective(p));
  if (host == 0) return FAULT;
  v128.store(to, v128.load64_zero(host));
  return NEXT;
}

/** Moves 8 bytes between memory and the half at `offset`. */
function moveHalf(s: usize, p: usize, offset: usize): i32 {
  if (!entered(s)) return FAULT;
  const to = target(p);
  if (to == 0) return write<u64>(s, effective(p), load<u64>(source(p) + offset)) ? NEXT : FAULT;
  const host = readable<u64>(s, effective(p));
  if (host == 0) return FAULT;
  store<u64>(to + offset, load<u64>(host));
  return NEXT;
}

export function opMovlps(s: usize, p: usize): i32 {
  return moveHalf(s, p, 0);
}
export function opMovhps(s: usize, p: usize): i32 {
  return moveHalf(s, p, 8);
}

export function opMovhlps(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  store<u64>(target(p), load<u64>(source(p), 8));
  return NEXT;
}
export function opMovlhps(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  store<u64>(target(p), load<u64>(source(p)), 8);
  return NEXT;
}

export function opMovddup(s: usize, p: usize): i32 {
  const b = source8(s, p);
  return b == 0 ? FAULT : put(p, v128.load64_splat(b));
}

/** MOVD and MOVQ from general registers or memory. */
export function opMovdToXmm(s: usize, p: usize): i32 {
  const wide = load<u8>(p, OP_LOG) == 3;
  const b = wide ? source8(s, p) : source4(s, p);
  if (b == 0) return FAULT;
  return put(p, wide ? v128.load64_zero(b) : v128.load32_zero(b));
}

/** MOVD and MOVQ to general registers or memory. */
export function opMovdFromXmm(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  return storeGeneral(s, p, load<u8>(p, OP_LOG) == 3, load<u64>(source(p)));
}

/** Writes 4 or 8 bytes to the first operand, a general register or memory. */
function storeGeneral(s: usize, p: usize, wide: bool, value: u64): i32 {
  const to = target(p);
  if (to != 0) {
    store<u64>(to, wide ? value : value & 0xffffffff);
    return NEXT;
  }
  const done = wide ? write<u64>(s, effective(p), value) : write<u32>(s, effective(p), <u32>value);
  return done ? NEXT : FAULT;
}

export function opMovdMmx(s: usize, p: usize): i32 {
  const wide = load<u8>(p, OP_LOG) == 3;
  const b = wide ? sourceMmx(s, p) : sourceMmx4(s, p);
  if (b == 0) return FAULT;
  return putMmxValue(s, target(p), wide ? load<u64>(b) : <u64>load<u32>(b));
}

export function opMovdFromMmx(s: usize, p: usize): i32 {
  if (!enteredMmx(s)) return FAULT;
  const outcome = storeGeneral(s, p, load<u8>(p, OP_LOG) == 3, load<u64>(source(p)));
  if (outcome == NEXT) useMmx(s);
  return outcome;
}

/** MOVQ and MOVNTQ of MMX registers. */
export function opMovqMmx(s: usize, p: usize): i32 {
  const to = target(p);
  if (to == 0) {
    if (!enteredMmx(s) || !write<u64>(s, effective(p), load<u64>(source(p)))) return FAULT;
    useMmx(s);
    return NEXT;
  }
  const b = sourceMmx(s, p);
  return b == 0 ? FAULT : putMmxValue(s, to, load<u64>(b));
}

export function opMovq2dqMmx(s: usize, p: usize): i32 {
  if (!entered(s) || !enteredMmx(s)) return FAULT;
  useMmx(s);
  return put(p, v128.load64_zero(mmxOf(s, p)));
}

export function opMovdq2qMmx(s: usize, p: usize): i32 {
  if (!entered(s) || !enteredMmx(s)) return FAULT;
  return putMmxValue(s, target(p), load<u64>(source(p)));
}

export function opEmms(s: usize, p: usize): i32 {
  if (!enteredMmx(s)) return FAULT;
  store<u16>(s, 0xffff, FPU_TAG);
  store<u16>(s, 0, FPU_TOP);
  return NEXT;
}

export function opMovmskps(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  store<u64>(target(p), <u64>i32x4.bitmask(v128.load(source(p))));
  return NEXT;
}
export function opMovmskpd(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  store<u64>(target(p), <u64>i64x2.bitmask(v128.load(source(p))));
  return NEXT;
}
export function opPmovmskb(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  store<u64>(target(p), <u64>i8x16.bitmask(v128.load(source(p))));
  return NEXT;
}
export function opPmovmskbMmx(s: usize, p: usize): i32 {
  if (!enteredMmx(s)) return FAULT;
  store<u64>(target(p), <u64>i8x16.bitmask(v128.load64_zero(source(p))));
  useMmx(s);
  return NEXT;
}

/** Address of MASKMOVDQU and MASKMOVQ: [rDI] in DS or another segment; NO_ADDRESS after a fault. */
function implicitAddress(s: usize, p: usize, bytes: u32): u64 {
  const offset = truncate(load<u64>(s, RDI), addressLogOf(p));
  const record: usize = load<u32>(p, OP_SEGMENT);
  return record == s + ZERO ? offset : segmentAddress(s, record, offset, bytes);
}

/** Writes the bytes of `value` whose mask byte has bit 7 set. */
function storeMasked(s: usize, p: usize, value: usize, mask: usize, bytes: u32): i32 {
  const a = implicitAddress(s, p, bytes);
  const segmented = load<u32>(p, OP_SEGMENT) != <u32>(s + ZERO);
  if (a == NO_ADDRESS && segmented) return FAULT;
  // A segment that cannot be written is one even when the mask selects nothing.
  if (segmented && (load<u32>(s, MODE) & MODE_CODE) != MODE_64 && (a & NOT_WRITABLE) != 0) {
    return faultCode(s, 13, 0);
  }
  // The alignment is that of the whole, whatever the mask says.
  if (load<u32>(s, ALIGNMENT_CHECK) != 0 && alignmentFault(s, a, 8, NOT_WRITABLE)) return FAULT;
  for (let i: u32 = 0; i < bytes; i++) {
    if ((load<u8>(mask + i) & 0x80) == 0) continue;
    if (!write<u8>(s, a + i, load<u8>(value + i))) return FAULT;
  }
  return NEXT;
}

export function opMaskmovdqu(s: usize, p: usize): i32 {
  if (!entered(s)) return FAULT;
  return storeMasked(s, p, target(p), source(p), 16);
}
export function opMaskmovqMmx(s: usize, p: usize): i32 {
  if (!enteredMmx(s)) return FAULT;
  const outcome = storeMasked(s, p, target(p), source(p), 8);
  if (outcome == NEXT) useMmx(s);
  return outcome;
}

/**
 * Operands of the vector units, and how an instruction enters: what faults before anything else, where the source can be
 * read. XMM registers are the low 16 bytes of their slots; MMX registers are the mantissas of the x87's.
 */
import { readable } from '../memory';
import { FAULT, NEXT, OP_IMMEDIATE, OP_MODRM, OP_SOURCE, OP_TARGET, effective, fault, faultCode } from '../op';
import { CR0, CR4, FPU_REGISTERS, FPU_STATUS, FPU_TAG, FPU_TOP } from '../../src/state';

const CR0_EM: u64 = 4;
const CR0_TS: u64 = 8;
const CR4_OSFXSR: u64 = 0x200;
const VECTOR_UD = 6;
const VECTOR_NM = 7;
const VECTOR_GP = 13;
const VECTOR_MF = 16;

/** Whether SSE can be used; otherwise the fault is set. */
export function entered(s: usize): bool {
  const cr0 = load<u64>(s, CR0);
  if ((cr0 & (CR0_EM | CR0_TS)) == 0 && (load<u64>(s, CR4) & CR4_OSFXSR) != 0) return true;
  fault(s, (cr0 & CR0_EM) != 0 || (load<u64>(s, CR4) & CR4_OSFXSR) == 0 ? VECTOR_UD : VECTOR_NM);
  return false;
}

/** Whether MMX can be used; otherwise the fault is set. */
export function enteredMmx(s: usize): bool {
  const cr0 = load<u64>(s, CR0);
  if ((cr0 & (CR0_EM | CR0_TS)) != 0) {
    fault(s, (cr0 & CR0_EM) != 0 ? VECTOR_UD : VECTOR_NM);
    return false;
  }
  if ((load<u16>(s, FPU_STATUS) & 0x80) != 0) {
    fault(s, VECTOR_MF);
    return false;
  }
  return true;
}

/** Sets #GP(0). @returns 0 */
export function misaligned(s: usize): usize {
  faultCode(s, VECTOR_GP, 0);
  return 0;
}

/** Where the 16 bytes of the source are, which must be aligned in memory; 0 on a fault. */
export function source16(s: usize, p: usize): usize {
  if (!entered(s)) return 0;
  const slot: usize = load<u32>(p, OP_SOURCE);
  if (slot != 0) return slot;
  const a = effective(p);
  return (a & 15) != 0 ? misaligned(s) : readable<v128>(s, a);
}

/** As {@link source16} at any address. */
export function source16Anywhere(s: usize, p: usize): usize {
  if (!entered(s)) return 0;
  const slot: usize = load<u32>(p, OP_SOURCE);
  return slot != 0 ? slot : readable<v128>(s, effective(p));
}

/** Where the low 8 bytes of the source are; 0 on a fault. */
export function source8(s: usize, p: usize): usize {
  if (!entered(s)) return 0;
  const slot: usize = load<u32>(p, OP_SOURCE);
  return slot != 0 ? slot : readable<u64>(s, effective(p));
}

/** Where the low 4 bytes of the source are; 0 on a fault. */
export function source4(s: usize, p: usize): usize {
  if (!entered(s)) return 0;
  const slot: usize = load<u32>(p, OP_SOURCE);
  return slot != 0 ? slot : readable<u32>(s, effective(p));
}

/** Where the low 2 bytes of the source are; 0 on a fault. */
export function source2(s: usize, p: usize): usize {
  if (!entered(s)) return 0;
  const slot: usize = load<u32>(p, OP_SOURCE);
  return slot != 0 ? slot : readable<u16>(s, effective(p));
}

/** Slot of the first operand, 0 when it is memory. */
// @ts-ignore: decorator
@inline
export function target(p: usize): usize {
  return load<u32>(p, OP_TARGET);
}

/** The first operand. */
// @ts-ignore: decorator
@inline
export function first(p: usize): v128 {
  return v128.load(load<u32>(p, OP_TARGET));
}

/** Writes the first operand. */
// @ts-ignore: decorator
@inline
export function put(p: usize, value: v128): i32 {
  v128.store(load<u32>(p, OP_TARGET), value);
  return NEXT;
}

/** The immediate byte. */
// @ts-ignore: decorator
@inline
export function immediate(p: usize): u32 {
  return load<u8>(p, OP_IMMEDIATE);
}

/** Whether the r/m operand is a register. */
// @ts-ignore: decorator
@inline
export function fromRegister(p: usize): bool {
  return load<u8>(p, OP_MODRM) >= 0xc0;
}

/** Where the 8 bytes of an MMX source are; 0 on a fault. */
export function sourceMmx(s: usize, p: usize): usize {
  if (!enteredMmx(s)) return 0;
  const slot: usize = load<u32>(p, OP_SOURCE);
  return slot != 0 ? slot : readable<u64>(s, effective(p));
}

/** As {@link sourceMmx} for 4 bytes. */
export function sourceMmx4(s: usize, p: usize): usize {
  if (!enteredMmx(s)) return 0;
  const slot: usize = load<u32>(p, OP_SOURCE);
  return slot != 0 ? slot : readable<u32>(s, effective(p));
}

/** The first operand, an MMX register, in the low half. */
// @ts-ignore: decorator
@inline
export function firstMmx(p: usize): v128 {
  return v128.load64_zero(load<u32>(p, OP_TARGET));
}

/** What each MMX instruction does to the x87: TOP is 0, every register is in use. */
export function useMmx(s: usize): void {
  store<u16>(s, 0, FPU_TOP);
  store<u16>(s, 0, FPU_TAG);
}

/** Writes an MMX register. */
export function putMmxValue(s: usize, slot: usize, value: u64): i32 {
  useMmx(s);
  store<u64>(slot, value);
  store<u16>(slot, 0xffff, 8);
  return NEXT;
}

/** Writes the first operand, an MMX register, from the low half. */
export function putMmx(s: usize, p: usize, value: v128): i32 {
  return putMmxValue(s, load<u32>(p, OP_TARGET), i64x2.extract_lane(value, 0));
}

/** Address of the MMX register in modrm.rm. */
export function mmxOf(s: usize, p: usize): usize {
  return s + FPU_REGISTERS + ((<usize>load<u8>(p, OP_MODRM) & 7) << 4);
}

export { FAULT, NEXT };

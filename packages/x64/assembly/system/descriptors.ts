/**
 * Descriptors in the GDT and LDT: reading them, their fields, the accessed and busy bits (APM volume 2 chapter 4).
 */
import { faultCode } from '../op';
import { GDTR_BASE, GDTR_LIMIT, LDTR, SEG_ATTRIBUTES, SEG_BASE, SEG_LIMIT } from '../../src/state';
import { peek, setBits } from './access';
import { GRANULAR, NULL_SEGMENT, failed, longMode } from './machine';

/** Vectors of the faults that segment checks raise. */
export const INVALID_TSS = 10;
export const NOT_PRESENT = 11;
export const STACK_FAULT = 12;
export const GENERAL_PROTECTION = 13;

/** The descriptor that {@link readDescriptor} read. */
export let descriptor: u64 = 0;
/** Where it lies. */
export let descriptorAt: u64 = 0;
/** Upper half of a 16-byte descriptor, after {@link readUpperHalf}. */
export let upperHalf: u64 = 0;

/** Limit of the table that the selector's TI bit names, and its base in {@link descriptorAt}. */
function locate(s: usize, selector: u32): i64 {
  if ((selector & 4) == 0) {
    descriptorAt = load<u64>(s, GDTR_BASE) + (selector & 0xfff8);
    return load<u16>(s, GDTR_LIMIT);
  }
  if ((load<u32>(s, LDTR + SEG_ATTRIBUTES) & NULL_SEGMENT) != 0) return -1;
  descriptorAt = load<u64>(s, LDTR + SEG_BASE) + (selector & 0xfff8);
  return load<u32>(s, LDTR + SEG_LIMIT);
}

/** Whether a selector is within its table; says nothing about the descriptor. Never faults. */
export function withinTable(s: usize, selector: u32): bool {
  return <i64>(selector & 0xfff8) + 7 <= locate(s, selector);
}

/**
 * Reads the descriptor of a selector that is not null. Faults with `vector` and the selector when it is beyond its table.
 * @returns false when a fault or an exit was set
 */
export function readDescriptor(s: usize, selector: u32, vector: i32): bool {
  if (!withinTable(s, selector)) {
    faultCode(s, vector, selector & 0xfffc);
    return false;
  }
  if (!longMode(s)) descriptorAt &= 0xffffffff;
  descriptor = peek(s, descriptorAt, 8, 0);
  return !failed(s);
}

/** Reads the upper half of a system descriptor in long mode: bits 0-31 are base or offset bits 32-63. */
export function readUpperHalf(s: usize, selector: u32, vector: i32): bool {
  const at = descriptorAt + 8;
  if (!withinTable(s, (selector & 0xfffc) + 8)) {
    faultCode(s, vector, selector & 0xfffc);
    return false;
  }
  descriptorAt = at - 8;
  upperHalf = peek(s, at, 8, 0);
  if (failed(s)) return false;
  // Bits 8-12 of its second dword must be zero: an upper half is no descriptor of its own.
  if (((upperHalf >> 40) & 0x1f) != 0) {
    faultCode(s, vector, selector & 0xfffc);
    return false;
  }
  return true;
}

/** Sets type bits of the descriptor just read, in memory and in {@link descriptor}: accessed (1) or busy (2). */
export function markDescriptor(s: usize, bits: u64): bool {
  const wanted = descriptor | (bits << 40);
  if (wanted == descriptor) return true;
  descriptor = wanted;
  setBits(s, descriptorAt + 5, <u32>bits);
  return !failed(s);
}

/** Attributes in the form of SEG_ATTRIBUTES. */
// @ts-ignore: decorator
@inline
export function attributesOf(value: u64): u32 {
  return <u32>(value >> 40) & 0xf0ff;
}

/** Base, 32 bits. */
export function baseOf(value: u64): u64 {
  return ((value >> 16) & 0xffffff) | ((value >> 32) & 0xff000000);
}

/** Limit in bytes: the last offset, granularity applied. */
export function limitOf(value: u64): u32 {
  const limit = <u32>(value & 0xffff) | (<u32>(value >> 32) & 0xf0000);
  return (attributesOf(value) & GRANULAR) != 0 ? (limit << 12) | 0xfff : limit;
}

/** Offset of a call, interrupt or trap gate, 32 bits. */
export function gateOffset(value: u64): u64 {
  return (value & 0xffff) | ((value >> 32) & 0xffff0000);
}

/** Selector of a gate. */
export function gateSelector(value: u64): u32 {
  return <u32>(value >> 16) & 0xffff;
}

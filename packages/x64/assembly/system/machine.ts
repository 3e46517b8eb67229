/**
 * The architectural state in words that the system part uses: modes, flags, segment records, bits of CR0, CR4 and EFER.
 *
 * AMD64 Architecture Programmer's Manual (APM) volume 2 chapters 1-3; Intel SDM volume 3 chapter 2. Where the two differ
 * the processor is AMD's, as its CPUID vendor says, and the place says so.
 */
import { readFlags, writeFlags } from '../flags';
import { updateMode } from '../mode';
import { NO_FAULT } from '../op';
import {
  CPL,
  CR0,
  EFER,
  FAULT_VECTOR,
  FLAG_SYSTEM,
  GPR,
  MODE,
  SEGMENTS,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
} from '../../src/state';

export const CR0_PE: u64 = 1 << 0;
export const CR0_MP: u64 = 1 << 1;
export const CR0_EM: u64 = 1 << 2;
export const CR0_TS: u64 = 1 << 3;
export const CR0_ET: u64 = 1 << 4;
export const CR0_NE: u64 = 1 << 5;
export const CR0_WP: u64 = 1 << 16;
export const CR0_AM: u64 = 1 << 18;
export const CR0_NW: u64 = 1 << 29;
export const CR0_CD: u64 = 1 << 30;
export const CR0_PG: u64 = 1 << 31;

export const CR4_TSD: u64 = 1 << 2;
export const CR4_DE: u64 = 1 << 3;
export const CR4_PSE: u64 = 1 << 4;
export const CR4_PAE: u64 = 1 << 5;
export const CR4_MCE: u64 = 1 << 6;
export const CR4_PGE: u64 = 1 << 7;
export const CR4_PCE: u64 = 1 << 8;
export const CR4_OSFXSR: u64 = 1 << 9;
export const CR4_OSXMMEXCPT: u64 = 1 << 10;
export const CR4_UMIP: u64 = 1 << 11;
export const CR4_FSGSBASE: u64 = 1 << 16;
export const CR4_PCIDE: u64 = 1 << 17;
export const CR4_SMEP: u64 = 1 << 20;
export const CR4_SMAP: u64 = 1 << 21;

export const EFER_SCE: u64 = 1 << 0;
export const EFER_LME: u64 = 1 << 8;
export const EFER_LMA: u64 = 1 << 10;
export const EFER_NXE: u64 = 1 << 11;

export const FLAG_CF: u32 = 1 << 0;
export const FLAG_TF: u32 = 1 << 8;
export const FLAG_IF: u32 = 1 << 9;
export const FLAG_DF: u32 = 1 << 10;
export const FLAG_IOPL: u32 = 3 << 12;
export const FLAG_NT: u32 = 1 << 14;
export const FLAG_RF: u32 = 1 << 16;
export const FLAG_VM: u32 = 1 << 17;
export const FLAG_AC: u32 = 1 << 18;
export const FLAG_VIF: u32 = 1 << 19;
export const FLAG_VIP: u32 = 1 << 20;
export const FLAG_ID: u32 = 1 << 21;
/** CF PF AF ZF SF OF. */
export const STATUS_FLAGS: u32 = 0x8d5;
/** Every flag that exists, without bit 1, which is always set. */
export const ALL_FLAGS: u32 = 0x3f7fd5;

/** Attributes of a segment record (see SEG_ATTRIBUTES). */
export const TYPE: u32 = 0x0f;
export const TYPE_ACCESSED: u32 = 1;
/** Code: readable. Data: writable. */
export const TYPE_RW: u32 = 2;
/** Code: conforming. Data: expands down. */
export const TYPE_CE: u32 = 4;
export const TYPE_CODE: u32 = 8;
/** Code or data, not a system segment. */
export const NOT_SYSTEM: u32 = 0x10;
export const DPL_SHIFT: u32 = 5;
export const PRESENT: u32 = 0x80;
export const LONG: u32 = 0x2000;
export const BIG: u32 = 0x4000;
export const GRANULAR: u32 = 0x8000;
/** A null selector: every access faults. */
export const NULL_SEGMENT: u32 = 0x10000;

/** Paging is on and the processor is in long mode (64-bit or compatibility). */
// @ts-ignore: decorator
@inline
export function longMode(s: usize): bool {
  return (load<u64>(s, EFER) & EFER_LMA) != 0;
}

/** The running code segment is 64-bit. */
// @ts-ignore: decorator
@inline
export function code64(s: usize): bool {
  return (load<u32>(s, MODE) & 3) == 2;
}

/** CR0.PE is set. */
// @ts-ignore: decorator
@inline
export function protectedMode(s: usize): bool {
  return (load<u64>(s, CR0) & CR0_PE) != 0;
}

/** Virtual-8086 mode: protected mode, at CPL 3, with real mode's segments. */
// @ts-ignore: decorator
@inline
export function virtual8086(s: usize): bool {
  return (load<u32>(s, FLAG_SYSTEM) & FLAG_VM) != 0;
}

/** Selectors name descriptors: protected mode, but not virtual-8086 mode. */
// @ts-ignore: decorator
@inline
export function describedSegments(s: usize): bool {
  return protectedMode(s) && !virtual8086(s);
}

/** A fault or an exit is pending since the last memory access. */
// @ts-ignore: decorator
@inline
export function failed(s: usize): bool {
  return load<i32>(s, FAULT_VECTOR) != NO_FAULT;
}

/** RFLAGS as a whole. */
// @ts-ignore: decorator
@inline
export function rflags(s: usize): u32 {
  return readFlags(s);
}

/** Replaces RFLAGS as a whole; bits that do not exist become 0. */
// @ts-ignore: decorator
@inline
export function setRflags(s: usize, value: u32): void {
  writeFlags(s, value & ALL_FLAGS);
}

/** Sets or clears ZF and leaves the other status flags. */
export function setZero(s: usize, zero: bool): void {
  setRflags(s, (rflags(s) & ~(<u32>0x40)) | (zero ? 0x40 : 0));
}

/** IOPL. */
// @ts-ignore: decorator
@inline
export function iopl(s: usize): u32 {
  return (load<u32>(s, FLAG_SYSTEM) >> 12) & 3;
}

/** A general register by number. */
// @ts-ignore: decorator
@inline
export function gpr(s: usize, index: u32): u64 {
  return load<u64>(s + (index << 3), GPR);
}

/** Writes a general register by number. */
// @ts-ignore: decorator
@inline
export function setGpr(s: usize, index: u32, value: u64): void {
  store<u64>(s + (index << 3), value, GPR);
}

/** Fills a segment record. `record` is the record's address. */
export function setSegment(record: usize, selector: u32, base: u64, limit: u32, attributes: u32): void {
  store<u64>(record, base, SEG_BASE);
  store<u32>(record, limit, SEG_LIMIT);
  store<u16>(record, <u16>selector, SEG_SELECTOR);
  store<u32>(record, attributes, SEG_ATTRIBUTES);
}

/** Changes the privilege level. */
export function setCpl(s: usize, cpl: u32): void {
  store<u32>(s, cpl, CPL);
  updateMode(s);
}

/** Bits 47-63 of a linear address are all equal. */
// @ts-ignore: decorator
@inline
export function canonical(address: u64): bool {
  return ((<i64>address << 16) >> 16) == <i64>address;
}

/** Address of a segment record; `index` 0 … 7: ES CS SS DS FS GS LDTR TR. */
// @ts-ignore: decorator
@inline
export function record(s: usize, index: u32): usize {
  return s + SEGMENTS + (index << 5);
}

/** Selector in a segment record. */
// @ts-ignore: decorator
@inline
export function selectorOf(s: usize, index: u32): u32 {
  return load<u16>(record(s, index), SEG_SELECTOR);
}

/** Descriptor privilege level in attributes. */
// @ts-ignore: decorator
@inline
export function dpl(attributes: u32): u32 {
  return (attributes >> DPL_SHIFT) & 3;
}

/**
 * Loads of segment registers in every mode, LDTR and TR, and the questions about selectors that programs may ask
 * (APM volume 2 chapter 4 and volume 3: MOV, LDS, LLDT, LTR, LAR, LSL, VERR, VERW, SWAPGS).
 */
import { updateMode } from '../mode';
import { END, FAULT, NEXT, faultCode } from '../op';
import {
  CPL,
  GS_BASE,
  LDTR,
  MSR_KERNEL_GS_BASE,
  SEG_ATTRIBUTES,
  SEG_LIMIT,
  SEG_SELECTOR,
  SHADOW,
  SS,
  TR,
} from '../../src/state';
import {
  GENERAL_PROTECTION,
  NOT_PRESENT,
  STACK_FAULT,
  attributesOf,
  baseOf,
  descriptor,
  limitOf,
  markDescriptor,
  readDescriptor,
  readUpperHalf,
  upperHalf,
  withinTable,
} from './descriptors';
import {
  DPL_SHIFT,
  NOT_SYSTEM,
  NULL_SEGMENT,
  PRESENT,
  TYPE,
  TYPE_CE,
  TYPE_CODE,
  TYPE_RW,
  canonical,
  code64,
  describedSegments,
  dpl,
  longMode,
  record,
  setSegment,
  virtual8086,
} from './machine';

/** Numbers of segment registers, as instructions encode them. */
export const SEG_ES: u32 = 0;
export const SEG_CS: u32 = 1;
export const SEG_SS: u32 = 2;
export const SEG_DS: u32 = 3;
export const SEG_FS: u32 = 4;
export const SEG_GS: u32 = 5;

/** Attributes of a segment in real mode: present, read-write data, accessed. */
const REAL_MODE_DATA: u32 = 0x93;

/**
 * MOV to a segment register, POP, LDS and their like; not for CS.
 * @returns END (the flat-segment assumptions of decoded code may have changed), or FAULT
 */
export function loadSegment(s: usize, index: u32, selector: u32): i32 {
  selector &= 0xffff;
  if (!describedSegments(s)) {
    loadRealSegment(s, index, selector);
    return END;
  }
  if (index == SEG_SS) {
    const cpl = load<u32>(s, CPL);
    if (!checkStackSegment(s, selector, cpl, GENERAL_PROTECTION, code64(s))) return FAULT;
    loadStackSegment(s, selector, cpl, descriptor);
    return END;
  }
  if ((selector & 0xfffc) == 0) {
    // The base goes to 0, as Intel's and AMD's newer processors do (CPUID 8000_0021h EAX bit 6).
    setSegment(record(s, index), selector, 0, 0, NULL_SEGMENT);
    return END;
  }
  if (!readDescriptor(s, selector, GENERAL_PROTECTION)) return FAULT;
  const attributes = attributesOf(descriptor);
  const conforming = (attributes & (TYPE_CODE | TYPE_CE)) == (TYPE_CODE | TYPE_CE);
  const unreadable = (attributes & (TYPE_CODE | TYPE_RW)) == TYPE_CODE;
  if ((attributes & NOT_SYSTEM) == 0 || unreadable) return faultCode(s, GENERAL_PROTECTION, selector & 0xfffc);
  if (!conforming && (dpl(attributes) < (selector & 3) || dpl(attributes) < load<u32>(s, CPL))) {
    return faultCode(s, GENERAL_PROTECTION, selector & 0xfffc);
  }
  if ((attributes & PRESENT) == 0) return faultCode(s, NOT_PRESENT, selector & 0xfffc);
  if (!markDescriptor(s, 1)) return FAULT;
  fillSegment(s, index, selector, descriptor);
  return END;
}

/** Real mode: base is selector × 16; limit and attributes stay as they were. In virtual-8086 mode they are set, too. */
export function loadRealSegment(s: usize, index: u32, selector: u32): void {
  const at = record(s, index);
  const virtual = virtual8086(s);
  const kept = !virtual && (load<u32>(at, SEG_ATTRIBUTES) & NULL_SEGMENT) == 0;
  const limit = kept ? load<u32>(at, SEG_LIMIT) : 0xffff;
  setSegment(at, selector, selector << 4, limit, virtual ? REAL_MODE_DATA | (3 << DPL_SHIFT) : REAL_MODE_DATA);
  updateMode(s);
}

/** Fills a segment register from a descriptor that was checked. */
function fillSegment(s: usize, index: u32, selector: u32, from: u64): void {
  setSegment(record(s, index), selector, baseOf(from), limitOf(from), attributesOf(from));
}

/**
 * Checks a stack selector for privilege `cpl`; after it, {@link loadStackSegment} cannot fail. `vector` is what a bad
 * selector raises: #GP for instructions, #TS for stacks that come from a TSS. `forCode64`: the code that will use it is
 * 64-bit, which needs no stack segment below user privilege.
 */
export function checkStackSegment(s: usize, selector: u32, cpl: u32, vector: i32, forCode64: bool): bool {
  if ((selector & 0xfffc) == 0) {
    if (forCode64 && cpl != 3 && (selector & 3) == cpl) return true;
    faultCode(s, vector, vector == GENERAL_PROTECTION ? 0 : selector & 0xfffc);
    return false;
  }
  if (!readDescriptor(s, selector, vector)) return false;
  const attributes = attributesOf(descriptor);
  if (
    (attributes & (NOT_SYSTEM | TYPE_CODE | TYPE_RW)) != (NOT_SYSTEM | TYPE_RW) ||
    (selector & 3) != cpl ||
    dpl(attributes) != cpl
  ) {
    faultCode(s, vector, selector & 0xfffc);
    return false;
  }
  if ((attributes & PRESENT) == 0) {
    faultCode(s, STACK_FAULT, selector & 0xfffc);
    return false;
  }
  return markDescriptor(s, 1);
}

/** Loads SS with what {@link checkStackSegment} accepted. */
export function loadStackSegment(s: usize, selector: u32, cpl: u32, from: u64): void {
  if ((selector & 0xfffc) == 0) setSegment(s + SS, selector, 0, 0, NULL_SEGMENT | (cpl << 5));
  else fillSegment(s, SEG_SS, selector, from);
  updateMode(s);
}

/** The interrupt shadow of MOV SS and POP SS. */
export function shadowStack(s: usize): void {
  store<u32>(s, 2, SHADOW);
}

/** LLDT: the caller has checked CPL and mode. */
export function loadLdt(s: usize, selector: u32): i32 {
  selector &= 0xffff;
  if ((selector & 0xfffc) == 0) {
    setSegment(s + LDTR, selector, 0, 0, NULL_SEGMENT);
    return NEXT;
  }
  return loadSystemSegment(s, LDTR, selector, 2);
}

/** LTR. */
export function loadTask(s: usize, selector: u32): i32 {
  selector &= 0xffff;
  if ((selector & 0xfffc) == 0) return faultCode(s, GENERAL_PROTECTION, 0);
  return loadSystemSegment(s, TR, selector, 9);
}

function loadSystemSegment(s: usize, to: u32, selector: u32, type: u32): i32 {
  const error = selector & 0xfffc;
  if ((selector & 4) != 0) return faultCode(s, GENERAL_PROTECTION, error);
  if (!readDescriptor(s, selector, GENERAL_PROTECTION)) return FAULT;
  const attributes = attributesOf(descriptor);
  const found = attributes & (TYPE | NOT_SYSTEM);
  // A 16-bit TSS (type 1) will do outside long mode.
  if (found != type && !(type == 9 && found == 1 && !longMode(s))) return faultCode(s, GENERAL_PROTECTION, error);
  let base = baseOf(descriptor);
  if ((attributes & PRESENT) == 0) return faultCode(s, NOT_PRESENT, error);
  if (longMode(s)) {
    if (!readUpperHalf(s, selector, GENERAL_PROTECTION)) return FAULT;
    base |= upperHalf << 32;
    if (!canonical(base)) return faultCode(s, GENERAL_PROTECTION, error);
  }
  if (to == TR && !markDescriptor(s, 2)) return FAULT;
  setSegment(s + to, selector, base, limitOf(descriptor), attributesOf(descriptor));
  return NEXT;
}

/** SWAPGS in 64-bit mode at CPL 0; the caller checked both. */
export function swapGs(s: usize): i32 {
  const base = load<u64>(s, GS_BASE);
  store<u64>(s, load<u64>(s, MSR_KERNEL_GS_BASE), GS_BASE);
  store<u64>(s, base, MSR_KERNEL_GS_BASE);
  return NEXT;
}

/** What {@link loadAccessRights} and {@link loadSegmentLimit} found. */
export let found: u32 = 0;

/** LAR. @returns 1 found (ZF set), 0 not, -1 an exit or page fault was set */
export function loadAccessRights(s: usize, selector: u32): i32 {
  // Types that LAR knows: TSS and call gates, and outside long mode also the 16-bit ones and task gates.
  const reached = visible(s, selector, longMode(s) ? 0b0001_1010_0000_0100 : 0b0001_1010_0011_1110);
  if (reached != 1) return reached;
  found = (<u32>(descriptor >> 32)) & 0x00f0ff00;
  return 1;
}

/** LSL. @returns as {@link loadAccessRights} */
export function loadSegmentLimit(s: usize, selector: u32): i32 {
  const reached = visible(s, selector, longMode(s) ? 0b0000_1010_0000_0100 : 0b0000_1010_0000_1110);
  if (reached != 1) return reached;
  found = limitOf(descriptor);
  return 1;
}

/** VERR (write false) and VERW. @returns as {@link loadAccessRights} */
export function verify(s: usize, selector: u32, write: bool): i32 {
  const reached = visible(s, selector, 0);
  if (reached != 1) return reached;
  const attributes = attributesOf(descriptor);
  if (write) return (attributes & (TYPE_CODE | TYPE_RW)) == TYPE_RW ? 1 : 0;
  return (attributes & (TYPE_CODE | TYPE_RW)) != TYPE_CODE ? 1 : 0;
}

/** Reads the descriptor when the selector is good and visible at its RPL and CPL; `types` are the system types allowed. */
function visible(s: usize, selector: u32, types: u32): i32 {
  selector &= 0xffff;
  if ((selector & 0xfffc) == 0 || !withinTable(s, selector)) return 0;
  if (!readDescriptor(s, selector, GENERAL_PROTECTION)) return -1;
  const attributes = attributesOf(descriptor);
  if ((attributes & NOT_SYSTEM) == 0) {
    if (((types >> (attributes & TYPE)) & 1) == 0) return 0;
    if (longMode(s)) {
      if (!withinTable(s, (selector & 0xfffc) + 8)) return 0;
    }
  } else if ((attributes & (TYPE_CODE | TYPE_CE)) == (TYPE_CODE | TYPE_CE)) return 1;
  return dpl(attributes) >= (selector & 3) && dpl(attributes) >= load<u32>(s, CPL) ? 1 : 0;
}

/** Writes CS after a control transfer that was checked; CPL becomes `cpl`. */
export function loadCode(s: usize, selector: u32, cpl: u32, from: u64): void {
  fillSegment(s, SEG_CS, (selector & 0xfffc) | cpl, from);
  store<u32>(s, cpl, CPL);
  updateMode(s);
}

/** After a return to a less privileged level: data segments that this level may not use become null. */
export function dropPrivilegedSegments(s: usize): void {
  const cpl = load<u32>(s, CPL);
  for (let index: u32 = 0; index < 6; index++) {
    if (index == SEG_CS || index == SEG_SS) continue;
    const attributes = load<u32>(record(s, index), SEG_ATTRIBUTES);
    const conforming = (attributes & (TYPE_CODE | TYPE_CE)) == (TYPE_CODE | TYPE_CE);
    if (!conforming && (attributes & NULL_SEGMENT) == 0 && dpl(attributes) < cpl) {
      setSegment(record(s, index), 0, 0, 0, NULL_SEGMENT);
    }
  }
}

/** Selector of LDTR, TR or a data segment, zero-extended: SLDT, STR, MOV from a segment. */
export function storeSelector(s: usize, index: u32): u32 {
  return load<u16>(record(s, index), SEG_SELECTOR);
}

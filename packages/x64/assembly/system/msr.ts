/**
 * The model-specific registers that the processor itself owns; all others belong to the caller of run() (APM volume 2
 * appendix A). Answers need no BigInt and no exit: RDMSR and WRMSR of these are frequent in kernels.
 */
import { EXIT_RDMSR, EXIT_WRMSR } from '../../src/exits';
import { updateMode } from '../mode';
import { END, EXIT, NEXT, faultCode } from '../op';
import {
  CR0,
  EFER,
  EXIT_INDEX,
  EXIT_REASON,
  EXIT_VALUE,
  FS_BASE,
  GS_BASE,
  INSTRUCTIONS,
  MSR_CSTAR,
  MSR_KERNEL_GS_BASE,
  MSR_LSTAR,
  MSR_PAT,
  MSR_SFMASK,
  MSR_STAR,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  MSR_TSC_AUX,
  TSC_BASE_INSTRUCTIONS,
  TSC_NOW,
  TSC_OFFSET,
  TSC_SCALE,
} from '../../src/state';
import { GENERAL_PROTECTION } from './descriptors';
import { CR0_PG, EFER_LMA, EFER_LME, EFER_NXE, EFER_SCE, canonical } from './machine';
import { flushAll } from './paging';

const TSC: u32 = 0x10;
const SYSENTER_CS: u32 = 0x174;
const SYSENTER_ESP: u32 = 0x175;
const SYSENTER_EIP: u32 = 0x176;
const PAT: u32 = 0x277;
const MSR_EFER: u32 = 0xc0000080;
const STAR: u32 = 0xc0000081;
const LSTAR: u32 = 0xc0000082;
const CSTAR: u32 = 0xc0000083;
const SFMASK: u32 = 0xc0000084;
const MSR_FS_BASE: u32 = 0xc0000100;
const MSR_GS_BASE: u32 = 0xc0000101;
const KERNEL_GS_BASE: u32 = 0xc0000102;
const TSC_AUX: u32 = 0xc0000103;

/** The time-stamp counter. */
export function readTsc(s: usize): u64 {
  const since = load<u64>(s, INSTRUCTIONS) - load<u64>(s, TSC_BASE_INSTRUCTIONS);
  return load<u64>(s, TSC_NOW) + load<u64>(s, TSC_OFFSET) + ((since * <u64>load<u32>(s, TSC_SCALE)) >> 8);
}

/** What {@link readMsr} read. */
export let msrValue: u64 = 0;

/** RDMSR. @returns NEXT ({@link msrValue} is set), or EXIT */
export function readMsr(s: usize, index: u32): i32 {
  const slot = slotOf(index);
  if (slot != 0) msrValue = load<u64>(s + slot);
  else if (index == TSC) msrValue = readTsc(s);
  else {
    store<i32>(s, EXIT_RDMSR, EXIT_REASON);
    store<u32>(s, index, EXIT_INDEX);
    return EXIT;
  }
  return NEXT;
}

/** WRMSR. @returns NEXT, END, EXIT, or FAULT */
export function writeMsr(s: usize, index: u32, value: u64): i32 {
  switch (index) {
    case TSC:
      store<u64>(s, load<u64>(s, TSC_OFFSET) + value - readTsc(s), TSC_OFFSET);
      return NEXT;
    case MSR_EFER:
      return writeEfer(s, value);
    case SYSENTER_ESP:
    case SYSENTER_EIP:
    case LSTAR:
    case CSTAR:
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case KERNEL_GS_BASE:
      if (!canonical(value)) return faultCode(s, GENERAL_PROTECTION, 0);
      break;
    case SFMASK:
      value &= 0xffffffff;
      break;
    case TSC_AUX:
      if (value >> 32 != 0) return faultCode(s, GENERAL_PROTECTION, 0);
      break;
    case PAT:
      for (let i: u64 = 0; i < 64; i += 8) {
        const type = (value >> i) & 0xff;
        if (type > 7 || type == 2 || type == 3) return faultCode(s, GENERAL_PROTECTION, 0);
      }
      break;
    case STAR:
    case SYSENTER_CS:
      break;
    default:
      store<i32>(s, EXIT_WRMSR, EXIT_REASON);
      store<u32>(s, index, EXIT_INDEX);
      store<u64>(s, value, EXIT_VALUE);
      return EXIT;
  }
  store<u64>(s + slotOf(index), value);
  return NEXT;
}

function writeEfer(s: usize, value: u64): i32 {
  const before = load<u64>(s, EFER);
  if ((value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) != 0) return faultCode(s, GENERAL_PROTECTION, 0);
  if (((value ^ before) & EFER_LME) != 0 && (load<u64>(s, CR0) & CR0_PG) != 0)
    return faultCode(s, GENERAL_PROTECTION, 0);
  // LMA follows CR0.PG; writes do not change it.
  const after = (value & ~EFER_LMA) | (before & EFER_LMA);
  store<u64>(s, after, EFER);
  if (((before ^ after) & EFER_NXE) != 0) flushAll(s);
  updateMode(s);
  return END;
}

/** Offset in the state block of a register that is only storage, 0 for others. */
function slotOf(index: u32): u32 {
  switch (index) {
    case SYSENTER_CS:
      return MSR_SYSENTER_CS;
    case SYSENTER_ESP:
      return MSR_SYSENTER_ESP;
    case SYSENTER_EIP:
      return MSR_SYSENTER_EIP;
    case PAT:
      return MSR_PAT;
    case MSR_EFER:
      return EFER;
    case STAR:
      return MSR_STAR;
    case LSTAR:
      return MSR_LSTAR;
    case CSTAR:
      return MSR_CSTAR;
    case SFMASK:
      return MSR_SFMASK;
    case MSR_FS_BASE:
      return FS_BASE;
    case MSR_GS_BASE:
      return GS_BASE;
    case KERNEL_GS_BASE:
      return MSR_KERNEL_GS_BASE;
    case TSC_AUX:
      return MSR_TSC_AUX;
    default:
      return 0;
  }
}

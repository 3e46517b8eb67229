/**
 * Control and debug registers: which values are refused, and what a change makes stale (APM volume 2 sections 3.1, 13.1).
 */
import { EXIT_CR8 } from '../../src/exits';
import { updateMode } from '../mode';
import { END, EXIT, fault, faultCode } from '../op';
import {
  CPL,
  CR0,
  CR2,
  CR3,
  CR4,
  CR8,
  CS,
  DR,
  EFER,
  EXIT_REASON,
  EXIT_VALUE,
  FEATURES_1C,
  FEATURES_7B,
  FEATURES_7C,
  PHYSICAL_WIDTH,
  SEG_ATTRIBUTES,
} from '../../src/state';
import { resetContexts, switchContext } from './contexts';
import { GENERAL_PROTECTION } from './descriptors';
import {
  CR0_AM,
  CR0_CD,
  CR0_EM,
  CR0_ET,
  CR0_MP,
  CR0_NE,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_TS,
  CR0_WP,
  CR4_DE,
  CR4_FSGSBASE,
  CR4_MCE,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  CR4_PAE,
  CR4_PCE,
  CR4_PCIDE,
  CR4_PGE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  CR4_TSD,
  CR4_UMIP,
  EFER_LMA,
  EFER_LME,
  LONG,
  longMode,
} from './machine';
import { flushAll, flushLocal } from './paging';

const CR0_DEFINED: u64 =
  CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
const CR4_ALWAYS: u64 =
  CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT;
/** A change of these changes what translations mean. */
const CR4_PAGING: u64 = CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP;

// Bits of CPUID leaf 7: EBX, and the last one of ECX.
const FEATURE_FSGSBASE: u32 = 1 << 0;
const FEATURE_SMEP: u32 = 1 << 7;
export const FEATURE_INVPCID: u32 = 1 << 10;
export const FEATURE_SMAP: u32 = 1 << 20;
const FEATURE_UMIP: u32 = 1 << 2;
/** Of leaf 1, ECX. */
const FEATURE_PCID: u32 = 1 << 17;

/** Of what is written to CR3: translations of the PCID stay. */
const CR3_KEEP: u64 = 1 << 63;

const UNDEFINED_OPCODE: i32 = 6;
const DR7_GENERAL_DETECT: u64 = 1 << 13;
const DR6_GENERAL_DETECT: u64 = 1 << 13;
const DR6_FIXED: u64 = 0xffff0ff0;
const DR6_WRITABLE: u64 = 0xe00f;
const DR7_FIXED: u64 = 0x400;
const DR7_CLEAR: u64 = 0xd800;

/** MOV to CRn. @returns END, EXIT (CR8: RIP must be advanced by the caller), or FAULT */
export function writeControl(s: usize, index: u32, value: u64): i32 {
  switch (index) {
    case 0:
      return writeCr0(s, value);
    case 2:
      store<u64>(s, value, CR2);
      return END;
    case 3:
      return writeCr3(s, value);
    case 4:
      return writeCr4(s, value);
    case 8:
      if (value > 15) return faultCode(s, GENERAL_PROTECTION, 0);
      store<u64>(s, value, CR8);
      store<i32>(s, EXIT_CR8, EXIT_REASON);
      store<u64>(s, value, EXIT_VALUE);
      return EXIT;
    default:
      return fault(s, UNDEFINED_OPCODE);
  }
}

/** Whether a control register exists. */
export function controlExists(index: u32): bool {
  return index == 0 || (index >= 2 && index <= 4) || index == 8;
}

/** MOV from CRn that exists. */
export function readControl(s: usize, index: u32): u64 {
  switch (index) {
    case 0:
      return load<u64>(s, CR0);
    case 2:
      return load<u64>(s, CR2);
    case 3:
      return load<u64>(s, CR3);
    case 4:
      return load<u64>(s, CR4);
    default:
      return load<u64>(s, CR8);
  }
}

function writeCr3(s: usize, value: u64): i32 {
  const tagged = (load<u64>(s, CR4) & CR4_PCIDE) != 0;
  const keep = tagged && value >> 63 != 0;
  if (tagged) value &= ~CR3_KEEP;
  if (longMode(s) && value >> (<u64>load<u32>(s, PHYSICAL_WIDTH)) != 0) return faultCode(s, GENERAL_PROTECTION, 0);
  store<u64>(s, value, CR3);
  if (tagged) switchContext(s, <u32>value & 0xfff, keep);
  else flushLocal(s);
  return END;
}

/** Writes CR0 as MOV and LMSW do. */
export function writeCr0(s: usize, value: u64): i32 {
  const before = load<u64>(s, CR0);
  if (value >> 32 != 0) return faultCode(s, GENERAL_PROTECTION, 0);
  const after = (value & CR0_DEFINED) | CR0_ET;
  if ((after & (CR0_PG | CR0_PE)) == CR0_PG || (after & (CR0_NW | CR0_CD)) == CR0_NW) {
    return faultCode(s, GENERAL_PROTECTION, 0);
  }
  const efer = load<u64>(s, EFER);
  const turnsOn = (after & ~before & CR0_PG) != 0;
  const turnsOff = (before & ~after & CR0_PG) != 0;
  const code64 = (load<u32>(s, CS + SEG_ATTRIBUTES) & LONG) != 0;
  if (turnsOn && (efer & EFER_LME) != 0) {
    if ((load<u64>(s, CR4) & CR4_PAE) == 0 || code64) return faultCode(s, GENERAL_PROTECTION, 0);
    store<u64>(s, efer | EFER_LMA, EFER);
  }
  if (turnsOff) {
    if (longMode(s) && (code64 || (load<u64>(s, CR4) & CR4_PCIDE) != 0)) return faultCode(s, GENERAL_PROTECTION, 0);
    store<u64>(s, efer & ~EFER_LMA, EFER);
  }
  store<u64>(s, after, CR0);
  if (((before ^ after) & (CR0_PG | CR0_PE | CR0_WP)) != 0) {
    if ((before & ~after & CR0_PE) != 0) store<u32>(s, 0, CPL);
    flushAll(s);
    updateMode(s);
  }
  return END;
}

function writeCr4(s: usize, value: u64): i32 {
  const before = load<u64>(s, CR4);
  if ((value & ~allowedCr4(s)) != 0) return faultCode(s, GENERAL_PROTECTION, 0);
  if (longMode(s) && (value & CR4_PAE) == 0) return faultCode(s, GENERAL_PROTECTION, 0);
  // Only long mode has PCIDs, and the first one is 0.
  const turnsOn = (value & ~before & CR4_PCIDE) != 0;
  if (turnsOn && (!longMode(s) || (load<u64>(s, CR3) & 0xfff) != 0)) return faultCode(s, GENERAL_PROTECTION, 0);
  store<u64>(s, value, CR4);
  if (((before ^ value) & CR4_PAGING) != 0) flushAll(s);
  if (((before ^ value) & CR4_PCIDE) != 0) resetContexts(s);
  return END;
}

/** Bits of CR4 that this processor has: the fixed ones, and those whose features CPUID shows. */
function allowedCr4(s: usize): u64 {
  let allowed = CR4_ALWAYS;
  const features = load<u32>(s, FEATURES_7B);
  if ((features & FEATURE_FSGSBASE) != 0) allowed |= CR4_FSGSBASE;
  if ((features & FEATURE_SMEP) != 0) allowed |= CR4_SMEP;
  if ((features & FEATURE_SMAP) != 0) allowed |= CR4_SMAP;
  if ((load<u32>(s, FEATURES_7C) & FEATURE_UMIP) != 0) allowed |= CR4_UMIP;
  if ((load<u32>(s, FEATURES_1C) & FEATURE_PCID) != 0) allowed |= CR4_PCIDE;
  return allowed;
}

/**
 * What MOV to or from DRn checks; `index` 4 and 5 become 6 and 7 unless CR4.DE is set.
 * @returns the register's number, or -1 when a fault was set
 */
export function checkDebugAccess(s: usize, index: u32): i32 {
  if (index > 7) {
    fault(s, UNDEFINED_OPCODE);
    return -1;
  }
  if (index == 4 || index == 5) {
    if ((load<u64>(s, CR4) & CR4_DE) != 0) {
      fault(s, UNDEFINED_OPCODE);
      return -1;
    }
    index += 2;
  }
  if ((load<u64>(s, DR + 56) & DR7_GENERAL_DETECT) != 0) {
    store<u64>(s, load<u64>(s, DR + 48) | DR6_GENERAL_DETECT, DR + 48);
    fault(s, 1);
    return -1;
  }
  return <i32>index;
}

/** MOV to DRn after {@link checkDebugAccess}. */
export function writeDebug(s: usize, index: u32, value: u64): i32 {
  if (index >= 6) {
    if (value >> 32 != 0) return faultCode(s, GENERAL_PROTECTION, 0);
    value = index == 6 ? (value & DR6_WRITABLE) | DR6_FIXED : (value & ~DR7_CLEAR) | DR7_FIXED;
  }
  store<u64>(s + (index << 3), value, DR);
  // Pages with data breakpoints keep no translation, see paging.ts.
  if (index != 6) flushAll(s);
  return END;
}

/** MOV from DRn after {@link checkDebugAccess}. */
export function readDebug(s: usize, index: u32): u64 {
  return load<u64>(s + (index << 3), DR);
}

/** Registers and calls of the hypervisor that the runtime uses besides those of the SynIC (TLFS, "Synthetic MSRs"). */

/** MSR numbers, in address order. */
export const GuestMsr = {
  /** Who we are; hypercalls need it to be non-zero. */
  GuestOsId: 0x40000000,
  /** Hypercall page: bit 0 enables, bits 12 and up are the page number. */
  Hypercall: 0x40000001,
  /** Time since the partition started, in units of 100 ns. */
  ReferenceTime: 0x40000020,
  /** Configuration of synthetic timer 0. */
  Timer0Config: 0x400000b0,
  /** When synthetic timer 0 expires, in reference time; 0 stops it. */
  Timer0Count: 0x400000b1,
  /** Crash parameters 0 to 4. */
  CrashP0: 0x40000100,
  /** Writing reports the crash. */
  CrashControl: 0x40000105,
} as const;

/** Open-source OS (bit 63), of none of the assigned types, version 0.1. */
export const GUEST_OS_ID = 0xff00_0000_0001_0000n;

/** HvCallSendSyntheticClusterIpi. */
export const SEND_IPI = 0x000b;
/** HvCallOutputDebugCharacter. */
export const OUTPUT_DEBUG_CHARACTER = 0x0071;
/** Bit of a call's input value: parameters are in registers. */
export const FAST = 0x1_0000;

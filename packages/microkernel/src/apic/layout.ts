/**
 * Local APIC of one virtual processor, as it lies in the VP's record (Intel SDM volume 3, chapter "APIC"; AMD APM volume
 * 2, chapter 16).
 *
 * Offsets are 32-bit words from the start of the APIC's part of the record. Two more registers lie elsewhere in it, as
 * every VP has them: the task priority, and the interrupt request register, which is the VP's bitmap of pending vectors.
 *
 *         ┌───────────────────────────────────────┐
 *         │ mode · events · startup               │  any thread, by atomic operations
 *         │ trigger modes: one bit for each vector│
 *         │ logical destination · its format      │  the VP's thread writes, senders read
 *         ├───────────────────────────────────────┤
 *         │ spurious vector · errors · command    │
 *         │ local vectors: timer … error          │  the VP's thread alone
 *         │ timer: counts, due time, TSC deadline │
 *         │ in service: 256 vectors, one bit each │
 *         ├───────────────────────────────────────┤
 *         │ counters                              │
 *         └───────────────────────────────────────┘
 */

/** Word offset of each field. Two-word fields lie at even words. */
export const ApicAt = {
  /** {@link Mode} bits. 0: the VP has no APIC, and takes interrupts from its bitmap alone. */
  Mode: 0,
  /** {@link Events} bits. */
  Events: 1,
  /** Run state, INIT and start-up vector: see `startup.ts`. */
  Startup: 2,
  LogicalDestination: 3,
  DestinationFormat: 4,
  /** Page number of the register page, from IA32_APIC_BASE. */
  BasePage: 5,
  SpuriousVector: 6,
  /** Errors as the guest reads them, and those since it last wrote the register. */
  ErrorStatus: 7,
  NewErrors: 8,
  CommandLow: 9,
  CommandHigh: 10,
  /** Timer, thermal, performance, LINT0, LINT1, error. */
  LocalVectors: 11,
  InitialCount: 17,
  Divide: 18,
  /** 1 while the timer has a due time. */
  Armed: 19,
  /** Due time in cycles of the timer's clock since the partition's reference time was 0. */
  Due: 20,
  TscDeadline: 22,
  InService: 24,
  Sent: 32,
  /** Interrupts that came while the APIC could not accept them. Other threads count here. */
  Refused: 33,
  TimerExpired: 34,
  Ended: 35,
  /** Vectors whose last request was level-triggered. Senders write it before they make the vector pending. */
  TriggerMode: 36,
} as const;

/** Words of a VP's APIC. */
export const APIC_WORDS = 44;

/** Bits of the mode word. */
export const Mode = {
  Present: 1,
  /** IA32_APIC_BASE bit 11. */
  Enabled: 2,
  /** IA32_APIC_BASE bit 10: registers are MSRs, ids have 32 bits. */
  X2: 4,
  /** Bit 8 of the spurious vector register. */
  SoftwareEnabled: 8,
  /** IA32_APIC_BASE bit 8: the processor that boots. */
  Bootstrap: 16,
  /** The VP was created with its APIC in x2APIC mode, and is reset to it. */
  CreatedX2: 32,
} as const;
/** Mode bits that an APIC must have to accept a fixed interrupt. */
export const ACCEPTING = Mode.Present | Mode.Enabled | Mode.SoftwareEnabled;

/** Bits of the events word. */
export const Events = { Nmi: 1 } as const;

/** Delivery modes of commands and local vectors. */
export const Delivery = { Fixed: 0, LowestPriority: 1, Smi: 2, Nmi: 4, Init: 5, Startup: 6 } as const;

/** Position of each entry of the local vector table. */
export const Local = { Timer: 0, Thermal: 1, Performance: 2, Lint0: 3, Lint1: 4, Error: 5 } as const;
/** Entries of the local vector table. */
export const LOCAL_COUNT = 6;
/** Bit of an entry of the local vector table, and the reset value of them all. */
export const LOCAL_MASKED = 1 << 16;

/** Bit 8 of the spurious vector register: the APIC accepts interrupts. */
export const SOFTWARE_ENABLE = 1 << 8;
/** Reset value of the spurious vector register. */
export const SPURIOUS_RESET = 0xff;
/** Reset value of the destination format register: flat. */
export const FORMAT_RESET = 0xffff_ffff | 0;
/** Page number of the register page after reset. */
export const BASE_PAGE_RESET = 0xfee00;

/** Bits of the error status register. */
export const ApicError = { SendIllegalVector: 0x20, ReceiveIllegalVector: 0x40, IllegalRegister: 0x80 } as const;

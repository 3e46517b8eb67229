/**
 * SynIC state of one virtual processor, as it lies in the microkernel's shared state.
 *
 * Offsets are 32-bit words from the start of the VP's region. Its words are of two kinds:
 *
 *  - the *mailbox*, which any thread changes, by atomic operations only: incarnation, attention, inbox, buffers, pending
 *    event flags. No thread ever waits for another there, so a thread that is ended half-way hangs nobody;
 *  - the rest, which only the thread that runs the VP changes. Senders look at SCONTROL, SIMP, SIEFP and the SINTs.
 *
 *         ┌─────────────────────────────────────┐
 *         │ incarnation · attention · armed     │
 *         │ SCONTROL · SIEFP · SIMP · SINT0-15  │
 *         │ timers 0-3, 8 words each            │
 *         ├─────────────────────────────────────┤
 *         │ inbox: tail · head · used · 32 slots│  senders → VP, in order of arrival
 *         │ per SINT: first · last · held       │  FIFOs of nodes: 0-31 message buffers, 32-35 timers
 *         │ next of each node · waiting         │
 *         │ counters                            │
 *         ├─────────────────────────────────────┤
 *         │ event flags: 16 SINTs × 2048 bits   │  senders → VP
 *         │ summary: 16 SINTs × 64 bits         │  which of a SINT's 64 words have flags
 *         ├─────────────────────────────────────┤
 *         │ 32 message buffers × 256 bytes      │
 *         ├─────────────────────────────────────┤
 *         │ other content of SIMP's page, 4 KiB │  see overlay-page.ts
 *         │ other content of SIEFP's page, 4 KiB│
 *         └─────────────────────────────────────┘
 */

/** SINTs of a virtual processor (TLFS, "SynIC Interrupt Sources"). */
export const SINT_COUNT = 16;
/** Event flags of one SINT (TLFS, "SIEF Page"). */
export const FLAGS_PER_SINT = 2048;
/** Synthetic timers of a virtual processor (TLFS, "Synthetic Timers"). */
export const TIMER_COUNT = 4;
/** Messages that one VP can hold beyond those in its slots. They are the bits of one word: 32. */
export const MESSAGE_BUFFERS = 32;
/** What one SINT may hold of them, so that a stuck SINT leaves room for the others. */
export const BUFFERS_PER_SINT = 24;
/** Most bytes that a message carries. */
export const MESSAGE_PAYLOAD_BYTES = 240;

/** Words of a SINT's event flags. */
export const FLAG_WORDS = FLAGS_PER_SINT / 32;
/** Words of a timer's record. */
export const TIMER_WORDS = 8;
/** Words of a message buffer: type, size and SINT, port id, incarnation, then the payload. */
export const BUFFER_WORDS = 64;
/** Words of a page. */
export const PAGE_WORDS = 1024;

/** Word offset of each field in a VP's region. */
export const At = {
  /** Which life of the region this is. Mail that a sender addressed to an earlier one is thrown away. */
  Incarnation: 0,
  /** Bit n: SINT n has event flags to move. Bit 16, {@link INBOX_ATTENTION}: the inbox has mail. */
  Attention: 1,
  /** Bit n: timer n has a due time. */
  Armed: 2,
  Scontrol: 3,
  Siefp: 4,
  Simp: 6,
  Sint: 8,
  Timers: 24,
  InboxTail: 56,
  InboxHead: 57,
  /** Bit n: message buffer n is taken. */
  BuffersUsed: 58,
  /** Bit n: the FIFO of SINT n is not empty. */
  Waiting: 59,
  /** Bit n: timer n is in a FIFO. */
  TimersQueued: 60,
  Counters: 61,
  Inbox: 68,
  First: 100,
  Last: 116,
  /** Buffers taken for each SINT, by senders and FIFOs together. */
  Held: 132,
  Next: 148,
  Flags: 192,
  FlagSummary: 1216,
  Buffers: 1248,
  SimpOther: 3296,
  SiefpOther: 4320,
} as const;

/** Words that the SynIC of one VP takes. Zero at first. */
export const VP_SYNIC_WORDS = At.SiefpOther + PAGE_WORDS;

/** Bit of the attention word that announces mail in the inbox. */
export const INBOX_ATTENTION = 1 << 16;

/** Bit 0 of SCONTROL, SIMP and SIEFP. */
export const ENABLE = 1;

/** Bits of a SINT register (TLFS, "SINTx Registers"). */
export const Sint = { Vector: 0xff, Masked: 1 << 16, AutoEoi: 1 << 17, Polling: 1 << 18, All: 0x7_00ff } as const;

/** Value of every SINT register after reset. */
export const SINT_RESET = Sint.Masked;

/** Word offsets of the counters. Only refusals are counted by other threads. */
export const Counter = {
  /** Messages put into slots, timers' included. */
  Delivered: At.Counters,
  /** Event flags that went from 0 to 1 in the guest's page. */
  FlagsSet: At.Counters + 1,
  TimersExpired: At.Counters + 2,
  /** Mail for an earlier incarnation. */
  Stale: At.Counters + 3,
  /** Posts refused for want of buffers. */
  RefusedFull: At.Counters + 4,
  /** Posts refused because the SynIC, SIMP or SINT was off. */
  RefusedState: At.Counters + 5,
} as const;

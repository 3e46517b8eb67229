/**
 * Entry state: how the first processor stands before its first instruction. Plain data, which any processor can load.
 *
 * Three kinds: 64-bit with paging (Linux, Documentation/arch/x86/boot.rst, section "64-bit Boot Protocol"), 32-bit flat
 * without paging (PVH, Multiboot), and real mode.
 */

/** A segment register with what a processor caches of its descriptor. */
export interface SegmentState {
  /** Its visible part. */
  readonly selector: number;
  /** Linear address that it begins at. */
  readonly base: number;
  /** Last byte, with granularity applied. */
  readonly limit: number;
  /**
   * A descriptor's second word shifted right by 8: bits 0-3 type, 4 S, 5-6 DPL, 7 P, 12 AVL, 13 L, 14 D/B, 15 G. 0 when
   * the register holds no segment.
   */
  readonly attributes: number;
}

/** A descriptor table register. */
export interface TableState {
  /** Linear address of the table. */
  readonly base: number;
  /** Offset of the table's last byte. */
  readonly limit: number;
}

/** Registers of the first processor. Those not named are 0; so are the debug registers, and the FPU is as FNINIT leaves it. */
export interface EntryState {
  /** What the processor decodes its first instruction as. */
  readonly mode: 'long' | 'protected' | 'real';
  /** Offset of the first instruction in CS. */
  readonly rip: number;
  /** Flags; bit 1 is always set. */
  readonly rflags: number;
  /** General registers that the boot protocol fills. */
  readonly registers: Readonly<Partial<Record<'rax' | 'rbx' | 'rcx' | 'rdx' | 'rsi' | 'rdi' | 'rbp' | 'rsp', number>>>;
  /** Control register 0: PE and PG decide the mode. */
  readonly cr0: number;
  /** Physical address of the page tables; 0 without paging. */
  readonly cr3: number;
  /** Control register 4. */
  readonly cr4: number;
  /** IA32_EFER. */
  readonly efer: number;
  /** Code segment. */
  readonly cs: SegmentState;
  /** DS, ES, FS, GS and SS. */
  readonly data: SegmentState;
  /** Task register. */
  readonly tr: SegmentState;
  /** Local descriptor table. */
  readonly ldtr: SegmentState;
  /** Global descriptor table. */
  readonly gdtr: TableState;
  /** Interrupt descriptor table. */
  readonly idtr: TableState;
}

/** Selectors that both Linux and Multiboot loaders use. */
const CODE_SELECTOR = 0x10;
const DATA_SELECTOR = 0x18;
const TASK_SELECTOR = 0x20;

const FLAGS_FIXED = 0x2;
const CR0_PROTECTED = 0x1;
/** Fixed to 1 on every processor since the 486. */
const CR0_EXTENSION_TYPE = 0x10;
const CR0_PAGING = 0x8000_0000;
const CR4_PAE = 0x20;
const EFER_LONG_ENABLED_ACTIVE = 0x500;

const TABLE_LIMIT = 5 * 8 - 1;
/** Present, DPL 0, accessed: code (execute, read) and data (read, write). */
const CODE = 0x9b;
const DATA = 0x93;
const BUSY_TASK = 0x8b;
const LOCAL_TABLE = 0x82;
const LONG = 0x2000;
const BIG = 0x4000;
const IN_PAGES = 0x8000;

const FLAT = { base: 0, limit: 0xffff_ffff };
const NO_TABLE: SegmentState = { selector: 0, base: 0, limit: 0xffff, attributes: LOCAL_TABLE };
const TASK: SegmentState = { selector: TASK_SELECTOR, base: 0, limit: 0x67, attributes: BUSY_TASK };

/** A flat segment's descriptor, for the table in memory. */
export function flatDescriptor(attributes: number): bigint {
  return (BigInt(attributes) << 40n) | 0x000f_0000_0000_ffffn;
}

/** Attributes of the flat segments in the table in memory. */
export const FlatSegment = {
  Code64: CODE | LONG | IN_PAGES,
  Code32: CODE | BIG | IN_PAGES,
  Data: DATA | BIG | IN_PAGES,
} as const;

/** The task segment's descriptor: at 0, 104 bytes. */
export const TASK_DESCRIPTOR = (BigInt(BUSY_TASK) << 40n) | 0x67n;

/**
 * 64-bit mode, flat, with the given page tables.
 *
 * @param state - where to start, what RSI holds, and where page tables, stack and descriptor table lie
 */
export function longEntry(state: {
  rip: number;
  rsi: number;
  rsp: number;
  pageTables: number;
  descriptorTable: number;
}): EntryState {
  return {
    mode: 'long',
    rip: state.rip,
    rflags: FLAGS_FIXED,
    registers: { rsi: state.rsi, rsp: state.rsp },
    cr0: CR0_PAGING + (CR0_PROTECTED | CR0_EXTENSION_TYPE),
    cr3: state.pageTables,
    cr4: CR4_PAE,
    efer: EFER_LONG_ENABLED_ACTIVE,
    cs: { ...FLAT, selector: CODE_SELECTOR, attributes: FlatSegment.Code64 },
    data: { ...FLAT, selector: DATA_SELECTOR, attributes: FlatSegment.Data },
    tr: TASK,
    ldtr: NO_TABLE,
    gdtr: { base: state.descriptorTable, limit: TABLE_LIMIT },
    idtr: { base: 0, limit: 0 },
  };
}

/**
 * 32-bit protected mode, flat, no paging.
 *
 * @param state - where to start, what the registers hold, and where the descriptor table lies
 */
export function protectedEntry(state: {
  rip: number;
  registers: EntryState['registers'];
  descriptorTable: number;
}): EntryState {
  return {
    mode: 'protected',
    rip: state.rip,
    rflags: FLAGS_FIXED,
    registers: state.registers,
    cr0: CR0_PROTECTED | CR0_EXTENSION_TYPE,
    cr3: 0,
    cr4: 0,
    efer: 0,
    cs: { ...FLAT, selector: CODE_SELECTOR, attributes: FlatSegment.Code32 },
    data: { ...FLAT, selector: DATA_SELECTOR, attributes: FlatSegment.Data },
    tr: TASK,
    ldtr: NO_TABLE,
    gdtr: { base: state.descriptorTable, limit: TABLE_LIMIT },
    idtr: { base: 0, limit: 0 },
  };
}

/** Real mode, all segments at 0. @param rip - below 64 KiB */
export function realEntry(rip: number, rsp: number): EntryState {
  return {
    mode: 'real',
    rip,
    rflags: FLAGS_FIXED,
    registers: { rsp },
    cr0: CR0_EXTENSION_TYPE,
    cr3: 0,
    cr4: 0,
    efer: 0,
    cs: { selector: 0, base: 0, limit: 0xffff, attributes: CODE },
    data: { selector: 0, base: 0, limit: 0xffff, attributes: DATA },
    tr: { selector: 0, base: 0, limit: 0xffff, attributes: BUSY_TASK },
    ldtr: NO_TABLE,
    gdtr: { base: 0, limit: 0xffff },
    idtr: { base: 0, limit: 0x3ff },
  };
}

/**
 * The registers of a virtual processor, read from its state block without the core: for people and debuggers.
 *
 * A VP that runs on another thread changes them meanwhile, and its RIP is that of the block it last began.
 */
import * as S from './state.ts';

/** Names of the general registers, in the order of their encoding. */
export const GENERAL_REGISTERS = [
  ...(['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'] as const),
  ...(['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const),
] as const;
/** Names of the segment registers, in the order of their records. */
export const SEGMENT_REGISTERS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'ldtr', 'tr'] as const;

/** A segment register and what the processor caches of its descriptor. */
export interface SegmentView {
  /** Its visible part. */
  readonly selector: number;
  /** Linear address that it begins at. */
  readonly base: bigint;
  /** Last byte, granularity applied. */
  readonly limit: number;
  /** A descriptor's second word shifted right by 8; bit 16: a null selector. */
  readonly attributes: number;
}

/** GDTR or IDTR. */
export interface TableView {
  /** Linear address of the table. */
  readonly base: bigint;
  /** Offset of the table's last byte. */
  readonly limit: number;
}

/** The registers of one VP. Bigints are unsigned values of 64 bits. */
export interface RegisterView {
  /** Where its next instruction is. */
  readonly rip: bigint;
  /** Flags. */
  readonly rflags: number;
  /** General registers, by name. */
  readonly general: Readonly<Record<(typeof GENERAL_REGISTERS)[number], bigint>>;
  /** Segment registers, by name, LDTR and TR among them. */
  readonly segments: Readonly<Record<(typeof SEGMENT_REGISTERS)[number], SegmentView>>;
  /** Global descriptor table. */
  readonly gdtr: TableView;
  /** Interrupt descriptor table. */
  readonly idtr: TableView;
  /** Control register 0. */
  readonly cr0: bigint;
  /** Linear address of the last page fault. */
  readonly cr2: bigint;
  /** Physical address of the page tables. */
  readonly cr3: bigint;
  /** Control register 4. */
  readonly cr4: bigint;
  /** Task priority, bits 0-3. */
  readonly cr8: bigint;
  /** IA32_EFER. */
  readonly efer: bigint;
  /** Current privilege level. */
  readonly cpl: number;
  /** Width of the code that RIP points at. */
  readonly bits: 16 | 32 | 64;
}

/** Bits of RFLAGS that have names. */
export const RFLAGS: readonly (readonly [name: string, bit: number])[] = [
  ['CF', 0],
  ['PF', 2],
  ['AF', 4],
  ['ZF', 6],
  ['SF', 7],
  ['TF', 8],
  ['IF', 9],
  ['DF', 10],
  ['OF', 11],
  ['NT', 14],
  ['RF', 16],
  ['VM', 17],
  ['AC', 18],
  ['ID', 21],
];

/** CF, PF, AF, ZF, SF, OF. */
const STATUS_FLAGS = 0x8d5;
const AUX_SUBTRACTION = 1 << 30;
const WIDTHS = [16, 32, 64] as const;

/**
 * Reads the registers of the VP whose state block begins at `area`.
 * @param buffer - the node
 */
export function readRegisters(buffer: SharedArrayBuffer, area: number): RegisterView {
  const view = new DataView(buffer, area, S.STATE_SIZE);
  const quad = (offset: number): bigint => view.getBigUint64(offset, true);
  const general = GENERAL_REGISTERS.map((name, i) => [name, quad(S.GPR + 8 * i)]);
  const segments = SEGMENT_REGISTERS.map((name, i) => [name, segment(view, S.SEGMENTS + i * S.SEGMENT_SIZE)]);
  return {
    rip: quad(S.RIP),
    rflags: readFlags(view, 0),
    general: Object.fromEntries(general) as RegisterView['general'],
    segments: Object.fromEntries(segments) as RegisterView['segments'],
    gdtr: { base: quad(S.GDTR_BASE), limit: view.getUint32(S.GDTR_LIMIT, true) },
    idtr: { base: quad(S.IDTR_BASE), limit: view.getUint32(S.IDTR_LIMIT, true) },
    cr0: quad(S.CR0),
    cr2: quad(S.CR2),
    cr3: quad(S.CR3),
    cr4: quad(S.CR4),
    cr8: quad(S.CR8),
    efer: quad(S.EFER),
    cpl: view.getUint32(S.CPL, true),
    bits: WIDTHS[view.getUint32(S.MODE, true) & 3] ?? 16,
  };
}

function segment(view: DataView, at: number): SegmentView {
  return {
    selector: view.getUint16(at + S.SEG_SELECTOR, true),
    base: view.getBigUint64(at + S.SEG_BASE, true),
    limit: view.getUint32(at + S.SEG_LIMIT, true),
    attributes: view.getUint32(at + S.SEG_ATTRIBUTES, true),
  };
}

/**
 * RFLAGS, the six status flags worked out of the last result as `flags.ts` of the core does, see FLAG_RESULT, but for the mark
 * that it leaves.
 *
 * @param area - where the state block is in `view`
 */
export function readFlags(view: DataView, area: number): number {
  return (statusFlags(view, area) | view.getUint32(area + S.FLAG_SYSTEM, true)) >>> 0;
}

function statusFlags(view: DataView, area: number): number {
  const result = view.getBigUint64(area + S.FLAG_RESULT, true);
  let folded = Number(result & 0xffn);
  for (const half of [4, 2, 1]) folded ^= folded >> half;
  const even = (folded & 1) === 0;
  const natural = (even ? 4 : 0) | (result === 0n ? 0x40 : 0) | (result >> 63n === 1n ? 0x80 : 0);
  const aux = view.getInt32(area + S.FLAG_AUX, true);
  const first = view.getBigUint64(area + S.FLAG_FIRST, true);
  return (natural ^ (aux < 0 ? lazyFlags(first, aux, result) : aux)) & STATUS_FLAGS;
}

/** CF, AF and OF of the addition or subtraction that nobody has asked them of yet. */
function lazyFlags(first: bigint, aux: number, result: bigint): number {
  const bits = 8 << ((aux >> 16) & 3);
  const a = BigInt.asUintN(bits, first);
  const r = BigInt.asUintN(bits, result);
  const subtracted = (aux & AUX_SUBTRACTION) !== 0;
  const b = BigInt.asUintN(bits, subtracted ? a - r : r - a);
  const carry = subtracted ? a < b : r < a;
  const over = (subtracted ? (a ^ b) & (a ^ r) : (a ^ r) & (b ^ r)) >> BigInt(bits - 1);
  return (carry ? 1 : 0) | (Number(over) << 11) | Number((first ^ result ^ b) & 0x10n);
}

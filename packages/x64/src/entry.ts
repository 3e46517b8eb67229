/** Registers set from outside: at power-up, by whoever loaded a kernel, after INIT and a start-up command. */
import * as S from './state.ts';

/** A segment register with what the processor caches of its descriptor. */
export interface SegmentRegister {
  /** Its visible part. */
  readonly selector: number;
  /** Linear address that it begins at. */
  readonly base: number;
  /** Last byte, granularity applied. */
  readonly limit: number;
  /** A descriptor's second word shifted right by 8; 0 when the register holds no segment. */
  readonly attributes: number;
}

/** GDTR or IDTR. */
export interface TableRegister {
  /** Linear address of the table. */
  readonly base: number;
  /** Offset of the table's last byte. */
  readonly limit: number;
}

/** Names of the general registers that a loader may set. */
export type EntryRegister = 'rax' | 'rbx' | 'rcx' | 'rdx' | 'rsi' | 'rdi' | 'rbp' | 'rsp';

/** How a processor stands before its first instruction. What is not named is as after INIT. */
export interface EntryRegisters {
  /** Offset of the first instruction in CS. */
  readonly rip: number;
  /** Flags; bit 1 is always set. */
  readonly rflags: number;
  /** General registers; 0 when not named. */
  readonly registers: Readonly<Partial<Record<EntryRegister, number>>>;
  /** Control register 0: PE and PG decide the mode. */
  readonly cr0: number;
  /** Physical address of the page tables. */
  readonly cr3: number;
  /** Control register 4. */
  readonly cr4: number;
  /** IA32_EFER: LME and LMA must agree with CR0. */
  readonly efer: number;
  /** Code segment, whose attributes decide the width of code. */
  readonly cs: SegmentRegister;
  /** DS, ES, FS, GS and SS. */
  readonly data: SegmentRegister;
  /** Task register. */
  readonly tr: SegmentRegister;
  /** Local descriptor table. */
  readonly ldtr: SegmentRegister;
  /** Global descriptor table. */
  readonly gdtr: TableRegister;
  /** Interrupt descriptor table. */
  readonly idtr: TableRegister;
}

const REGISTERS: Readonly<Record<EntryRegister, number>> = {
  rax: S.RAX,
  rcx: S.RCX,
  rdx: S.RDX,
  rbx: S.RBX,
  rsp: S.RSP,
  rbp: S.RBP,
  rsi: S.RSI,
  rdi: S.RDI,
};
const GENERAL_REGISTERS = 16;
/** Fixed bits of DR6 and DR7, reset value of PAT, FNINIT's control word. */
const DR6 = 0xffff0ff0n;
const DR7 = 0x400n;
const PAT = 0x0007040600070406n;
const FPU_CONTROL = 0x37f;
const FPU_EMPTY = 0xffff;
const MXCSR = 0x1f80;
/** What RDX holds after a reset: family, model and stepping of no processor in particular. */
const RESET_SIGNATURE = 0x00100f00;
const CR0_RESET = 0x60000010;

/** Sets all registers of the VP whose state block is at `state`. The caller tells the core that the mode changed. */
export function setRegisters(view: DataView, state: number, entry: EntryRegisters): void {
  const quad = (offset: number, value: bigint) => view.setBigUint64(state + offset, value, true);
  const word = (offset: number, value: number) => view.setUint32(state + offset, value >>> 0, true);
  for (let i = 0; i < GENERAL_REGISTERS; i++) quad(S.GPR + 8 * i, 0n);
  for (const [name, value] of Object.entries(entry.registers)) quad(REGISTERS[name as EntryRegister], BigInt(value));
  quad(S.RIP, BigInt(entry.rip));
  quad(S.CR0, BigInt(entry.cr0));
  quad(S.CR2, 0n);
  quad(S.CR3, BigInt(entry.cr3));
  quad(S.CR4, BigInt(entry.cr4));
  quad(S.CR8, 0n);
  quad(S.EFER, BigInt(entry.efer));
  for (let i = 0; i < 4; i++) quad(S.DR + 8 * i, 0n);
  quad(S.DR + 48, DR6);
  quad(S.DR + 56, DR7);
  quad(S.MSR_PAT, PAT);
  segment(view, state + S.CS, entry.cs);
  for (const at of [S.ES, S.SS, S.DS, S.FS, S.GS]) segment(view, state + at, entry.data);
  segment(view, state + S.LDTR, entry.ldtr);
  segment(view, state + S.TR, entry.tr);
  quad(S.GDTR_BASE, BigInt(entry.gdtr.base));
  word(S.GDTR_LIMIT, entry.gdtr.limit);
  quad(S.IDTR_BASE, BigInt(entry.idtr.base));
  word(S.IDTR_LIMIT, entry.idtr.limit);
  view.setUint16(state + S.FPU_CONTROL, FPU_CONTROL, true);
  view.setUint16(state + S.FPU_STATUS, 0, true);
  view.setUint16(state + S.FPU_TAG, FPU_EMPTY, true);
  view.setUint16(state + S.FPU_TOP, 0, true);
  word(S.MXCSR, MXCSR);
  for (const at of [S.SHADOW, S.HALTED, S.DEBUG_PENDING, S.NMI_STATE, S.WANT_WINDOW, S.SINGLE]) word(at, 0);
  word(S.INJECT_VECTOR, 0xffffffff);
  word(S.MMIO_READ_COUNT, 0);
  word(S.MMIO_WRITE_COUNT, 0);
}

/** As INIT and a start-up command with `page` leave a processor: real mode at the beginning of that page. */
export function startupEntry(page: number): EntryRegisters {
  const data = { selector: 0, base: 0, limit: 0xffff, attributes: 0x93 };
  return {
    rip: 0,
    rflags: 2,
    registers: { rdx: RESET_SIGNATURE },
    cr0: CR0_RESET,
    cr3: 0,
    cr4: 0,
    efer: 0,
    cs: { selector: page << 8, base: page << 12, limit: 0xffff, attributes: 0x9b },
    data,
    tr: { ...data, attributes: 0x8b },
    ldtr: { ...data, attributes: 0x82 },
    gdtr: { base: 0, limit: 0xffff },
    idtr: { base: 0, limit: 0x3ff },
  };
}

function segment(view: DataView, at: number, { selector, base, limit, attributes }: SegmentRegister): void {
  view.setBigUint64(at + S.SEG_BASE, BigInt(base), true);
  view.setUint32(at + S.SEG_LIMIT, limit >>> 0, true);
  view.setUint16(at + S.SEG_SELECTOR, selector, true);
  view.setUint32(at + S.SEG_ATTRIBUTES, attributes, true);
}

/**
 * The registers of a VP that stands still, as a debugger sees them: one row each, in the order in which gdb numbers them.
 *
 * Names, sizes and types are those of gdb's features for this architecture (GDB manual, "i386 Features"); the registers of
 * the last group have none there and are named as other machines' stubs do.
 */
import type { CoreExports } from '../core-loader.ts';
import { canonical } from '../linear.ts';
import { readFlags } from '../registers.ts';
import * as S from '../state.ts';

/** A VP that stands still. */
export interface StandingVp {
  /** The node. */
  readonly view: DataView;
  /** Address of the VP's area in it. */
  readonly area: number;
  /** The core that it runs on, for flags that are not put together yet. */
  readonly core: CoreExports;
}

/** One register. */
export interface DebugRegister {
  /** As gdb's feature has it. */
  readonly name: string;
  /** Width. */
  readonly bits: 32 | 64 | 80 | 128;
  /** Its type in gdb's description, and the feature that it belongs to. */
  readonly type: string;
  /** The feature of gdb's description that it belongs to. */
  readonly feature: RegisterFeature;
  /** Its value, unsigned. */
  read(vp: StandingVp): bigint;
  /** @returns false when the register cannot have this value */
  write(vp: StandingVp, value: bigint): boolean;
}

/** Groups of registers. */
export type RegisterFeature = 'core' | 'sse' | 'segments' | 'system';

const SIZES = { 32: 4, 64: 8, 80: 10, 128: 16 } as const;

/** Bytes of a register. */
export const registerBytes = ({ bits }: DebugRegister): number => SIZES[bits];

const ALL_FLAGS = 0x3f7fd5n;
const SEGMENT_NAMES = ['cs', 'ss', 'ds', 'es', 'fs', 'gs'] as const;
const SEGMENTS = { cs: S.CS, ss: S.SS, ds: S.DS, es: S.ES, fs: S.FS, gs: S.GS } as const;
const MXCSR_BITS = 0xffffn;
const EFER_BITS = 0xd01n;
const TOP_SHIFT = 11;
const EXPONENT = 0x7fff;
const INTEGER_BIT = 1n << 63n;

const quad = (
  name: string,
  offset: number,
  type = 'int64',
  feature: RegisterFeature = 'core',
  accepts: (value: bigint) => boolean = () => true,
): DebugRegister => ({
  name,
  bits: 64,
  type,
  feature,
  read: ({ view, area }) => view.getBigUint64(area + offset, true),
  write({ view, area }, value) {
    if (!accepts(value)) return false;
    view.setBigUint64(area + offset, value, true);
    return true;
  },
});

const word = (
  name: string,
  read: (view: DataView, area: number) => number,
  write: (view: DataView, area: number, value: number) => void,
  group: string,
  feature: RegisterFeature = 'core',
): DebugRegister => ({
  name,
  bits: 32,
  type: group,
  feature,
  read: ({ view, area }) => BigInt(read(view, area) >>> 0),
  write({ view, area }, value) {
    write(view, area, Number(value & 0xffff_ffffn));
    return true;
  },
});

/** One that only the processor changes: it is written with what it holds, or not. */
const fixed = (register: Omit<DebugRegister, 'write'>): DebugRegister => ({
  ...register,
  write: (vp, value) => value === register.read(vp),
});

const GENERAL = [
  ['rax', 0],
  ['rbx', 3],
  ['rcx', 1],
  ['rdx', 2],
  ['rsi', 6],
  ['rdi', 7],
  ['rbp', 5],
  ['rsp', 4],
  ...Array.from({ length: 8 }, (_, i) => [`r${i + 8}`, i + 8] as const),
] as const;

const general = GENERAL.map(([name, number]) =>
  quad(name, S.GPR + 8 * number, name === 'rbp' || name === 'rsp' ? 'data_ptr' : 'int64'),
);

const rip: DebugRegister = {
  ...quad('rip', S.RIP, 'code_ptr'),
  write({ view, area }, value) {
    if (!canonical(value)) return false;
    if (view.getBigUint64(area + S.RIP, true) === value) return true;
    view.setBigUint64(area + S.RIP, value, true);
    // What was under way at the old place is given up.
    for (const offset of [S.SINGLE, S.BLOCK_REST, S.MMIO_READ_COUNT, S.MMIO_WRITE_COUNT, S.SHADOW, S.HALTED]) {
      view.setInt32(area + offset, 0, true);
    }
    return true;
  },
};

const eflags: DebugRegister = {
  name: 'eflags',
  bits: 32,
  type: 'i386_eflags',
  feature: 'core',
  read: ({ view, area }) => BigInt(readFlags(view, area)),
  write({ core, area }, value) {
    if ((value & ~(ALL_FLAGS | 2n)) !== 0n) return false;
    core.writeFlags(area, Number(value) | 2);
    core.updateMode(area);
    return true;
  },
};

const selectors = SEGMENT_NAMES.map((name) =>
  fixed({
    name,
    bits: 32,
    type: 'int32',
    feature: 'core',
    read: ({ view, area }) => BigInt(view.getUint16(area + SEGMENTS[name] + S.SEG_SELECTOR, true)),
  }),
);

const topOf = (view: DataView, area: number): number => view.getUint16(area + S.FPU_TOP, true) & 7;
const stackSlot = ({ view, area }: StandingVp, index: number): number =>
  area + S.FPU_REGISTERS + 16 * ((topOf(view, area) + index) & 7);

const stack = Array.from({ length: 8 }, (_, index): DebugRegister => ({
  name: `st${index}`,
  bits: 80,
  type: 'i387_ext',
  feature: 'core',
  read(vp) {
    const at = stackSlot(vp, index);
    return vp.view.getBigUint64(at, true) | (BigInt(vp.view.getUint16(at + 8, true)) << 64n);
  },
  write(vp, value) {
    const at = stackSlot(vp, index);
    vp.view.setBigUint64(at, BigInt.asUintN(64, value), true);
    vp.view.setUint16(at + 8, Number((value >> 64n) & 0xffffn), true);
    return true;
  },
}));

/** The tag word as the x87 stores it: two bits for each physical register: 0 valid, 1 zero, 2 special, 3 empty. */
function tagWord(view: DataView, area: number): number {
  const empty = view.getUint16(area + S.FPU_TAG, true);
  let tags = 0;
  for (let register = 0; register < 8; register++) {
    const at = area + S.FPU_REGISTERS + 16 * register;
    const kind = (empty >> (2 * register)) & 3 ? 3 : kindOf(view.getBigUint64(at, true), view.getUint16(at + 8, true));
    tags |= kind << (2 * register);
  }
  return tags;
}

function kindOf(mantissa: bigint, signed: number): number {
  const exponent = signed & EXPONENT;
  if (exponent === 0 && mantissa === 0n) return 1;
  return exponent === 0 || exponent === EXPONENT || (mantissa & INTEGER_BIT) === 0n ? 2 : 0;
}

function setTagWord(view: DataView, area: number, value: number): void {
  let empty = 0;
  for (let register = 0; register < 8; register++) {
    if (((value >> (2 * register)) & 3) === 3) empty |= 3 << (2 * register);
  }
  view.setUint16(area + S.FPU_TAG, empty, true);
}

const half = (name: string, offset: number): DebugRegister =>
  word(
    name,
    (view, area) => view.getUint16(area + offset, true),
    (view, area, value) => view.setUint16(area + offset, value, true),
    'int',
  );
const low = (name: string, offset: number): DebugRegister =>
  word(
    name,
    (view, area) => view.getUint32(area + offset, true),
    (view, area, value) => view.setUint32(area + offset, value, true),
    'int',
  );

const floating: readonly DebugRegister[] = [
  half('fctrl', S.FPU_CONTROL),
  word(
    'fstat',
    (view, area) => view.getUint16(area + S.FPU_STATUS, true) | (topOf(view, area) << TOP_SHIFT),
    (view, area, value) => {
      view.setUint16(area + S.FPU_STATUS, value & ~(7 << TOP_SHIFT), true);
      view.setUint16(area + S.FPU_TOP, (value >> TOP_SHIFT) & 7, true);
    },
    'int',
  ),
  word('ftag', tagWord, setTagWord, 'int'),
  half('fiseg', S.FPU_LAST_CS),
  low('fioff', S.FPU_LAST_IP),
  half('foseg', S.FPU_LAST_DS),
  low('fooff', S.FPU_LAST_DP),
  half('fop', S.FPU_OPCODE),
];

const vectors = Array.from({ length: 16 }, (_, index): DebugRegister => ({
  name: `xmm${index}`,
  bits: 128,
  type: 'vec128',
  feature: 'sse',
  read({ view, area }) {
    const at = area + S.XMM + S.XMM_STRIDE * index;
    return view.getBigUint64(at, true) | (view.getBigUint64(at + 8, true) << 64n);
  },
  write({ view, area }, value) {
    const at = area + S.XMM + S.XMM_STRIDE * index;
    view.setBigUint64(at, BigInt.asUintN(64, value), true);
    view.setBigUint64(at + 8, value >> 64n, true);
    return true;
  },
}));

const mxcsr: DebugRegister = {
  name: 'mxcsr',
  bits: 32,
  type: 'i386_mxcsr',
  feature: 'sse',
  read: ({ view, area }) => BigInt(view.getUint32(area + S.MXCSR, true)),
  write({ view, area }, value) {
    if ((value & ~MXCSR_BITS) !== 0n) return false;
    view.setUint32(area + S.MXCSR, Number(value), true);
    return true;
  },
};

/** One that decides how addresses are translated, or code is run. */
const translating = (
  name: string,
  offset: number,
  type: string,
  accepts: (value: bigint) => boolean = () => true,
): DebugRegister => {
  const plain = quad(name, offset, type, 'system', accepts);
  return {
    ...plain,
    write(vp, value) {
      if (plain.read(vp) === value) return true;
      if (!plain.write(vp, value)) return false;
      vp.core.updateMode(vp.area);
      vp.core.flushTlb(vp.area);
      return true;
    },
  };
};

const system: readonly DebugRegister[] = [
  quad('k_gs_base', S.MSR_KERNEL_GS_BASE, 'data_ptr', 'system', canonical),
  translating('cr0', S.CR0, 'x64_cr0', (value) => value >> 32n === 0n),
  quad('cr2', S.CR2, 'data_ptr', 'system'),
  translating('cr3', S.CR3, 'int64'),
  translating('cr4', S.CR4, 'x64_cr4', (value) => value >> 32n === 0n),
  // The local APIC keeps it, too.
  fixed({
    name: 'cr8',
    bits: 64,
    type: 'int64',
    feature: 'system',
    read: ({ view, area }) => view.getBigUint64(area + S.CR8, true),
  }),
  translating('efer', S.EFER, 'x64_efer', (value) => (value & ~EFER_BITS) === 0n),
];

/** All of them: gdb's number of a register is its index. */
export const DEBUG_REGISTERS: readonly DebugRegister[] = [
  ...general,
  rip,
  eflags,
  ...selectors,
  ...stack,
  ...floating,
  ...vectors,
  mxcsr,
  quad('fs_base', S.FS_BASE, 'int64', 'segments', canonical),
  quad('gs_base', S.GS_BASE, 'int64', 'segments', canonical),
  ...system,
];

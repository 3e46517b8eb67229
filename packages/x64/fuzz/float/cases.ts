/**
 * Cases of the floating-point and vector forms for the harness of the fuzzer: one instruction each, on registers full of
 * the values that such code trips over, with rounding modes, precision, unmasked exceptions and empty registers.
 */
import { CASE_SIZE, OFFSET } from '../cases.ts';
import { POINTERS } from '../address.ts';
import { assemble, encode, fuzzRows } from '../generate.ts';
import { BORDER } from '../place.ts';
import { Random as FormRandom } from '../random.ts';
import type { Row } from '../../src/isa/table.ts';
import type { Random } from './random.ts';

/** Parts of an image of FXSAVE. */
const IMAGE = { control: 0, status: 2, tags: 4, mxcsr: 24, mxcsrMask: 28, st: 32, xmm: 160 } as const;

/** What the random state is made for. */
export interface Flavor {
  /** Exceptions of x87 or SSE are sometimes unmasked. */
  readonly unmasked: boolean;
  /** Registers of the x87 are sometimes empty. */
  readonly empty: boolean;
}

/** Every form of x87, MMX and SSE that can be compared. */
export const FLOAT_ROWS: readonly Row[] = [
  ...fuzzRows(['x87', 'mmx', 'sse', 'sse4']),
  ...fuzzRows(['system'], ['ldmxcsr', 'stmxcsr', 'mfence', 'lfence', 'sfence']),
];

/** Fills `view` with a case of `row`. @returns the code */
export function makeFloatCase(view: DataView, row: Row, random: Random, flavor: Flavor): number[] {
  for (let i = 0; i < CASE_SIZE; i += 4) view.setUint32(i, 0, true);
  const forms = new FormRandom(random.word());
  const instruction = encode(row, forms);
  const code = assemble([instruction], forms);
  code.forEach((byte, i) => view.setUint8(OFFSET.code + i, byte));
  for (let i = code.length; i < 64; i++) view.setUint8(OFFSET.code + i, 0xcc);
  view.setUint32(OFFSET.length, code.length, true);
  view.setBigUint64(OFFSET.flags, BigInt(0x202 | (random.word() & 0x8d5)), true);
  for (let register = 0; register < 16; register++) {
    let value = random.quad();
    if (POINTERS.includes(register))
      value = BigInt(BORDER + 16 * (random.below(6) - 3) + (random.below(4) === 0 ? random.below(16) : 0));
    else if (register === 1 || register === 9) value = BigInt(random.below(6));
    // Lengths of PCMPESTRx that matter.
    else if (random.below(2) === 0) value = BigInt.asUintN(64, BigInt(random.below(40) - 20));
    view.setBigUint64(register * 8, value, true);
  }
  x87State(view, row, random, flavor);
  vectorState(view, row, random, flavor);
  for (let i = 0; i < 256; i += 8) view.setBigUint64(OFFSET.data + i, memoryOperand(row, random), true);
  return code;
}

/** Eight bytes as the row's memory operand wants them. */
function memoryOperand(row: Row, random: Random): bigint {
  const operand = row.operands.find((name) => name.startsWith('M'));
  const integer = /^f(i[^n]|bld)/.test(row.mnemonic);
  if (row.mnemonic === 'fbld') return decimal(random);
  if (row.section === 'x87' && !integer && operand === 'Mq') return random.double();
  if (row.section === 'x87' && !integer && operand === 'Md') return twoSingles(random);
  if (row.mnemonic === 'fldcw') return BigInt(0x37f ^ (random.word() & 0x1f3f)) * 0x1000100010001n;
  if (row.mnemonic === 'ldmxcsr') return BigInt((random.word() & 0xffff) | 0x1f80) * 0x100000001n;
  return lane(row, random, random.below(3) === 0);
}

function twoSingles(random: Random): bigint {
  return (BigInt(random.single()) << 32n) | BigInt(random.single());
}

function decimal(random: Random): bigint {
  let value = 0n;
  for (let i = 0; i < 16; i++) value = (value << 4n) | BigInt(random.below(10));
  return value;
}

function x87State(view: DataView, row: Row, random: Random, flavor: Flavor): void {
  const at = OFFSET.fx;
  const masks = flavor.unmasked ? random.word() & 0x3f : 0x3f;
  const control = masks | 0x40 | (random.below(4) << 10) | (random.pick([0, 2, 3, 3]) << 8);
  // No exception is pending that is not masked, so that the instruction does not fault at once.
  const status = (random.word() & 0x473f & (0xffc0 | masks)) | (random.below(8) << 11);
  view.setUint16(at + IMAGE.control, control, true);
  view.setUint16(at + IMAGE.status, status, true);
  let tags = 0xff;
  if (flavor.empty) tags = random.word() & 0xff;
  else if (/^(fld|fild|fbld|fsincos$|fptan$|fxtract$)/.test(row.mnemonic))
    tags &= ~(1 << ((((status >> 11) & 7) + 7) & 7));
  view.setUint8(at + IMAGE.tags, tags);
  const near = random.pick([0x3fff, 0x3fff, 0x4000 + random.below(64), random.below(0x7fff), 40, 0x7fc0]);
  for (let i = 0; i < 8; i++) {
    const [se, m] = random.extended(near);
    view.setBigUint64(at + IMAGE.st + i * 16, m, true);
    view.setUint16(at + IMAGE.st + i * 16 + 8, se, true);
  }
}

function vectorState(view: DataView, row: Row, random: Random, flavor: Flavor): void {
  const at = OFFSET.fx;
  const masks = flavor.unmasked ? random.word() & 0x3f : 0x3f;
  const special = random.below(2) === 0 ? 0 : random.pick([0, 0x2000, 0x4000, 0x6000]) | (random.word() & 0x8040);
  const sticky = random.below(2) === 0 ? 0x3f : random.word() & 0x3f;
  view.setUint32(at + IMAGE.mxcsr, (masks << 7) | special | sticky, true);
  view.setUint32(at + IMAGE.mxcsrMask, 0xffff, true);
  const simple = random.below(3) === 0;
  for (let i = 0; i < 32; i++) view.setBigUint64(at + IMAGE.xmm + i * 8, lane(row, random, simple), true);
}

/** Eight bytes of a vector: of the row's kind of values; now and then of another kind. `simple` makes equal values likely. */
function lane(row: Row, random: Random, simple: boolean): bigint {
  const kind =
    random.below(12) === 0
      ? random.below(3)
      : /^p|^mov|dq2|si2|pi2/.test(row.mnemonic)
        ? 0
        : /pd|sd/.test(row.mnemonic)
          ? 1
          : 2;
  if (kind === 0) return random.quad();
  if (kind === 1)
    return simple && random.below(2) === 0 ? random.pick([0x4008000000000000n, 0x3ff0000000000000n]) : random.double();
  if (simple && random.below(2) === 0) return 0x404000003f800000n;
  return twoSingles(random);
}

export { CASE_SIZE };

/** Test cases of `oracle.c`: one instruction of a row of the table, with random registers, in a random state. */
import { Prefix, type Row, ROWS } from '../../src/isa/table.ts';
import type { Random } from './random.ts';

/** Bytes of a case and where its parts are; see `oracle.c`. */
export const CASE_SIZE = 672;
export const CASE = { code: 0, length: 16, signal: 20, flags: 24, memory: 32, gpr: 96, image: 160 } as const;
/** Parts of an image of FXSAVE64. */
export const IMAGE = { control: 0, status: 2, tags: 4, mxcsr: 24, mxcsrMask: 28, st: 32, xmm: 160 } as const;

/** Rows that the oracle can run: everything of x87, MMX and SSE but what needs another memory operand. */
export const FLOAT_ROWS: readonly Row[] = ROWS.filter(
  (row) =>
    (['x87', 'mmx', 'sse', 'sse4'].includes(row.section) || ['ldmxcsr', 'stmxcsr'].includes(row.mnemonic)) &&
    !row.attributes.has('nofuzz') &&
    !['fldenv', 'fnstenv', 'frstor', 'fnsave', 'maskmovq', 'maskmovdqu'].includes(row.mnemonic),
);

/** What the random state is made for. */
export interface Flavor {
  /** Exceptions of x87 or SSE are sometimes unmasked. */
  readonly unmasked: boolean;
  /** Registers of the x87 are sometimes empty. */
  readonly empty: boolean;
}

/** Fills `view` with a case of `row`. */
export function makeCase(view: DataView, row: Row, random: Random, flavor: Flavor): void {
  for (let i = 0; i < CASE_SIZE; i += 4) view.setUint32(i, 0, true);
  const bytes = encode(row, random);
  for (const [i, byte] of bytes.entries()) view.setUint8(CASE.code + i, byte);
  view.setUint32(CASE.length, bytes.length, true);
  view.setBigUint64(CASE.flags, BigInt(0x202 | (random.word() & 0x8d5)), true);
  for (let i = 0; i < 64; i += 8) view.setBigUint64(CASE.memory + i, random.quad(), true);
  for (let i = 0; i < 8; i++) view.setBigUint64(CASE.gpr + i * 8, random.quad(), true);
  // Lengths of PCMPESTRx that matter.
  if (row.mnemonic.startsWith('pcmpestr') && random.below(4) !== 0) {
    view.setBigInt64(CASE.gpr, BigInt(random.below(40) - 20), true);
    view.setBigInt64(CASE.gpr + 16, BigInt(random.below(40) - 20), true);
  }
  x87State(view, row, random, flavor);
  vectorState(view, row, random, flavor);
}

function x87State(view: DataView, row: Row, random: Random, flavor: Flavor): void {
  const at = CASE.image;
  const masks = flavor.unmasked ? random.word() & 0x3f : 0x3f;
  const control = masks | 0x40 | (random.below(4) << 10) | (random.pick([0, 2, 3, 3]) << 8);
  // No exception is pending that is not masked, so that the instruction does not fault at once.
  const status = (random.word() & 0x473f & (0xffc0 | masks)) | (random.below(8) << 11);
  view.setUint16(at + IMAGE.control, control, true);
  view.setUint16(at + IMAGE.status, status, true);
  let tags = 0xff;
  if (flavor.empty) tags = random.word() & 0xff;
  else {
    const top = (status >> 11) & 7;
    if (row.mnemonic.startsWith('fld') || row.mnemonic === 'fild' || row.mnemonic === 'fbld' || /^(fsincos|fptan|fxtract)$/.test(row.mnemonic))
      tags &= ~(1 << ((top + 7) & 7));
  }
  view.setUint8(at + IMAGE.tags, tags);
  const near = random.pick([0x3fff, 0x3fff, 0x4000 + random.below(64), random.below(0x7fff), 40, 0x7fc0]);
  for (let i = 0; i < 8; i++) {
    const [se, m] = random.extended(near);
    view.setBigUint64(at + IMAGE.st + i * 16, m, true);
    view.setUint16(at + IMAGE.st + i * 16 + 8, se, true);
  }
  if (row.section !== 'x87') return;
  switch (row.operands.find((operand) => operand.startsWith('M'))) {
    case 'Md': if (!row.mnemonic.startsWith('fi')) view.setUint32(CASE.memory, random.single(), true); break;
    case 'Mq': if (!row.mnemonic.startsWith('fi')) view.setBigUint64(CASE.memory, random.double(), true); break;
    case 'Mt': {
      const [se, m] = random.extended(near);
      view.setBigUint64(CASE.memory, row.mnemonic === 'fbld' ? decimal(random) : m, true);
      view.setUint16(CASE.memory + 8, row.mnemonic === 'fbld' ? (se & 0x8000) | Number(decimal(random) & 0xffn) : se, true);
      break;
    }
    case 'Mw': if (row.mnemonic === 'fldcw') view.setUint16(CASE.memory, control ^ (random.word() & 0x1f3f), true); break;
  }
}

function decimal(random: Random): bigint {
  let value = 0n;
  for (let i = 0; i < 16; i++) value = (value << 4n) | BigInt(random.below(10));
  return value;
}

function vectorState(view: DataView, row: Row, random: Random, flavor: Flavor): void {
  const at = CASE.image;
  const masks = flavor.unmasked ? random.word() & 0x3f : 0x3f;
  const special = random.below(2) === 0 ? 0 : random.pick([0, 0x2000, 0x4000, 0x6000]) | (random.word() & 0x8040);
  const sticky = random.below(2) === 0 ? 0x3f : random.word() & 0x3f;
  view.setUint32(at + IMAGE.mxcsr, (masks << 7) | special | sticky, true);
  view.setUint32(at + IMAGE.mxcsrMask, 0xffff, true);
  const kind = /^p|mov|shuf|dq2|si2|pi2/.test(row.mnemonic) ? random.below(3) : /pd|sd/.test(row.mnemonic) ? 1 : 2;
  const fill = (offset: number): void => {
    const ties = random.below(3) === 0;
    for (let i = 0; i < 16; i += 8) {
      if (kind === 0) view.setBigUint64(offset + i, random.quad(), true);
      else if (kind === 1) view.setBigUint64(offset + i, ties && random.below(2) === 0 ? 0x4008000000000000n : random.double(), true);
      else {
        view.setUint32(offset + i, random.single(), true);
        view.setUint32(offset + i + 4, random.single(), true);
      }
    }
  };
  for (let i = 0; i < 16; i++) fill(at + IMAGE.xmm + i * 16);
  if (row.section === 'x87') return;
  fill(CASE.memory);
  if (row.mnemonic === 'ldmxcsr') view.setUint32(CASE.memory, (random.word() & 0xffff) | (masks << 7), true);
}

const PREFIX_BYTES: Readonly<Record<number, number>> = { [Prefix.p66]: 0x66, [Prefix.pF3]: 0xf3, [Prefix.pF2]: 0xf2 };

/** Encodes an instruction of a row: random registers, or [rbx]. */
export function encode(row: Row, random: Random): number[] {
  const bytes: number[] = [];
  if (PREFIX_BYTES[row.prefix] !== undefined) bytes.push(PREFIX_BYTES[row.prefix]!);
  const hasModrm = row.operands.some((operand) => /^[EGMVWUPQN][a-z]+$/.test(operand)) || row.extension >= 0;
  const memory = row.mod === 'mem' || (row.mod === 'any' && random.below(2) === 0);
  const general = row.operands.some((operand) => /^[EG][a-z]+$/.test(operand));
  // General registers of a case: rax rcx rdx rsi rdi.
  const register = (operand: string | undefined): number =>
    operand === undefined ? 0 : /^[EG]/.test(operand) ? random.pick([0, 1, 2, 6, 7]) : /^[PQN]/.test(operand) ? random.below(8) : random.below(16);
  const reg = row.extension >= 0 ? row.extension : register(row.operands.find((operand) => /^[GVP]/.test(operand)));
  const rmOperand = row.operands.find((operand) => /^[EWUQN]/.test(operand) || operand === 'STi');
  const rm = memory ? 3 : row.rm >= 0 ? row.rm : rmOperand === 'STi' ? random.below(8) : register(rmOperand);
  let rex = (reg > 7 ? 4 : 0) | (rm > 7 ? 1 : 0);
  if (general && row.section !== 'x87' && random.below(3) === 0) rex |= 8;
  // Without REX, byte registers 4 to 7 are AH to BH.
  if (rex !== 0 || (row.operands.includes('Eb') && rm > 3)) bytes.push(0x40 | rex);
  if (row.map > 0) bytes.push(0x0f);
  if (row.map === 2) bytes.push(0x38);
  if (row.map === 3) bytes.push(0x3a);
  bytes.push(row.opcode);
  if (hasModrm) bytes.push((memory ? 0 : 0xc0) | ((reg & 7) << 3) | (rm & 7));
  if (row.operands.includes('Ib')) bytes.push(random.below(2) === 0 ? random.below(256) : random.below(16));
  return bytes;
}

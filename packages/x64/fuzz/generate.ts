/** Random instructions from the table: for each row, bytes that are one of its forms. */
import { FIXED, Prefix, ROWS, type Row } from '../src/isa/table.ts';
import { memoryOperand, relativeDisplacement } from './address.ts';
import { type Bits, type Place, PLACES } from './place.ts';
import { interesting, little, type Random } from './random.ts';

/**
 * Rows that can run in user mode on a host.
 * @param sections - sections of the table; empty for all
 * @param bits - code size
 */
export function fuzzRows(
  sections: readonly string[],
  mnemonics: readonly string[] = [],
  bits: Bits = 64,
): readonly Row[] {
  return ROWS.filter(
    (row) =>
      !row.attributes.has('nofuzz') &&
      !row.attributes.has(bits === 64 ? 'i64' : 'o64') &&
      !EXCLUDED.has(row.handler) &&
      !APPROXIMATE.test(row.mnemonic) &&
      (sections.length === 0 || sections.includes(row.section)) &&
      (mnemonics.length === 0 || mnemonics.includes(row.mnemonic)),
  );
}

/** What needs an IDT or would leave the sandbox of a case, or stores what no two processors agree on. */
const EXCLUDED = new Set(['opInt', 'opInt3', 'opInto', 'opFxrstor', 'opLdmxcsr', 'opFxsave']);

/** What stores where it was, which no two processors agree on, or answers only about. */
const APPROXIMATE = /^(fnstenv|fnsave|rcpps|rcpss|rsqrtps|rsqrtss)$/;

/** One instruction of a case. */
export interface Instruction {
  readonly row: Row;
  readonly bytes: number[];
  /** Flags that are not defined after it (letters); `-`: it defines all of them. */
  readonly undefined: string;
  /** Bytes of the relative displacement at its end, to a later instruction; 0 for none. */
  readonly jump: 0 | 1 | 2 | 4;
}

/** A random form of a row. */
export function encode(row: Row, random: Random, place: Place = PLACES[64]): Instruction {
  const { bits } = place;
  const jump = jumpBytes(row, place);
  const modrm = hasModrm(row);
  const memoryForm =
    row.mod === 'mem' ||
    (row.mod === 'any' &&
      row.operands.some((operand) => /^[EWQM]/.test(operand) && !FIXED.has(operand)) &&
      random.chance(45));
  const operandSize = undefinedAt16(row) ? bits === 16 : choosesOperandSize(row, jump, bits) && random.chance(25);
  const addressSize = (memoryForm || addressed(row)) && random.chance(8);
  const bytes = prefixes(row, random, { bits, memoryForm, operandSize, addressSize });
  const addressBits = addressSize ? (bits === 32 ? 16 : 32) : bits;

  const general = (): number => {
    if (bits === 64) return random.chance(90) ? random.pick([0, 2, 8, 10, 11, 14, 15, 1, 9]) : random.below(16);
    return random.chance(80) ? random.pick([0, 1, 2]) : random.below(8);
  };
  const vectors = bits === 64 ? 16 : 8;
  const rex = { w: bits === 64 && choosesWide(row, jump) && random.chance(40) ? 1 : 0, r: 0, x: 0, b: 0 };
  const rexForced =
    bits === 64 &&
    !row.attributes.has('norexb') &&
    row.section !== 'x87' &&
    row.mnemonic !== 'nop' &&
    random.chance(15);
  let opcode = row.opcode;
  if (row.plusRegister) {
    const register = general();
    opcode |= register & 7;
    rex.b = register >> 3;
  }
  const tail: number[] = [];
  let relative = -1;
  if (modrm) {
    let reg = row.extension;
    if (reg < 0) {
      const operand = row.operands.find((name) => !FIXED.has(name) && /^[GVP]/.test(name)) ?? '';
      reg = operand.startsWith('P') ? random.below(8) : isXmm(operand) ? random.below(vectors) : general();
    }
    rex.r = reg >> 3;
    if (memoryForm) {
      const operand = memoryOperand(reg & 7, random, place, addressBits);
      tail.push(...operand.bytes);
      ({ relative } = operand);
      rex.x = operand.x;
      rex.b = operand.b;
    } else {
      let rm = row.rm;
      if (rm < 0) {
        const operand = row.operands.find((name) => !FIXED.has(name) && /^[EWUQN]/.test(name)) ?? '';
        rm =
          /^[QN]/.test(operand) || operand === ''
            ? random.below(8)
            : isXmm(operand)
              ? random.below(vectors)
              : general();
        rex.b = rm >> 3;
      }
      tail.push(0xc0 | ((reg & 7) << 3) | (rm & 7));
    }
  }
  const operandBytes = rex.w !== 0 ? 8 : operandSize !== (bits === 16) ? 2 : 4;
  for (const operand of row.operands)
    tail.push(...immediate(operand, random, { operandBytes, addressBytes: addressBits / 8, place, jump }));
  const last = tail.length - 1;
  // A count of more than the operand's bits: not defined.
  if (/^sh[lr]d$/.test(row.mnemonic) && operandBytes === 2 && row.operands[2] === 'Ib') tail[last] = random.below(17);
  if (row.mnemonic === 'enter') tail[last] = random.below(4);
  const rexByte = 0x40 | (rex.w << 3) | (rex.r << 2) | (rex.x << 1) | rex.b;
  if (rexByte !== 0x40 || rexForced) bytes.push(rexByte);
  bytes.push(...[[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]][row.map]!, opcode);
  if (relative >= 0) RELATIVE.set(bytes, bytes.length + relative);
  bytes.push(...tail);
  return { row, bytes, undefined: row.undefined, jump };
}

const isXmm = (operand: string): boolean => /^[VWU]/.test(operand);

function hasModrm(row: Row): boolean {
  return (
    row.extension >= 0 ||
    row.mod !== 'any' ||
    row.rm >= 0 ||
    row.operands.some((operand) => !FIXED.has(operand) && /^[EGMSVWUPQNR]/.test(operand))
  );
}

function jumpBytes(row: Row, { bits }: Place): Instruction['jump'] {
  if (row.operands.includes('Jb')) return 1;
  return row.operands.includes('Jz') ? (bits === 16 ? 2 : 4) : 0;
}

const isString = (row: Row): boolean => row.attributes.has('rep') || row.attributes.has('repe');

/** Without a modrm byte, but with an address size all the same. */
const addressed = (row: Row): boolean =>
  isString(row) || /^(loop|loopn?e|jrcxz|xlatb)$/.test(row.mnemonic) || row.operands.some((o) => o.startsWith('O'));

/** BSWAP of 16 bits and double shifts of 16 bits by CL. */
const undefinedAt16 = (row: Row): boolean => /^op(Bswap|Sh[lr]dCl)$/.test(row.handler);

/** Whether the prefix 66 means another operand size, and a defined result. */
function choosesOperandSize(row: Row, jump: number, bits: Bits): boolean {
  if (row.prefix === Prefix.none || row.prefix === Prefix.p66 || jump !== 0) return false;
  if (row.attributes.has('f64') && bits === 64) return false;
  if (row.operands.some((operand) => /^[VWUPQN]/.test(operand))) return false;
  const sized = row.operands.some((o) => /^[EGZMOI](v|z|y)$/.test(o) || o === 'AX' || o === 'Is');
  return sized || row.section === 'integer';
}

/** Whether REX.W means something. */
function choosesWide(row: Row, jump: number): boolean {
  if (jump !== 0 || row.attributes.has('d64') || row.attributes.has('f64')) return false;
  return !row.operands.some((operand) => /^[VWUPQN]/.test(operand)) || /y/.test(row.operands.join(''));
}

interface Prefixed {
  readonly bits: Bits;
  readonly memoryForm: boolean;
  readonly operandSize: boolean;
  readonly addressSize: boolean;
}

function prefixes(row: Row, random: Random, { bits, memoryForm, operandSize, addressSize }: Prefixed): number[] {
  const bytes: number[] = [];
  const lockable = row.attributes.has('lock') && memoryForm && (row.operands[0] ?? '').startsWith('E');
  if (lockable && random.chance(30)) bytes.push(0xf0);
  if (addressSize) bytes.push(0x67);
  // MASKMOVQ switches to MMX even when a segment refuses it; which is nobody's business.
  const overrides = !row.mnemonic.startsWith('maskmov');
  if (overrides && random.chance(bits === 64 ? 3 : 8)) bytes.push(random.pick([0x26, 0x2e, 0x36, 0x3e]));
  if (operandSize || row.prefix === Prefix.p66) bytes.push(0x66);
  if (row.prefix === Prefix.pF3) bytes.push(0xf3);
  else if (row.prefix === Prefix.pF2) bytes.push(0xf2);
  else if (isString(row) && random.chance(60)) bytes.push(random.chance(60) ? 0xf3 : 0xf2);
  return bytes;
}

interface Sizes {
  readonly operandBytes: number;
  readonly addressBytes: number;
  readonly place: Place;
  readonly jump: number;
}

/** Bytes of an operand that follow modrm; a jump's are filled in by {@link assemble}. */
function immediate(operand: string, random: Random, { operandBytes, addressBytes, place, jump }: Sizes): number[] {
  if (operand === 'Ib' || operand === 'Is') return [random.chance(20) ? random.below(4) : random.below(256)];
  if (operand === 'Iw') return [random.below(32), 0];
  if (operand === 'Iz') return little(interesting(random), operandBytes === 2 ? 2 : 4);
  if (operand === 'Iv') {
    const low = little(interesting(random), Math.min(operandBytes, 4));
    return operandBytes === 8 ? [...low, ...little(interesting(random), 4)] : low;
  }
  if (operand === 'Jb' || operand === 'Jz') return little(0, jump);
  if (!operand.startsWith('O')) return [];
  return [
    ...little(place.border + random.below(32) - 16, Math.min(addressBytes, 4)),
    ...little(0, Math.max(addressBytes - 4, 0)),
  ];
}

/** Where in an instruction's bytes a RIP-relative displacement is, to be filled when its place is known. */
const RELATIVE = new WeakMap<number[], number>();

/** Puts instructions one after the other, jumps going to a later one. @returns the code */
export function assemble(instructions: readonly Instruction[], random: Random, place: Place = PLACES[64]): number[] {
  const code: number[] = [];
  instructions.forEach(({ bytes, jump }, index) => {
    const relative = RELATIVE.get(bytes);
    if (relative !== undefined) {
      const next = place.code + code.length + bytes.length;
      bytes.splice(relative, 4, ...relativeDisplacement(next, random));
    }
    if (jump !== 0) {
      const skip = random.below(3);
      const distance = instructions
        .slice(index + 1, index + 1 + skip)
        .reduce((sum, later) => sum + later.bytes.length, 0);
      bytes.splice(bytes.length - jump, jump, ...little(distance, jump));
    }
    code.push(...bytes);
  });
  return code;
}

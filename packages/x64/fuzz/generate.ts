/** Random instructions from the table: for each row, bytes that are one of its forms. */
import { FIXED, Prefix, ROWS, type Row } from '../src/isa/table.ts';

/** Where code and data of a case are; the harness has the same. */
export const CODE = 0x1000_0000;
export const DATA = 0x2000_0000;
/** The border of the two data pages: where pointers point to. */
export const BORDER = DATA + 0x1000;

/** Random numbers, the same for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** 32 random bits. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return Math.imul(x, 0x9e3779b1) >>> 0;
  }

  below(limit: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * limit);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

/** Registers that hold addresses in a case, and those that hold small numbers. */
export const POINTERS: readonly number[] = [3, 4, 5, 6, 7, 12, 13];
export const SMALL: readonly number[] = [1, 9];

/** Rows that can run in user mode on a host. `sections` names those of the table; '' for all. */
export function fuzzRows(sections: readonly string[], mnemonics: readonly string[] = []): readonly Row[] {
  return ROWS.filter(
    (row) =>
      !row.attributes.has('nofuzz') &&
      !row.attributes.has('i64') &&
      !EXCLUDED.has(row.handler) &&
      (sections.length === 0 || sections.includes(row.section)) &&
      (mnemonics.length === 0 || mnemonics.includes(row.mnemonic)),
  );
}

/** What would leave the sandbox of a case, is a signal of its own, or sets flags that trap. */
const EXCLUDED = new Set(['opInt', 'opInt3', 'opInto', 'opPopf', 'opFxrstor', 'opPause', 'opLdmxcsr', 'opFxsave']);

/** One instruction of a case. */
export interface Instruction {
  readonly row: Row;
  readonly bytes: number[];
  /** Flags that are not defined after it (letters). */
  readonly undefined: string;
  /** Index of its last byte of a relative displacement to a later instruction, -1 for none; -2 for 4 bytes. */
  readonly jump: 0 | 1 | 4;
}

/** A random form of a row. */
export function encode(row: Row, random: Random): Instruction {
  const bytes: number[] = [];
  const sized =
    row.operands.some((operand) => /^[EGZMOI](v|z|y)$/.test(operand) || operand === 'AX' || operand === 'Is') ||
    row.section === 'integer';
  const string = row.attributes.has('rep') || row.attributes.has('repe');
  const vector = row.operands.some((operand) => /^[VWUPQN]/.test(operand));
  const pushPop = row.attributes.has('d64') || row.attributes.has('f64');
  let prefix66 = row.prefix === Prefix.p66;
  const jump = row.operands.some((operand) => operand === 'Jb')
    ? 1
    : row.operands.some((operand) => operand === 'Jz')
      ? 4
      : 0;
  if (
    sized &&
    row.prefix !== Prefix.none &&
    !vector &&
    jump === 0 &&
    !row.attributes.has('f64') &&
    row.handler !== 'opBswap' &&
    !/^opSh[lr]dCl$/.test(row.handler) &&
    random.chance(25)
  )
    prefix66 = true;
  if (row.handler === 'opMov' && row.map === 1) prefix66 = false;
  const lockable = row.attributes.has('lock');
  const memoryForm =
    row.mod === 'mem' ||
    (row.mod === 'any' &&
      row.operands.some((operand) => /^[EWQM]/.test(operand) && !FIXED.has(operand)) &&
      random.chance(45));
  const lock = lockable && memoryForm && (row.operands[0] ?? '').startsWith('E') && random.chance(30);
  if (lock) bytes.push(0xf0);
  if (memoryForm && random.chance(8)) bytes.push(0x67);
  if (random.chance(3)) bytes.push(random.pick([0x26, 0x2e, 0x36, 0x3e]));
  if (prefix66) bytes.push(0x66);
  if (row.prefix === Prefix.pF3) bytes.push(0xf3);
  else if (row.prefix === Prefix.pF2) bytes.push(0xf2);
  else if (string && random.chance(60)) bytes.push(random.chance(60) ? 0xf3 : 0xf2);

  const general = (): number => (random.chance(90) ? random.pick([0, 2, 8, 10, 11, 14, 15, 1, 9]) : random.below(16));
  const rex = { w: random.chance(40) && !(vector && !/y/.test(row.operands.join(''))) ? 1 : 0, r: 0, x: 0, b: 0 };
  if (pushPop || jump !== 0) rex.w = 0;
  let rexForced = random.chance(15);
  const tail: number[] = [];
  let opcode = row.opcode;
  const isXmm = (operand: string): boolean => /^[VWU]/.test(operand);
  const hasModrm =
    row.extension >= 0 ||
    row.mod !== 'any' ||
    row.rm >= 0 ||
    row.operands.some((o) => !FIXED.has(o) && /^[EGMSVWUPQNR]/.test(o));
  if (row.plusRegister) {
    const register = general();
    opcode |= register & 7;
    rex.b = register >> 3;
  }
  let ripRelative = -1;
  if (hasModrm) {
    const regOperand = row.operands.find((operand) => !FIXED.has(operand) && /^[GVP]/.test(operand));
    let reg = row.extension;
    if (reg < 0) {
      reg =
        regOperand !== undefined && regOperand.startsWith('P')
          ? random.below(8)
          : regOperand !== undefined && isXmm(regOperand)
            ? random.below(16)
            : general();
      rex.r = reg >> 3;
      reg &= 7;
    }
    if (memoryForm) {
      const kind = random.below(10);
      if (kind < 6) {
        // [pointer + index * scale + disp]
        const base = random.pick(POINTERS);
        const index = random.chance(30) ? random.pick(SMALL) : 4;
        const displacement = random.chance(70) ? random.below(48) - 24 : 0;
        const wide = random.chance(10);
        const mod = wide ? 2 : displacement !== 0 || (base & 7) === 5 ? 1 : 0;
        rex.b = base >> 3;
        if (index !== 4 || (base & 7) === 4 || random.chance(10)) {
          tail.push((mod << 6) | (reg << 3) | 4, (random.below(4) << 6) | ((index & 7) << 3) | (base & 7));
          rex.x = index >> 3;
        } else tail.push((mod << 6) | (reg << 3) | (base & 7));
        if (mod === 1) tail.push(displacement & 255);
        if (mod === 2) tail.push(...little(displacement, 4));
      } else if (kind < 8) {
        tail.push((reg << 3) | 5);
        ripRelative = tail.length;
        tail.push(0, 0, 0, 0);
      } else {
        tail.push((reg << 3) | 4, 0x25, ...little(BORDER + random.below(64) - 32, 4));
      }
    } else {
      let rm = row.rm;
      if (rm < 0) {
        const operand = row.operands.find((o) => !FIXED.has(o) && /^[EWUQN]/.test(o)) ?? '';
        rm = /^[QN]/.test(operand) || operand === '' ? random.below(8) : isXmm(operand) ? random.below(16) : general();
        rex.b = rm >> 3;
        rm &= 7;
      }
      tail.push(0xc0 | (reg << 3) | rm);
    }
  }
  const operandBytes = rex.w !== 0 ? 8 : prefix66 && row.prefix !== Prefix.p66 ? 2 : 4;
  for (const operand of row.operands) {
    if (operand === 'Ib' || operand === 'Is') tail.push(random.chance(20) ? random.below(4) : random.below(256));
    else if (operand === 'Iw') tail.push(random.below(32), 0);
    else if (operand === 'Iz') tail.push(...little(interesting(random), operandBytes === 2 ? 2 : 4));
    else if (operand === 'Iv')
      tail.push(
        ...little(interesting(random), Math.min(operandBytes, 4)),
        ...(operandBytes === 8 ? little(interesting(random), 4) : []),
      );
    else if (operand === 'Jb') tail.push(0);
    else if (operand === 'Jz') tail.push(0, 0, 0, 0);
    else if (operand[0] === 'O') tail.push(...little(BORDER + random.below(32) - 16, 4), 0, 0, 0, 0);
  }
  // More than the operand's bits: not defined.
  if (/^sh[lr]d$/.test(row.mnemonic) && prefix66 && row.operands[2] === 'Ib') tail[tail.length - 1] = random.below(17);
  if (row.mnemonic === 'enter') tail[tail.length - 1] = random.below(4);
  if (row.attributes.has('norexb')) rexForced = false;
  if (row.section === 'x87' || row.mnemonic === 'nop') rexForced = false;
  const rexByte = 0x40 | (rex.w << 3) | (rex.r << 2) | (rex.x << 1) | rex.b;
  if (rexByte !== 0x40 || rexForced) bytes.push(rexByte);
  bytes.push(...[[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]][row.map]!, opcode);
  const at = bytes.length;
  bytes.push(...tail);
  if (ripRelative >= 0) RELATIVE.set(bytes, at + ripRelative);
  return { row, bytes, undefined: row.undefined, jump };
}

/** Where in an instruction's bytes a RIP-relative displacement is, to be filled when its place is known. */
const RELATIVE = new WeakMap<number[], number>();

/** Puts instructions one after the other, jumps going to a later one. @returns the code */
export function assemble(instructions: readonly Instruction[], random: Random): number[] {
  const code: number[] = [];
  instructions.forEach(({ bytes, jump }, index) => {
    const next = CODE + code.length + bytes.length;
    const relative = RELATIVE.get(bytes);
    if (relative !== undefined) {
      const displacement = BORDER + random.below(64) - 32 - next;
      little(displacement, 4).forEach((byte, i) => (bytes[relative + i] = byte));
    }
    if (jump !== 0) {
      const skip = random.below(3);
      const distance = instructions
        .slice(index + 1, index + 1 + skip)
        .reduce((sum, later) => sum + later.bytes.length, 0);
      little(distance, jump).forEach((byte, i) => (bytes[bytes.length - jump + i] = byte));
    }
    code.push(...bytes);
  });
  return code;
}

/** 32 bits that are often at a border. */
export function interesting(random: Random): number {
  switch (random.below(8)) {
    case 0:
      return random.below(16);
    case 1:
      return -random.below(16);
    case 2:
      return 1 << random.below(32);
    case 3:
      return (1 << random.below(32)) - 1;
    case 4:
      return random.pick([0x7f, 0x80, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0xff, 0xffff]);
    default:
      return random.next();
  }
}

function little(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => (value >> (8 * i)) & 255);
}

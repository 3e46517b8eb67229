/**
 * Disassembler: bytes → Intel syntax, from the same table as the decoder. For people, traces and messages; not for
 * speed.
 */
import { candidates, FIXED, hasModrm, Prefix, type Row } from './table.ts';

/** One disassembled instruction. */
export interface Disassembled {
  /** Bytes it takes; of an undefined one, those looked at. */
  readonly length: number;
  /** `(bad)` when no row fits. */
  readonly mnemonic: string;
  /** In Intel's order, the destination first. */
  readonly operands: readonly string[];
  /** The row of the table that it is; `undefined` for bytes that are no instruction. */
  readonly row: Row | undefined;
}

const BYTE_LOW = ['al', 'cl', 'dl', 'bl', 'ah', 'ch', 'dh', 'bh'];
const BYTE_REX = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
const WORD = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
const POINTED: Readonly<Record<number, string>> = {
  1: 'byte',
  2: 'word',
  4: 'dword',
  6: 'fword',
  8: 'qword',
  10: 'tbyte',
  16: 'xmmword',
};
const CONVERSIONS: Readonly<Record<string, readonly [string, string, string]>> = {
  cbw: ['cbw', 'cwde', 'cdqe'],
  cwd: ['cwd', 'cdq', 'cqo'],
};

/** Whole registers, but words in memory. */
const WORD_IN_MEMORY: ReadonlySet<string> = new Set(['opMovFromSegment', 'opSldt', 'opStr', 'opSmsw']);
/** Bytes and words in memory, but the register's name is that of 32 bits, or of the other operand's size. */
const WIDE_REGISTER = /^(pextr[bw]|pinsr[bw]|lar|lsl)$/;
/** Names that follow the operand size: of 16, 32 and 64 bits. */
const SIZED_NAMES: Readonly<Record<string, readonly [string, string, string]>> = {
  iret: ['iret', 'iretd', 'iretq'],
  pushf: ['pushf', 'pushfd', 'pushfq'],
  popf: ['popf', 'popfd', 'popfq'],
  pusha: ['pusha', 'pushad', ''],
  popa: ['popa', 'popad', ''],
  sysret: ['sysret', 'sysret', 'sysretq'],
  sysexit: ['sysexit', 'sysexit', 'sysexitq'],
  fxsave: ['fxsave', 'fxsave', 'fxsave64'],
  fxrstor: ['fxrstor', 'fxrstor', 'fxrstor64'],
};
/** 0F 18, by modrm.reg. */
const PREFETCHES = ['prefetchnta', 'prefetcht0', 'prefetcht1', 'prefetcht2'];

/** Everything that was read so far of one instruction. */
interface Cursor {
  readonly code: Uint8Array;
  at: number;
  readonly bits: 16 | 32 | 64;
  rex: number;
  hasRex: boolean;
  operand16: boolean;
  address16: boolean;
  repeat: number;
  lock: boolean;
  segment: number;
  modrm: number;
  operandBytes: number;
  memory: string;
  rip: bigint;
}

/**
 * Disassembles the instruction at the beginning of `code`.
 * @param bits - code size
 * @param rip - its address, for relative targets
 */
export function disassemble(code: Uint8Array, bits: 16 | 32 | 64 = 64, rip = 0n): Disassembled {
  const cursor: Cursor = {
    code,
    at: 0,
    bits,
    rex: 0,
    hasRex: false,
    operand16: false,
    address16: false,
    repeat: 0,
    lock: false,
    segment: -1,
    modrm: 0,
    operandBytes: 4,
    memory: '',
    rip,
  };
  let opcode = readPrefixes(cursor);
  let map = 0;
  if (opcode === 0x0f) {
    opcode = byte(cursor);
    map = 1;
    if (opcode === 0x38 || opcode === 0x3a) {
      map = opcode === 0x38 ? 2 : 3;
      opcode = byte(cursor);
    }
  }
  const withModrm = hasModrm(map, opcode);
  if (withModrm) cursor.modrm = code[cursor.at] ?? 0;
  const row = candidates(map, opcode).find((candidate) => fits(cursor, candidate, withModrm));
  if (row === undefined) return { length: cursor.at, mnemonic: '(bad)', operands: [], row: undefined };
  cursor.operandBytes = operandBytes(cursor, row);
  if (withModrm) {
    cursor.at++;
    if (cursor.modrm < 0xc0 && !(map === 1 && (opcode & 0xfc) === 0x20)) cursor.memory = address(cursor);
  }
  const texts = row.operands.map((operand) => operandText(cursor, row, operand, opcode));
  const operands = row.operands.map((operand, index) => pointed(cursor, row, operand, texts[index]!));
  return { length: cursor.at, mnemonic: mnemonicOf(cursor, row), operands: relative(cursor, operands), row };
}

/** `mnemonic operands` of an instruction. */
export function format({ mnemonic, operands }: Disassembled): string {
  return operands.length === 0 ? mnemonic : `${mnemonic} ${operands.join(', ')}`;
}

function byte(cursor: Cursor): number {
  return cursor.code[cursor.at++] ?? 0;
}

function readPrefixes(cursor: Cursor): number {
  for (;;) {
    const value = byte(cursor);
    if (value === 0x66) cursor.operand16 = true;
    else if (value === 0x67) cursor.address16 = true;
    else if (value === 0xf2 || value === 0xf3) cursor.repeat = value;
    else if (value === 0xf0) cursor.lock = true;
    else if ((value & 0xe7) === 0x26) {
      if (cursor.bits !== 64) cursor.segment = (value >> 3) & 3;
    } else if (value === 0x64 || value === 0x65) cursor.segment = value & 7;
    else if (cursor.bits === 64 && (value & 0xf0) === 0x40) {
      const next = cursor.code[cursor.at] ?? 0;
      if ([0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x64, 0x65].includes(next) || (next & 0xe7) === 0x26 || (next & 0xf0) === 0x40)
        continue;
      cursor.rex = value;
      cursor.hasRex = true;
      return byte(cursor);
    } else return value;
  }
}

function fits(cursor: Cursor, row: Row, withModrm: boolean): boolean {
  const { modrm, operand16, repeat, bits, rex } = cursor;
  if (row.prefix === Prefix.none && (operand16 || repeat !== 0)) return false;
  if (row.prefix === Prefix.p66 && (!operand16 || repeat !== 0)) return false;
  if (row.prefix === Prefix.pF3 && repeat !== 0xf3) return false;
  if (row.prefix === Prefix.pF2 && repeat !== 0xf2) return false;
  if (row.attributes.has(bits === 64 ? 'i64' : 'o64')) return false;
  if (row.attributes.has('norexb') && (rex & 1) !== 0) return false;
  if (!withModrm) return true;
  if (row.extension >= 0 && row.extension !== ((modrm >> 3) & 7)) return false;
  if (row.mod !== 'any' && (row.mod === 'reg') !== modrm >= 0xc0) return false;
  return row.rm < 0 || row.rm === (modrm & 7);
}

function operandBytes(cursor: Cursor, row: Row): number {
  if (cursor.bits === 64) {
    if ((cursor.rex & 8) !== 0 || row.attributes.has('f64')) return 8;
    if (cursor.operand16) return 2;
    return row.attributes.has('d64') ? 8 : 4;
  }
  return cursor.operand16 !== (cursor.bits === 16) ? 2 : 4;
}

function addressBytes(cursor: Cursor): number {
  if (cursor.bits === 64) return cursor.address16 ? 4 : 8;
  return cursor.address16 !== (cursor.bits === 16) ? 2 : 4;
}

/** Size in bytes that a size letter stands for. */
function sizeOf(cursor: Cursor, letter: string): number {
  const fixed: Readonly<Record<string, number>> = { b: 1, w: 2, d: 4, q: 8, o: 16, t: 10, s: 10 };
  if (letter in fixed) return fixed[letter]!;
  if (letter === 'y') return (cursor.rex & 8) !== 0 ? 8 : 4;
  if (letter === 'z') return Math.min(cursor.operandBytes, 4);
  if (letter === 'p') return cursor.operandBytes + 2;
  return cursor.operandBytes;
}

function register(cursor: Cursor, index: number, bytes: number): string {
  if (bytes === 1) return index >= 8 ? `r${index}b` : (cursor.hasRex ? BYTE_REX : BYTE_LOW)[index]!;
  if (index >= 8) return `r${index}${bytes === 2 ? 'w' : bytes === 4 ? 'd' : ''}`;
  return (bytes === 2 ? '' : bytes === 4 ? 'e' : 'r') + WORD[index]!;
}

function signed(cursor: Cursor, bytes: number): bigint {
  let value = 0n;
  for (let i = 0; i < bytes; i++) value |= BigInt(byte(cursor)) << BigInt(8 * i);
  return BigInt.asIntN(8 * bytes, value);
}

function hex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function operandText(cursor: Cursor, row: Row, operand: string, opcode: number): string {
  const { modrm, rex } = cursor;
  const size = operand.slice(1);
  const reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
  const rm = (modrm & 7) | ((rex & 1) << 3);
  if (FIXED.has(operand)) {
    if (operand === 'AX')
      return row.mnemonic === 'fnstsw'
        ? 'ax'
        : register(cursor, 0, row.section === 'system' ? Math.min(cursor.operandBytes, 4) : cursor.operandBytes);
    if (operand === 'STi') return `st(${modrm & 7})`;
    if (operand === 'ST0') return 'st';
    return operand.toLowerCase();
  }
  switch (operand[0]) {
    case 'E':
      if (cursor.memory !== '') return cursor.memory;
      return register(
        cursor,
        rm,
        WIDE_REGISTER.test(row.mnemonic)
          ? Math.max(cursor.operandBytes, row.section === 'system' ? 2 : 4)
          : sizeOf(cursor, size),
      );
    case 'R':
      return register(cursor, rm, cursor.bits === 64 ? 8 : 4);
    case 'G':
      return register(cursor, reg, row.mnemonic === 'invpcid' && cursor.bits !== 64 ? 4 : sizeOf(cursor, size));
    case 'Z':
      return register(cursor, (opcode & 7) | ((rex & 1) << 3), sizeOf(cursor, size));
    case 'M':
      return cursor.memory;
    case 'S':
      return SEGMENTS[(modrm >> 3) & 7] ?? '?';
    case 'C':
      return `cr${reg}`;
    case 'D':
      return `dr${reg}`;
    case 'V':
      return `xmm${reg}`;
    case 'W':
    case 'U':
      return cursor.memory || `xmm${rm}`;
    case 'P':
      return `mm${(modrm >> 3) & 7}`;
    case 'Q':
    case 'N':
      return cursor.memory || `mm${modrm & 7}`;
    case 'O':
      return `${cursor.segment >= 0 ? `${SEGMENTS[cursor.segment]}:` : ''}[${hex(BigInt.asUintN(8 * addressBytes(cursor), signed(cursor, addressBytes(cursor))))}]`;
    case 'J':
      return `.${signed(cursor, size === 'b' ? 1 : Math.min(cursor.operandBytes, 4))}`;
    case 'A': {
      const bytes = Math.min(cursor.operandBytes, 4);
      const offset = BigInt.asUintN(8 * bytes, signed(cursor, bytes));
      return `${hex(BigInt.asUintN(16, signed(cursor, 2)))}:${hex(offset)}`;
    }
    default:
      return immediate(cursor, row, size);
  }
}

function immediate(cursor: Cursor, row: Row, size: string): string {
  const bytes =
    size === 'b' || size === 's'
      ? 1
      : size === 'w'
        ? 2
        : size === 'v'
          ? cursor.operandBytes
          : Math.min(cursor.operandBytes, 4);
  const value = signed(cursor, bytes);
  const extends64 = size === 's' || size === 'z';
  const first = row.operands[0] ?? '';
  const width = extends64 ? (first.endsWith('b') ? 1 : cursor.operandBytes) : bytes;
  return hex(BigInt.asUintN(8 * width, value));
}

/** Jump targets: made absolute once the length is known. */
function relative(cursor: Cursor, operands: readonly string[]): string[] {
  const width = cursor.bits === 64 ? 64 : cursor.operandBytes * 8;
  return operands.map((text) =>
    text.startsWith('.')
      ? hex(BigInt.asUintN(width, cursor.rip + BigInt(cursor.at) + BigInt(text.slice(1))))
      : text.replace('<next>', hex(BigInt.asUintN(64, cursor.rip + BigInt(cursor.at)))),
  );
}

/** Names the size of a memory operand. */
function pointed(cursor: Cursor, row: Row, operand: string, text: string): string {
  if (!/^([c-gs]s:)?\[/.test(text)) return text;
  if (row.mnemonic === 'lea') return text.replace(/^.s:/, '');
  if (operand === 'M') return text;
  const name = POINTED[memorySize(cursor, row, operand.slice(1))];
  return name === undefined ? text : `${name} ptr ${text}`;
}

/** Bytes of a memory operand, where they are not those of a register in its place. */
function memorySize(cursor: Cursor, { handler }: Row, size: string): number {
  if (size === 's') return 6;
  if (handler === 'opBound') return 2 * cursor.operandBytes;
  if (handler === 'opCmpxchg8b') return (cursor.rex & 8) !== 0 ? 16 : 8;
  return WORD_IN_MEMORY.has(handler) ? 2 : sizeOf(cursor, size);
}

function address(cursor: Cursor): string {
  const bytes = addressBytes(cursor);
  const mod = cursor.modrm >> 6;
  const rm = cursor.modrm & 7;
  const prefix = cursor.segment >= 0 ? `${SEGMENTS[cursor.segment]}:` : '';
  const terms: string[] = [];
  let displacement: bigint | undefined;
  if (bytes === 2) {
    if (mod === 0 && rm === 6) return `${prefix}[${hex(BigInt.asUintN(16, signed(cursor, 2)))}]`;
    terms.push(...[['bx', 'si'], ['bx', 'di'], ['bp', 'si'], ['bp', 'di'], ['si'], ['di'], ['bp'], ['bx']][rm]!);
    displacement = mod === 1 ? signed(cursor, 1) : mod === 2 ? signed(cursor, 2) : undefined;
  } else {
    let base: number | undefined = rm | ((cursor.rex & 1) << 3);
    if (rm === 4) {
      const sib = byte(cursor);
      const index = ((sib >> 3) & 7) | ((cursor.rex & 2) << 2);
      base = (sib & 7) | ((cursor.rex & 1) << 3);
      if ((sib & 7) === 5 && mod === 0) base = undefined;
      if (base !== undefined) terms.push(register(cursor, base, bytes));
      if (index !== 4) terms.push(register(cursor, index, bytes) + (sib >> 6 === 0 ? '' : `*${1 << (sib >> 6)}`));
      if (base === undefined) displacement = signed(cursor, 4);
    } else if (rm === 5 && mod === 0) {
      displacement = signed(cursor, 4);
      if (cursor.bits === 64) terms.push(bytes === 8 ? 'rip' : 'eip');
    } else terms.push(register(cursor, base, bytes));
    if (mod === 1) displacement = signed(cursor, 1);
    if (mod === 2) displacement = signed(cursor, 4);
  }
  if (terms.length === 0) return `${prefix}[${hex(BigInt.asUintN(bytes * 8, displacement ?? 0n))}]`;
  const tail =
    displacement === undefined || displacement === 0n
      ? ''
      : displacement < 0n
        ? hex(displacement)
        : `+${hex(displacement)}`;
  return `${prefix}[${terms.join('+')}${tail}]`;
}

function mnemonicOf(cursor: Cursor, row: Row): string {
  const { operandBytes: bytes } = cursor;
  const letter = bytes === 2 ? 'w' : bytes === 4 ? 'd' : 'q';
  const bySize = CONVERSIONS[row.mnemonic] ?? SIZED_NAMES[row.mnemonic];
  let name = bySize?.[bytes === 2 ? 0 : bytes === 4 ? 1 : 2] ?? row.mnemonic;
  if (name === 'jrcxz') name = ['jcxz', 'jecxz', 'jrcxz'][addressBytes(cursor) >> 2]!;
  if (name === 'prefetch') name = cursor.modrm < 0xc0 ? (PREFETCHES[(cursor.modrm >> 3) & 7] ?? 'nop') : 'nop';
  if (name === 'prefetchw' && ((cursor.modrm >> 3) & 7) === 0) name = 'prefetch';
  if (/^(movs|cmps|stos|lods|scas)$/.test(name)) name += letter;
  if (/^(ins|outs)$/.test(name)) name += bytes === 2 ? 'w' : 'd';
  if (name === 'cmpxchg8b' && (cursor.rex & 8) !== 0) name = 'cmpxchg16b';
  if (/^(movd|pextrd|pinsrd)$/.test(name) && (cursor.rex & 8) !== 0) name = name.slice(0, -1) + 'q';
  const repeated = row.attributes.has('rep') || row.attributes.has('repe');
  const repeats =
    !repeated || cursor.repeat === 0
      ? ''
      : cursor.repeat === 0xf2
        ? 'repne '
        : row.attributes.has('repe')
          ? 'repe '
          : 'rep ';
  return `${cursor.lock ? 'lock ' : ''}${repeats}${name}`;
}

/**
 * The table of instructions: what stands in `rows-*.ts`, parsed.
 *
 * One line of a rows file is `mnemonic | encoding | operands | attributes`:
 *
 * - encoding: an optional mandatory prefix (`NP` none, `66`, `F3`, `F2`), an optional map (`0F`, `0F38`, `0F3A`), the
 *   opcode, then `+r` (register in the opcode), `/n` (modrm.reg), `mem` or `reg` (modrm.mod), `rm=n` (modrm.rm)
 * - operands, in Intel order, named as in the opcode map of the manuals (SDM volume 2 appendix A): a kind letter and a
 *   size letter, or a fixed register
 * - attributes: `lock`; `rep` / `repe`; `d64` 64 bits is the default size in 64-bit mode, `f64` forced; `i64` invalid in
 *   64-bit mode, `o64` only there; `W:` flags written, `U:` of them undefined, `R:` read (letters o s z a p c d i);
 *   `cpu:` the CPUID feature; `cpl0`; `h:` handler, otherwise `op` + mnemonic; `hot:` a family of the run loop;
 *   `nofuzz` when user-mode code cannot run it on a host
 */
import { integerRows } from './rows-integer.ts';
import { mmxRows } from './rows-mmx.ts';
import { sseRows } from './rows-sse.ts';
import { sse4Rows } from './rows-sse4.ts';
import { systemRows } from './rows-system.ts';
import { x87Rows } from './rows-x87.ts';

/** Mandatory prefix of a row; `any` when prefixes do not select. */
export const Prefix = { any: 0, none: 1, p66: 2, pF3: 3, pF2: 4 } as const;

/** One form of an instruction. */
export interface Row {
  /** Index of the row. */
  readonly id: number;
  /** Intel's name, in lower case. */
  readonly mnemonic: string;
  /** 0 one-byte, 1 0F, 2 0F 38, 3 0F 3A. */
  readonly map: number;
  /** The last byte of the opcode. */
  readonly opcode: number;
  /** The mandatory prefix: 0 any, 1 none, 2 66, 3 F3, 4 F2. */
  readonly prefix: number;
  /** modrm.reg that selects the row, -1 for any. */
  readonly extension: number;
  /** What modrm.mod must be: any, memory, register. */
  readonly mod: 'any' | 'mem' | 'reg';
  /** modrm.rm that selects the row, -1 for any. */
  readonly rm: number;
  /** A register is in the opcode's low three bits; such a row stands for eight opcodes. */
  readonly plusRegister: boolean;
  /** What each operand is, as the manual's opcode tables abbreviate it (SDM volume 2D, A.2). */
  readonly operands: readonly string[];
  /** What else decides: that it can be locked, is of one mode only, or privileged. */
  readonly attributes: ReadonlySet<string>;
  /** Flags that it writes, by their letters; undefined ones included. */
  readonly written: string;
  /** Flags that it leaves undefined. */
  readonly undefined: string;
  /** Flags that it reads. */
  readonly read: string;
  /** The feature that must be announced for it. */
  readonly feature: string;
  /** Name of the AssemblyScript function that executes it. */
  readonly handler: string;
  /** Family of run-loop cases, '' when it has none. */
  readonly hot: string;
  /** The section it comes from. */
  readonly section: string;
  /** The line, for messages. */
  readonly text: string;
}

const DEFAULT_FEATURES: Readonly<Record<string, string>> = {
  integer: 'x86-64',
  system: 'x86-64',
  x87: 'fpu',
  mmx: 'mmx',
  sse: 'sse2',
  sse4: 'sse4.1',
};

const SECTIONS: readonly (readonly [string, string])[] = [
  ['integer', integerRows()],
  ['system', systemRows],
  ['x87', x87Rows],
  ['mmx', mmxRows],
  ['sse', sseRows],
  ['sse4', sse4Rows],
];

const MAPS: Readonly<Record<string, number>> = { '0F': 1, '0F38': 2, '0F3A': 3 };
const PREFIXES: Readonly<Record<string, number>> = { NP: 1, '66': 2, F3: 3, F2: 4 };

/** Every row, in the order of the files; `id` is the index. */
export const ROWS: readonly Row[] = SECTIONS.flatMap(([section, text]) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ section, line })),
).map(({ section, line }, id) => parseRow(section, line, id));

/** Rows by map and opcode, most selective first: the order in which a decoder tries them. */
export function candidates(map: number, opcode: number): readonly Row[] {
  return BY_OPCODE[map * 256 + opcode] ?? [];
}

const BY_OPCODE: readonly (readonly Row[])[] = Array.from({ length: 1024 }, (_, index) => {
  const map = index >> 8;
  const opcode = index & 255;
  const rows = ROWS.filter(
    (row) => row.map === map && (row.plusRegister ? row.opcode === (opcode & 0xf8) : row.opcode === opcode),
  );
  return [...rows].sort((a, b) => selectivity(b) - selectivity(a) || a.id - b.id);
});

/** Whether instructions of an opcode have a modrm byte. */
export function hasModrm(map: number, opcode: number): boolean {
  return candidates(map, opcode).some(
    (row) =>
      row.extension >= 0 ||
      row.mod !== 'any' ||
      row.rm >= 0 ||
      row.operands.some((o) => /^[EGMSCDRVWUPQN][a-z]*$/.test(o) && !FIXED.has(o)),
  );
}

/** Operands that are a fixed register or value. */
export const FIXED: ReadonlySet<string> = new Set([
  'AL',
  'AX',
  'CL',
  'DX',
  '1',
  'ST0',
  'STi',
  'XMM0',
  'ES',
  'CS',
  'SS',
  'DS',
  'FS',
  'GS',
]);

function selectivity(row: Row): number {
  return (
    (row.rm >= 0 ? 16 : 0) +
    (row.prefix !== Prefix.any ? 8 : 0) +
    (row.extension >= 0 ? 4 : 0) +
    (row.mod !== 'any' ? 2 : 0) +
    (row.plusRegister ? 0 : 1) +
    (row.attributes.has('norexb') ? 32 : 0)
  );
}

function parseRow(section: string, text: string, id: number): Row {
  const [mnemonic = '', encoding = '', operands = '', attributes = ''] = text.split('|').map((part) => part.trim());
  const tokens = encoding.split(/\s+/);
  const prefix =
    tokens.length > 1 && tokens[0]! in PREFIXES && /^[0-9A-F]+$/.test(tokens[1]!) ? PREFIXES[tokens.shift()!]! : 0;
  const map = tokens.length > 1 && tokens[0]! in MAPS && /^[0-9A-F]{2}$/.test(tokens[1]!) ? MAPS[tokens.shift()!]! : 0;
  const opcode = Number.parseInt(tokens.shift() ?? '', 16);
  if (Number.isNaN(opcode)) throw new Error(`no opcode in row: ${text}`);
  const words = attributes.split(/\s+/).filter((word) => word !== '');
  const valueOf = (key: string): string =>
    words.find((word) => word.startsWith(`${key}:`))?.slice(key.length + 1) ?? '';
  const extension = tokens.find((token) => /^\/[0-7]$/.test(token));
  const rm = tokens.find((token) => token.startsWith('rm='));
  return {
    id,
    mnemonic,
    map,
    opcode,
    prefix,
    extension: extension === undefined ? -1 : Number(extension.slice(1)),
    mod: tokens.includes('mem') ? 'mem' : tokens.includes('reg') ? 'reg' : 'any',
    rm: rm === undefined ? -1 : Number(rm.slice(3)),
    plusRegister: tokens.includes('+r'),
    operands: operands === '' ? [] : operands.split(',').map((operand) => operand.trim()),
    attributes: new Set(words),
    written: valueOf('W'),
    undefined: valueOf('U'),
    read: valueOf('R'),
    feature: valueOf('cpu') || DEFAULT_FEATURES[section]!,
    handler: valueOf('h') || `op${mnemonic[0]!.toUpperCase()}${mnemonic.slice(1)}${section === 'mmx' ? 'Mmx' : ''}`,
    hot: valueOf('hot'),
    section,
    text,
  };
}

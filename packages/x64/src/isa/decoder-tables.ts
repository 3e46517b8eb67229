/**
 * Generates the AssemblyScript sources that the table of instructions stands for in the core: the decoder's tables and the
 * list of handlers.
 *
 *     OPCODES: 1024 (map × opcode) of {u16 first index into ORDER, u8 count, u8 has modrm}
 *     ORDER:   u16 row numbers, most selective first
 *     ROWS:    16 bytes each:
 *        0 prefix  1 modrm.reg or 255  2 mod (0 any, 1 memory, 2 register)  3 modrm.rm or 255
 *        4 flags (below)  5-7 operands (kind << 4 | size)  8 u16 handler  10 hot family  11 flags 2  12 u16 mnemonic
 *        14 bytes of the memory operand, or one of `MEMORY_SIZES`
 */
import { candidates, FIXED, hasModrm, ROWS, type Row } from './table.ts';

/** Row flags, byte 4. */
const Flag = {
  invalid64: 1,
  only64: 2,
  default64: 4,
  forced64: 8,
  lockable: 16,
  noRexB: 32,
  byteString: 64,
  plus: 128,
} as const;
/** Row flags, byte 11. */
const Flag2 = { ends: 1, cpl0: 2, hint: 4, rep: 8 } as const;

/** Kinds of operands as the decoder knows them. */
const KINDS: Readonly<Record<string, number>> = {
  E: 1,
  G: 2,
  Z: 3,
  I: 4,
  J: 5,
  O: 6,
  M: 7,
  R: 8,
  V: 9,
  W: 10,
  U: 10,
  P: 11,
  Q: 12,
  N: 12,
  A: 13,
  fixed: 14,
  // The number of a control or debug register is that of the general register's slot that stands for it.
  C: 2,
  D: 2,
};
const SIZES: Readonly<Record<string, number>> = { b: 0, w: 1, d: 2, q: 3, v: 4, z: 5, y: 6, s: 7, p: 8, o: 9, t: 10 };
/** Byte 14 of a row whose memory operand's size depends on more; see `memoryBytes` in the decoder. */
const MEMORY_SIZES = {
  operand: 0x80,
  rexW: 0x81,
  farPointer: 0x82,
  tableRegister: 0x83,
  twiceRexW: 0x84,
  environment: 0x85,
  wholeX87: 0x86,
  fxsave: 0x87,
} as const;
const SIZES_IN_MEMORY: Readonly<Record<string, number>> = {
  b: 1,
  w: 2,
  d: 4,
  q: 8,
  o: 16,
  t: 10,
  v: MEMORY_SIZES.operand,
  z: MEMORY_SIZES.operand,
  y: MEMORY_SIZES.rexW,
  p: MEMORY_SIZES.farPointer,
  s: MEMORY_SIZES.tableRegister,
};
/** Where the operand's name does not say it. 0: the address is made, memory not reached. */
const SIZES_BY_HANDLER: Readonly<Record<string, number>> = {
  opLea: 0,
  opNop: 0,
  opUd2: 0,
  opInvlpg: 1,
  opCmpxchg8b: MEMORY_SIZES.twiceRexW,
  opFnstenv: MEMORY_SIZES.environment,
  opFldenv: MEMORY_SIZES.environment,
  opFnsave: MEMORY_SIZES.wholeX87,
  opFrstor: MEMORY_SIZES.wholeX87,
  opFxsave: MEMORY_SIZES.fxsave,
  opFxrstor: MEMORY_SIZES.fxsave,
  opMovFromSegment: 2,
  opSldt: 2,
  opStr: 2,
  opSmsw: 2,
};
const FIXED_CODES: Readonly<Record<string, number>> = { AL: 0, AX: 4, CL: 1, DX: 2 };

/** Handlers after which a block cannot go on. */
const ENDS = new Set([
  'opJcc',
  'opJmp',
  'opJmpRm',
  'opCall',
  'opCallRm',
  'opRet',
  'opLoop',
  'opLoope',
  'opLoopne',
  'opJcxz',
  'opUd2',
  'opInt3',
  'opInt',
  'opHlt',
  'opIret',
  'opSyscall',
  'opSysret',
  'opSysenter',
  'opSysexit',
  'opRetFar',
  'opCallFar',
  'opJmpFar',
  'opCallFarMemory',
  'opJmpFarMemory',
  'opIcebp',
  'opVmcall',
  'opMovToControl',
  'opWrmsr',
  'opSti',
  'opPopf',
]);

/** Names of the run loop's families, in the order of their numbers (1 …). */
export const FAMILIES: readonly string[] = [...new Set(ROWS.map((row) => row.hot).filter((name) => name !== ''))];

/** All handler names, in the order of their numbers. 0 is the handler of undefined opcodes. */
export const HANDLERS: readonly string[] = ['opUndefined', ...new Set(ROWS.map((row) => row.handler))];

/** Mnemonics in the order of their numbers. */
export const MNEMONICS: readonly string[] = [...new Set(ROWS.map((row) => row.mnemonic))];

/** Source of the decoder's tables. */
export function decoderTablesSource(): string {
  const order: number[] = [];
  const opcodes: number[] = [];
  for (let index = 0; index < 1024; index++) {
    const rows = candidates(index >> 8, index & 255);
    opcodes.push(order.length & 255, order.length >> 8, rows.length, hasModrm(index >> 8, index & 255) ? 1 : 0);
    order.push(...rows.map((row) => row.id));
  }
  return [
    '// Generated from src/isa/rows-*.ts by scripts/build.mjs.',
    ...FAMILIES.map((name, index) => `export const FAMILY_${name.toUpperCase()}: u32 = ${index + 1};`),
    `export const MNEMONIC_COUNT: u32 = ${MNEMONICS.length};`,
    `export const OPCODES: usize = memory.data<u8>([${opcodes.join(',')}]);`,
    `export const ORDER: usize = memory.data<u16>([${order.join(',')}]);`,
    `export const ROWS: usize = memory.data<u8>([${ROWS.flatMap(record).join(',')}]);`,
    '',
  ].join('\n');
}

/** Source of the list of handlers. `files` maps the name of each function that exists to the module that exports it. */
export function handlersSource(files: ReadonlyMap<string, string>): string {
  const existing = HANDLERS.filter((name) => files.has(name));
  const byFile = groupBy(existing, files);
  return [
    '// Generated from src/isa/rows-*.ts and the functions that assembly/ exports, by scripts/build.mjs.',
    ...[...byFile].map(([file, names]) => `import { ${names.join(', ')} } from '${file}';`),
    '',
    '/** Index in the function table of a handler; of opUndefined when nobody wrote it. */',
    'export function handlerIndex(handler: u32): u32 {',
    '  switch (handler) {',
    ...existing.map((name) => `    case ${HANDLERS.indexOf(name)}: return load<u32>(changetype<usize>(${name}));`),
    '    default: return 0;',
    '  }',
    '}',
    '',
  ].join('\n');
}

function groupBy(names: readonly string[], files: ReadonlyMap<string, string>): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const file = files.get(name)!;
    groups.set(file, [...(groups.get(file) ?? []), name]);
  }
  return groups;
}

function record(row: Row): number[] {
  const has = (name: string): boolean => row.attributes.has(name);
  const flags =
    (has('i64') ? Flag.invalid64 : 0) |
    (has('o64') ? Flag.only64 : 0) |
    (has('d64') ? Flag.default64 : 0) |
    (has('f64') ? Flag.forced64 : 0) |
    (has('lock') ? Flag.lockable : 0) |
    (has('norexb') ? Flag.noRexB : 0) |
    (has('str:b') ? Flag.byteString : 0) |
    (row.plusRegister ? Flag.plus : 0);
  const flags2 =
    (ENDS.has(row.handler) ? Flag2.ends : 0) |
    (has('cpl0') ? Flag2.cpl0 : 0) |
    (has('hint') ? Flag2.hint : 0) |
    (has('rep') || has('repe') ? Flag2.rep : 0);
  const operands = [0, 1, 2].map((index) => operandCode(row.operands[index]));
  const handler = HANDLERS.indexOf(row.handler);
  const mnemonic = MNEMONICS.indexOf(row.mnemonic);
  const mod = row.mod === 'any' ? 0 : row.mod === 'mem' ? 1 : 2;
  return [
    row.prefix,
    row.extension & 255,
    mod,
    row.rm & 255,
    flags,
    ...operands,
    handler & 255,
    handler >> 8,
    FAMILIES.indexOf(row.hot) + 1,
    flags2,
    mnemonic & 255,
    mnemonic >> 8,
    memorySize(row),
    0,
  ];
}

function memorySize(row: Row): number {
  const byHandler = SIZES_BY_HANDLER[row.handler];
  if (byHandler !== undefined) return byHandler;
  const operand = row.operands.find((name) => !FIXED.has(name) && /^[EMWQO]/.test(name));
  if (operand === undefined) return 0;
  const size = SIZES_IN_MEMORY[operand.slice(1)];
  if (size === undefined) throw new Error(`bytes of the memory operand of: ${row.text}`);
  return size;
}

function operandCode(operand: string | undefined): number {
  if (operand === undefined) return 0;
  if (FIXED.has(operand)) return operand in FIXED_CODES ? (KINDS['fixed']! << 4) | FIXED_CODES[operand]! : 0;
  const kind = KINDS[operand[0]!];
  return kind === undefined ? 0 : (kind << 4) | (SIZES[operand.slice(1)] ?? 4);
}

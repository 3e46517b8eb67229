/**
 * The target description that gdb reads first (GDB manual, appendix G): the architecture, and every register with its
 * number, size and type, from the processor's own list of them.
 */
import { DEBUG_REGISTERS, type DebugRegister, registerBytes, type RegisterFeature, RFLAGS } from '@ringlet/x64';

const FEATURES: Readonly<Record<RegisterFeature, string>> = {
  core: 'org.gnu.gdb.i386.core',
  sse: 'org.gnu.gdb.i386.sse',
  segments: 'org.gnu.gdb.i386.segments',
  system: 'ringlet.x86-64.system',
};

type Bits = readonly (readonly [name: string, bit: number])[];

/** With what gdb's own description of them has besides: the bit that is always set, and those of virtual 8086 mode. */
const EFLAGS: Bits = [...RFLAGS, ['', 1] as const, ['VIF', 19] as const, ['VIP', 20] as const].toSorted(
  ([, a], [, b]) => a - b,
);
const MXCSR: Bits = ['IE', 'DE', 'ZE', 'OE', 'UE', 'PE', 'DAZ', 'IM', 'DM', 'ZM', 'OM', 'UM', 'PM']
  .map((name, bit) => [name, bit] as const)
  .concat([['FZ', 15]]);
const CR0: Bits = [
  ['PE', 0],
  ['MP', 1],
  ['EM', 2],
  ['TS', 3],
  ['ET', 4],
  ['NE', 5],
  ['WP', 16],
  ['AM', 18],
  ['NW', 29],
  ['CD', 30],
  ['PG', 31],
];
const CR4: Bits = [
  ['VME', 0],
  ['PVI', 1],
  ['TSD', 2],
  ['DE', 3],
  ['PSE', 4],
  ['PAE', 5],
  ['MCE', 6],
  ['PGE', 7],
  ['PCE', 8],
  ['OSFXSR', 9],
  ['OSXMMEXCPT', 10],
  ['UMIP', 11],
  ['FSGSBASE', 16],
  ['PCIDE', 17],
  ['OSXSAVE', 18],
  ['SMEP', 20],
  ['SMAP', 21],
];
const EFER: Bits = [
  ['SCE', 0],
  ['LME', 8],
  ['LMA', 10],
  ['NXE', 11],
];

const flags = (id: string, bytes: number, bits: Bits): string =>
  [
    `<flags id="${id}" size="${bytes}">`,
    ...bits.map(([name, bit]) => `<field name="${name}" start="${bit}" end="${bit}"/>`),
    '</flags>',
  ].join('');

const VECTOR =
  '<vector id="v4f" type="ieee_single" count="4"/><vector id="v2d" type="ieee_double" count="2"/>' +
  '<vector id="v16i8" type="int8" count="16"/><vector id="v8i16" type="int16" count="8"/>' +
  '<vector id="v4i32" type="int32" count="4"/><vector id="v2i64" type="int64" count="2"/>' +
  '<union id="vec128"><field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/>' +
  '<field name="v16_int8" type="v16i8"/><field name="v8_int16" type="v8i16"/><field name="v4_int32" type="v4i32"/>' +
  '<field name="v2_int64" type="v2i64"/><field name="uint128" type="uint128"/></union>';

const TYPES: Readonly<Record<RegisterFeature, string>> = {
  core: flags('i386_eflags', 4, EFLAGS),
  sse: VECTOR + flags('i386_mxcsr', 4, MXCSR),
  segments: '',
  system: flags('x64_cr0', 8, CR0) + flags('x64_cr4', 8, CR4) + flags('x64_efer', 8, EFER),
};

const GROUPS: Partial<Record<RegisterFeature, string>> = { system: 'system' };

/** The document. */
export function targetDescription(): string {
  const features = (Object.keys(FEATURES) as RegisterFeature[]).map((feature) => {
    const rows = DEBUG_REGISTERS.flatMap((register, number) =>
      register.feature === feature ? [registerRow(register, number)] : [],
    );
    return `<feature name="${FEATURES[feature]}">${TYPES[feature]}${rows.join('')}</feature>`;
  });
  return (
    '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">' +
    `<target version="1.0"><architecture>i386:x86-64</architecture>${features.join('')}</target>`
  );
}

function registerRow(register: DebugRegister, number: number): string {
  const { name, bits, type, feature } = register;
  const group = type === 'int' ? 'float' : GROUPS[feature];
  return (
    `<reg name="${name}" bitsize="${bits}" type="${type}" regnum="${number}"` +
    `${group === undefined ? '' : ` group="${group}"`}/>`
  );
}

/** A register's value as it goes over the line: the least significant byte first. */
export function registerHex(register: DebugRegister, value: bigint): string {
  let hex = '';
  for (let byte = 0, rest = value; byte < registerBytes(register); byte++, rest >>= 8n) {
    hex += Number(rest & 0xffn)
      .toString(16)
      .padStart(2, '0');
  }
  return hex;
}

/** The value of a register in bytes. */
export function registerValue(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** What a virtual processor's area says of its life so far, for people and benchmarks. */
import type { GuestMemory } from '@ringlet/microkernel';
import * as Code from './exits.ts';
import { disassemble, format } from './isa/disassemble.ts';
import { codeAt } from './linear.ts';
import { GENERAL_REGISTERS, readRegisters, RFLAGS, SEGMENT_REGISTERS } from './registers.ts';
import * as S from './state.ts';

/** Names of the exit codes that are worth counting. */
const EXITS: readonly (readonly [name: string, code: number])[] = [
  ['budget', Code.EXIT_BUDGET],
  ['halt', Code.EXIT_HALT],
  ['io', Code.EXIT_IO],
  ['ioString', Code.EXIT_IO_STRING],
  ['memory', Code.EXIT_GPA_ACCESS],
  ['readMsr', Code.EXIT_RDMSR],
  ['writeMsr', Code.EXIT_WRMSR],
  ['cpuid', Code.EXIT_CPUID],
  ['hypercall', Code.EXIT_HYPERCALL],
  ['interruptWindow', Code.EXIT_INTERRUPT_WINDOW],
  ['requested', Code.EXIT_REQUESTED],
  ['pause', Code.EXIT_PAUSE],
  ['taskPriority', Code.EXIT_CR8],
];

/** Names of the exceptions that have one, by vector. */
const EXCEPTIONS = '#DE #DB NMI #BP #OF #BR #UD #NM #DF 9 #TS #NP #SS #GP #PF 15 #MF #AC #MC #XM'.split(' ');

/** A virtual processor, seen from outside: counters since its machine was made, and where it is now. */
export interface VpInspection {
  /** Where its next instruction is, in hexadecimal. */
  readonly rip: string;
  /** The instruction at RIP, in Intel syntax; absent when its memory was not given, or is not there. */
  readonly instruction?: string;
  /** It waits for an interrupt, after HLT or MWAIT. */
  readonly halted: boolean;
  /** Its mode, by the width of its code: 16, 32 or 64. */
  readonly bits: number;
  /** Current privilege level. */
  readonly cpl: number;
  /** Values of 64 bits as hexadecimal text; of RFLAGS also the names of the flags that are set. */
  readonly registers: Readonly<Record<string, string>>;
  /** Selector, base, limit (of the last byte) and attributes (a descriptor's second word, shifted right by 8). */
  readonly segments: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Instructions that were executed; each iteration of a REP counts as one. */
  readonly instructions: number;
  /** The same when the slice under way began, and the guest's TSC then: for figures a second. */
  readonly slice: { readonly instructions: number; readonly tsc: number };
  /** Accesses whose page had to be looked for in the page tables. */
  readonly tlbMisses: number;
  /** Times that translations were forgotten: writes of CR3, CR0 and CR4, and what other VPs asked for. */
  readonly tlbFlushes: number;
  /** Blocks that were looked up, because no other block had a link to them. */
  readonly blockLookups: number;
  /** Blocks of code that were decoded. */
  readonly blocksDecoded: number;
  /** Instructions in them. */
  readonly opsDecoded: number;
  /** Pages whose decoded code was forgotten because somebody wrote to them. */
  readonly codePagesDropped: number;
  /** Times that all decoded code was forgotten because its memory was full. */
  readonly arenaResets: number;
  /** Bytes of decoded code now. */
  readonly arenaBytes: number;
  /** Exceptions that were raised. */
  readonly exceptions: number;
  /** The same by their names; those that never came are left out. */
  readonly exceptionCounts: Readonly<Record<string, number>>;
  /** Interrupts that were taken. */
  readonly interrupts: number;
  /** Opcodes that raised #UD because there is no such instruction here, by name, with how often. */
  readonly unimplemented: Readonly<Record<string, number>>;
  /** How often the interpreter came back to its caller, by reason; reasons that never were are left out. */
  readonly exits: Readonly<Record<string, number>>;
}

/**
 * Reads a VP's area. Safe while the VP runs on another thread: its figures are then of about now.
 * @param area - address of the area in `buffer`
 * @param memory - of the guest, for the instruction at RIP
 */
export function inspectVp(buffer: SharedArrayBuffer, area: number, memory?: GuestMemory): VpInspection {
  const view = new DataView(buffer, area, S.STATE_SIZE);
  const word = (offset: number): number => view.getUint32(offset, true);
  const count = (offset: number): number => Number(view.getBigUint64(offset, true));
  const exits = EXITS.map(([name, code]) => [name, word(S.EXIT_COUNTS + 4 * code)] as const);
  const thrown = Array.from({ length: 32 }, (_, vector): [string, number] => [
    EXCEPTIONS[vector] ?? `${vector}`,
    word(S.EXCEPTION_COUNTS + 4 * vector),
  ]);
  return {
    ...where(buffer, area, memory),
    halted: word(S.HALTED) !== 0,
    instructions: count(S.INSTRUCTIONS),
    slice: { instructions: count(S.TSC_BASE_INSTRUCTIONS), tsc: count(S.TSC_NOW) },
    tlbMisses: count(S.COUNT_TLB_MISSES),
    tlbFlushes: count(S.COUNT_TLB_FLUSHES),
    blockLookups: count(S.LOOKUPS),
    blocksDecoded: count(S.COUNT_BLOCKS_DECODED),
    opsDecoded: count(S.COUNT_OPS_DECODED),
    codePagesDropped: count(S.COUNT_CODE_DROPS),
    arenaResets: count(S.COUNT_ARENA_RESETS),
    arenaBytes: word(S.ARENA_NEXT) - word(S.ARENA),
    exceptions: count(S.COUNT_FAULTS),
    exceptionCounts: Object.fromEntries(thrown.filter(([, times]) => times > 0)),
    interrupts: count(S.COUNT_INTERRUPTS),
    unimplemented: unimplementedOf(new Uint32Array(buffer, word(S.UNIMPLEMENTED), S.OPCODE_COUNT)),
    exits: Object.fromEntries(exits.filter(([, times]) => times > 0)),
  };
}

/** Where the VP is, and with what in its registers. */
function where(
  buffer: SharedArrayBuffer,
  area: number,
  memory: GuestMemory | undefined,
): Pick<VpInspection, 'rip' | 'instruction' | 'bits' | 'cpl' | 'registers' | 'segments'> {
  const state = readRegisters(buffer, area);
  const { rip, rflags, general, segments, gdtr, idtr, cr0, cr2, cr3, cr4, cr8, efer, cpl, bits } = state;
  const code = memory === undefined ? new Uint8Array() : codeAt(state, (gpa, target) => memory.read(gpa, target));
  const flags = RFLAGS.filter(([, bit]) => (rflags & (1 << bit)) !== 0).map(([name]) => name);
  const table = ({ base, limit }: typeof gdtr): string => `${hex(base)} limit ${hex(limit)}`;
  return {
    rip: hex(rip),
    ...(code.length > 0 && { instruction: format(disassemble(code, bits, rip)) }),
    bits,
    cpl,
    registers: {
      ...Object.fromEntries(GENERAL_REGISTERS.map((name) => [name, hex(general[name])])),
      rflags: [hex(rflags), ...flags].join(' '),
      ...Object.fromEntries(
        Object.entries({ cr0, cr2, cr3, cr4, cr8, efer }).map(([name, value]) => [name, hex(value)]),
      ),
      gdtr: table(gdtr),
      idtr: table(idtr),
    },
    segments: Object.fromEntries(
      SEGMENT_REGISTERS.map((name) => {
        const { selector, base, limit, attributes } = segments[name];
        return [
          name,
          { selector: hex(selector), base: hex(base), limit: hex(limit), attributes: hex(attributes & 0xffff) },
        ];
      }),
    ),
  };
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** Prefixes that are opcodes here, as they begin nothing that is known. */
const ENCODINGS: Readonly<Record<string, string>> = { C4: 'VEX', C5: 'VEX', '62': 'EVEX', '8F': 'XOP', D5: 'REX2' };
const MAPS = ['', '0F ', '0F 38 ', '0F 3A '];

function unimplementedOf(counts: Uint32Array): Record<string, number> {
  const named: Record<string, number> = {};
  counts.forEach((times, index) => {
    if (times === 0) return;
    const byte = (index & 255).toString(16).toUpperCase().padStart(2, '0');
    const map = MAPS[index >> 8]!;
    const encoding = map === '' ? ENCODINGS[byte] : undefined;
    named[`${map}${byte}${encoding === undefined ? '' : ` (${encoding})`}`] = times;
  });
  return named;
}

/** General registers, RIP, flags and the count of instructions of a VP, as words that are always current. */
export function registerWords(buffer: SharedArrayBuffer, area: number): Int32Array {
  return new Int32Array(buffer, area, (S.INSTRUCTIONS + 8) / 4);
}

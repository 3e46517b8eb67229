/** What a virtual processor's area says of its life so far, for people and benchmarks. */
import * as Code from './exits.ts';
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

/** A virtual processor, seen from outside: counters since its machine was made, and where it is now. */
export interface VpInspection {
  readonly rip: string;
  readonly halted: boolean;
  readonly instructions: number;
  /** The same when the slice under way began, and the guest's TSC then: for figures a second. */
  readonly slice: { readonly instructions: number; readonly tsc: number };
  readonly tlbMisses: number;
  readonly tlbFlushes: number;
  readonly blockLookups: number;
  readonly blocksDecoded: number;
  readonly opsDecoded: number;
  readonly codePagesDropped: number;
  readonly arenaResets: number;
  /** Bytes of decoded code now. */
  readonly arenaBytes: number;
  readonly exceptions: number;
  readonly interrupts: number;
  /** Opcodes that raised #UD because there is no such instruction here, by name, with how often. */
  readonly unimplemented: Readonly<Record<string, number>>;
  /** How often the interpreter came back to its caller, by reason; reasons that never were are left out. */
  readonly exits: Readonly<Record<string, number>>;
}

/**
 * Reads a VP's area. Safe while the VP runs on another thread: its figures are then of about now.
 * @param area - address of the area in `buffer`
 */
export function inspectVp(buffer: SharedArrayBuffer, area: number): VpInspection {
  const view = new DataView(buffer, area, S.STATE_SIZE);
  const word = (offset: number): number => view.getUint32(offset, true);
  const count = (offset: number): number => Number(view.getBigUint64(offset, true));
  const exits = EXITS.map(([name, code]) => [name, word(S.EXIT_COUNTS + 4 * code)] as const);
  return {
    rip: `0x${view.getBigUint64(S.RIP, true).toString(16)}`,
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
    interrupts: count(S.COUNT_INTERRUPTS),
    unimplemented: unimplementedOf(new Uint32Array(buffer, word(S.UNIMPLEMENTED), S.OPCODE_COUNT)),
    exits: Object.fromEntries(exits.filter(([, times]) => times > 0)),
  };
}

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

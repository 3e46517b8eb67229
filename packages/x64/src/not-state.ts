/**
 * What of a node's memory is no state of the virtual processors in it: caches, scratch, what the interpreter counts for
 * itself, and the words of a debugger. Two machines that are in the same state may differ there, and do when somebody has
 * looked at one of them.
 */
import * as S from './state.ts';

/** Bytes of a buffer: from the first to before the second. */
export type ByteRange = readonly [from: number, to: number];

/** Within a VP's area, but for what lies behind the tables that its state block points to. */
const OF_AN_AREA: readonly ByteRange[] = [
  [S.EXIT_REQUEST, S.SHADOW],
  [S.LOOKUPS, S.HALTED],
  [S.BUDGET, S.VP_INDEX],
  [S.CODE_PAGE, S.CHARGE],
  [S.USER_UNCHECKED, S.LOCKED],
  [S.DEBUG_TABLE, S.SEGMENTS],
  [S.FAULT_VECTOR, S.DELIVERING],
  [S.EXIT_REASON, S.MMIO_READ_COUNT],
  [S.TLB_USER, S.UNIMPLEMENTED],
  [S.SYSTEM_SCRATCH, S.FPU_CONTROL],
  [S.FPU_SCRATCH, S.COUNT_FAULTS],
  [S.OPEN_PAGES, S.EXCEPTION_COUNTS],
  [S.VECTOR_SCRATCH, S.STATE_SIZE],
];
const PAGE = 4096;
const MASK_BYTES = 8;

/**
 * All of it, in order.
 *
 * @param areas - addresses of the VPs' areas in `buffer`
 */
export function notState(buffer: SharedArrayBuffer, areas: readonly number[]): readonly ByteRange[] {
  const ranges = areas.flatMap((area): ByteRange[] => {
    const word = (offset: number): number => new DataView(buffer, area, S.STATE_SIZE).getUint32(offset, true);
    const masks = word(S.CODE_MASKS);
    const table = word(S.DEBUG_TABLE);
    const counted = word(S.UNIMPLEMENTED);
    return [
      ...OF_AN_AREA.map(([from, to]): ByteRange => [area + from, area + to]),
      [area + S.STATE_SIZE, counted],
      [counted + 4 * S.OPCODE_COUNT, word(S.ARENA_END)],
      [masks, masks + (buffer.byteLength / PAGE) * MASK_BYTES],
      ...(table === 0 ? [] : [[table, table + S.DEBUG_TABLE_BYTES] as const]),
    ];
  });
  return ranges.toSorted(([a], [b]) => a - b);
}

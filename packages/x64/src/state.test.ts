import { expect, test } from 'vitest';
import * as State from './state.ts';

/** Fields that are more than one machine word: bytes that each takes. */
const AREAS: Readonly<Record<string, number>> = {
  GPR: 16 * 8,
  SEGMENTS: 8 * State.SEGMENT_SIZE,
  DR: 8 * 8,
  MMIO_READS: 4 * 16,
  MMIO_WRITES: 2 * 16,
  SYSTEM_SCRATCH: 64,
  FPU_REGISTERS: 8 * 16,
  FPU_SCRATCH: 64,
  BOUNCE: 64,
  OPEN_PAGES: State.OPEN_PAGES_LIMIT * 4,
  EXIT_COUNTS: 16 * 4,
  EXCEPTION_COUNTS: 32 * 4,
  XMM: 16 * State.XMM_STRIDE,
  VECTOR_SCRATCH: 192,
  CONTEXTS: State.CONTEXT_COUNT * State.CONTEXT_SIZE,
};
/** Names that say where something is inside one of those. */
const INSIDE: Readonly<Record<string, RegExp>> = {
  GPR: /^R(AX|CX|DX|BX|SP|BP|SI|DI)$/,
  SEGMENTS: /^([CDEFGS]S|LDTR|TR|[FG]S_BASE)$/,
};
/** Exports that are sizes, counts, and offsets within a record. */
const NOT_AN_OFFSET =
  /(_SIZE|_STRIDE|_LIMIT|_COUNT|_UNUSED|_BYTES)$|^SEG_|^CONTEXT_(TLB|LIST|FILLED|EPOCH|PCID|USED)$|^(SINGLE|COMMAND|CAUSE|WATCH)_|^DEBUG_(STOPS|OFFSETS|BREAKPOINTS|WATCHPOINTS|MSRS|HYPERCALLS)$/;
/** … but these are offsets. */
const OFFSETS = /^((EXIT|BOUNCE)_SIZE|[GI]DTR_LIMIT|(EXIT|MMIO_\w+|OPEN_PAGES|VP|TLB_FILLED_\w+)_COUNT)$/;

test('no field of the state block lies in another', () => {
  const fields = Object.entries(State)
    .filter(([name]) => !NOT_AN_OFFSET.test(name) || OFFSETS.test(name))
    .map(([name, at]) => ({ name, at, end: at + (AREAS[name] ?? 1) }));
  expect(fields.length).toBeGreaterThan(150);
  const shared = fields.flatMap((area) =>
    fields
      .filter(({ name, at }) => name !== area.name && at >= area.at && at < area.end)
      .filter(({ name }) => INSIDE[area.name]?.test(name) !== true && INSIDE[name]?.test(area.name) !== true)
      .map(({ name }) => `${name} lies in ${area.name}`),
  );
  // FS_BASE and GS_BASE are where their records begin.
  expect(shared.filter((each) => !/^(FS|GS)_BASE lies in (FS|GS)$|^(FS|GS) lies in (FS|GS)_BASE$/.test(each))).toEqual(
    [],
  );
  expect(Math.max(...fields.map(({ end }) => end))).toBeLessThanOrEqual(State.STATE_SIZE);
});

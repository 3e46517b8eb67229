/** What one processor may do otherwise than another, and both be right. */
import type { Instruction } from './generate.ts';

/** What is not compared after a case. */
export interface Tolerance {
  /** Status flags that are not defined at its end. */
  readonly undefinedFlags: number;
  /** An instruction of several stores may leave them half done when one faults. */
  readonly halfDone: boolean;
  /** `ours/host`: vectors of faults whose priority is open. */
  readonly faults: ReadonlySet<string>;
}

/** Functions whose results may differ in the last places (SDM volume 1, chapter 8.3.10), and with them C1. */
export const TRANSCENDENTAL = /^(f2xm1|fyl2x|fyl2xp1|fptan|fpatan|fsin|fcos|fsincos)$/;

/** For cases that are compared in full. */
export const EXACT: Tolerance = { undefinedFlags: 0, halfDone: false, faults: new Set() };

const FLAG_BITS: Readonly<Record<string, number>> = { c: 1, p: 4, a: 16, z: 64, s: 128, o: 2048 };

/** Faults of one instruction whose order manuals leave open, by section and mnemonic, as `ours/host`. */
const OPEN_PRIORITIES: readonly { readonly rows: RegExp; readonly faults: readonly string[] }[] = [
  // A target beyond the limit, or a push that cannot be done.
  { rows: / call$/, faults: ['13/14', '13/12'] },
  // Several accesses, or one that is made in pieces: all segments' limits first, or one access after the other.
  { rows: / (pusha|popa?|cmpxchg8b|enter)$/, faults: ['12/14', '13/14', '14/12', '12/13', '13/12'] },
  // An operand that is not aligned, or reaches beyond the stack segment.
  { rows: /^(sse|mmx)/, faults: ['12/13'] },
  // An image in pieces; an exception of the x87 that waits, or one of the address; a store that an exception suppresses.
  { rows: /^x87/, faults: ['12/14', '13/14', '12/16', '13/16', '12/13', '12/17', '13/17', '3/14', '3/12', '3/13'] },
  { rows: /^mmx/, faults: ['12/16', '13/16'] },
  // A mask that selects nothing may or may not look at the page.
  { rows: / maskmov/, faults: ['3/14', '1/14'] },
];

/** Tolerance of a program. */
export function toleranceOf(instructions: readonly Instruction[]): Tolerance {
  const rows = instructions.filter((i) => i.undefined !== '-').map(({ row }) => row);
  const faults = new Set<string>();
  for (const { mnemonic, section } of rows) {
    for (const { rows: which, faults: open } of OPEN_PRIORITIES)
      if (which.test(`${section} ${mnemonic}`)) open.forEach((pair) => faults.add(pair));
  }
  return {
    undefinedFlags: undefinedAtEnd(instructions),
    halfDone: rows.some(({ mnemonic }) => /^(pusha|enter|call|fxsave)$/.test(mnemonic)),
    faults,
  };
}

function undefinedAtEnd(instructions: readonly Instruction[]): number {
  // Or a step: what defines the flags may not be reached.
  const jumps = instructions.some(({ jump, row }) => jump !== 0 || row.mnemonic === 'popf');
  let mask = 0;
  for (const { undefined: letters } of instructions) {
    if (letters === '-' && !jumps) mask = 0;
    else for (const letter of letters) mask |= FLAG_BITS[letter] ?? 0;
  }
  return mask;
}

/** Points of a run: a step, a time of the guest's, a count of instructions. */
import { UserError } from '@ringlet/wire';

/** A point that can be gone to. */
export type ReplayPoint =
  /** Before the step of this number; the first is 0. */
  | { readonly step: number }
  /** Before the first step that begins at this time or later, in units of 100 ns. */
  | { readonly time: number }
  /** After so many instructions of all processors together; where the core can stop, which is at most some ten later. */
  | { readonly instruction: number }
  /** Before the input of this number; the first is 1. */
  | { readonly input: number }
  | 'start'
  | 'end';

const TICKS: Readonly<Record<string, number>> = { us: 10, ms: 1e4, s: 1e7, m: 60e7, h: 3600e7 };

/**
 * The point that a word means: `1.5s`, `20ms`, `#1234` (a step), `1000000i` (instructions), `input 3`, `start`, `end`.
 *
 * @throws UserError `point-invalid`
 */
export function parsePoint(text: string): ReplayPoint {
  const word = text.trim().replaceAll('_', '');
  if (word === 'start' || word === 'end') return word;
  const time = /^(\d{1,15}(?:\.\d{1,9})?)(us|ms|s|m|h)$/.exec(word);
  if (time !== null) return { time: Math.round(Number(time[1]) * TICKS[time[2]!]!) };
  const step = /^#(\d{1,15})$/.exec(word);
  if (step !== null) return { step: Number(step[1]) };
  const instruction = /^(\d{1,15})i$/.exec(word);
  if (instruction !== null) return { instruction: Number(instruction[1]) };
  const input = /^input\s+(\d{1,7})$/.exec(word);
  if (input !== null) return { input: Number(input[1]) };
  throw new UserError('point-invalid', `"${text}" is no point of a run`, {
    hint: 'a time (1.5s, 20ms), a step (#1234), instructions (1000000i), an input (input 3), start or end',
  });
}

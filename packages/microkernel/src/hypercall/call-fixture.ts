/** Making hypercalls in tests, as a guest does: registers set, parameters in guest memory. */
import { PAGE_SIZE } from '../memory/node.ts';
import type { Vp } from '../vp/vp.ts';
import { controlWord } from './control.ts';

/** Guest page that the parameters of a slow call lie in, and the one that its output goes to. */
export const INPUT_GPA = 8 * PAGE_SIZE;
export const OUTPUT_GPA = 9 * PAGE_SIZE;

/** What a call came to. */
export interface Outcome {
  readonly status: number;
  readonly reps: number;
}

/** Makes a call with raw register values. */
export function rawCall(vp: Vp, rcx: bigint, rdx = 0n, r8 = 0n): Outcome {
  const words = new BigUint64Array(vp.registers.buffer);
  words.set([rcx, rdx, r8, 0xdead_beef_dead_beefn]);
  vp.hypercall();
  return { status: vp.registers[6]!, reps: vp.registers[7]! };
}

/** Makes a slow call with `input` at {@link INPUT_GPA}. */
export function slowCall(
  vp: Vp,
  code: number,
  input: Uint8Array,
  options: { repCount?: number; repStart?: number; variableUnits?: number } = {},
): Outcome {
  vp.memory.write(INPUT_GPA, input);
  return rawCall(vp, controlWord(code, options), BigInt(INPUT_GPA), BigInt(OUTPUT_GPA));
}

/** Little-endian bytes of 64-bit words: most inputs are that. */
export const words64 = (...words: bigint[]): Uint8Array => new Uint8Array(new BigUint64Array(words).buffer);

/** The `n`th 64-bit word of the output page. */
export function outputWord(vp: Vp, n = 0): bigint {
  const page = new Uint8Array(PAGE_SIZE);
  vp.memory.read(OUTPUT_GPA, page);
  return new DataView(page.buffer).getBigUint64(n * 8, true);
}

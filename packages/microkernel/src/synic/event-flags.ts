/**
 * Event flags on their way from any thread to the thread that runs the target VP.
 *
 * Three levels, so that the VP looks only where something is: a flag's bit, the bit of its word in the SINT's summary,
 * the SINT's bit in the VP's attention word. A sender sets them in this order and the VP clears them in the opposite
 * order, so a flag set while the VP looks is either seen now or announced again. A bit that is found set need not be set
 * again: whoever will clear it has not yet looked below it.
 *
 * Signalling has no level (TLFS, "SynIC Event Flags"): a flag that is already set is not counted, and makes no second
 * interrupt.
 */
import type { GuestMemory } from '../memory/guest-memory.ts';
import { At, Counter, FLAG_WORDS } from './layout.ts';

const PAGE_BYTES_PER_SINT = 256;

/**
 * Sets a pending flag. Any thread; allocates nothing.
 *
 * @returns whether the VP must be told: `false` when it was told before and has not yet looked.
 */
export function setPending(words: Int32Array, region: number, sint: number, flag: number): boolean {
  const word = flag >>> 5;
  setBit(words, region + At.Flags + sint * FLAG_WORDS + word, 1 << (flag & 31));
  setBit(words, region + At.FlagSummary + sint * 2 + (word >>> 5), 1 << (word & 31));
  return setBit(words, region + At.Attention, 1 << sint);
}

/**
 * Moves a SINT's pending flags into the guest's event flags page, or throws them away. VP's thread.
 *
 * @param page - offset in `memory` of the page, -1 while the guest has none
 * @returns whether a flag went from 0 to 1 in the page.
 */
export function moveFlags(
  words: Int32Array,
  region: number,
  sint: number,
  memory: GuestMemory | undefined,
  page: number,
): boolean {
  let set = 0;
  for (let half = 0; half < 2; half++) {
    let summary = Atomics.exchange(words, region + At.FlagSummary + sint * 2 + half, 0);
    for (; summary !== 0; summary &= summary - 1) {
      const word = half * 32 + 31 - Math.clz32(summary & -summary);
      const bits = Atomics.exchange(words, region + At.Flags + sint * FLAG_WORDS + word, 0);
      if (memory === undefined || page < 0 || bits === 0) continue;
      const target = (page + sint * PAGE_BYTES_PER_SINT) / 4 + word;
      for (let fresh = bits & ~Atomics.or(memory.words, target, bits); fresh !== 0; fresh &= fresh - 1) set++;
    }
  }
  words[region + Counter.FlagsSet] = words[region + Counter.FlagsSet]! + set;
  return set !== 0;
}

/** @returns whether the bit was clear. A look first: a locked write would take the line from every other thread. */
function setBit(words: Int32Array, at: number, bit: number): boolean {
  return (Atomics.load(words, at) & bit) === 0 && (Atomics.or(words, at, bit) & bit) === 0;
}

/** What lies in a VP's SynIC pages and on its way there, for people: nothing is moved by looking. */
import type { GuestMemory } from '../memory/guest-memory.ts';
import { At, FLAG_WORDS } from './layout.ts';
import { overlayAt } from './overlay-page.ts';

/** A slot of the message page, and the flags of a SINT, in bytes (TLFS, "SIM Page", "SIEF Page"). */
const SLOT_BYTES = 256;

/** Where a VP's SynIC is. */
interface SynicPlace {
  readonly words: Int32Array;
  readonly region: number;
  readonly memory: GuestMemory | undefined;
}

/**
 * Of one SINT: the type of the message in its slot (0: empty), the event flags that are set in the guest's page, and
 * those that its VP has not looked at yet. Without the pages that the guest has off.
 */
export function inspectPages({ words, region, memory }: SynicPlace, sint: number): Record<string, unknown> {
  const pending = flags((word) => Atomics.load(words, region + At.Flags + sint * FLAG_WORDS + word));
  if (memory === undefined) return { pendingFlags: pending };
  const messages = overlayAt(words, region + At.Simp, memory);
  const events = overlayAt(words, region + At.Siefp, memory);
  const at = (page: number): number => (page + sint * SLOT_BYTES) / 4;
  return {
    ...(messages >= 0 && { messageInSlot: hex(Atomics.load(memory.words, at(messages))) }),
    ...(events >= 0 && { eventFlags: flags((word) => Atomics.load(memory.words, at(events) + word)) }),
    pendingFlags: pending,
  };
}

/** Numbers of the bits that are set in a SINT's words. */
function flags(word: (index: number) => number): number[] {
  const set: number[] = [];
  for (let index = 0; index < FLAG_WORDS; index++) {
    for (let bits = word(index); bits !== 0; bits &= bits - 1) set.push(index * 32 + 31 - Math.clz32(bits & -bits));
  }
  return set;
}

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

/**
 * Overlay pages (TLFS, "Overlay Pages"): SIMP and SIEFP lie over a page of guest memory and hide it.
 *
 * Each has one page of its own in the shared state, and the two contents change places:
 *
 *                    guest page           page in the state
 *     disabled       what the guest had   the overlay (zero before it was first enabled)
 *     enabled        the overlay          what the guest had
 *
 * So the overlay starts zeroed, keeps its content while it is off or moves, and what lay below reappears. No mapping
 * changes, hence no translation that a processor holds goes stale. Two consequences for a guest that is out of line:
 * the page must be memory it can read and write, else enabling faults; and overlays on the same page must be removed
 * last in, first out, else their contents change owners (within the one partition).
 */
import { Access } from '../memory/slat.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import { PAGE_SIZE } from '../memory/node.ts';
import { ENABLE, PAGE_WORDS } from './layout.ts';

const PAGE_BITS = ~(PAGE_SIZE - 1);

/** Guest physical address in the register pair at `words[at]` (SIMP or SIEFP), whether enabled or not. */
export const pageAddress = (words: Int32Array, at: number): number =>
  (words[at + 1]! >>> 0) * 2 ** 32 + ((words[at]! & PAGE_BITS) >>> 0);

/** Offset in `memory` of an enabled overlay, or -1 when it is disabled or its page went away. */
export const overlayAt = (words: Int32Array, at: number, memory: GuestMemory): number =>
  (words[at]! & ENABLE) === 0 ? -1 : memory.find(pageAddress(words, at), PAGE_SIZE, Access.ReadWrite);

/**
 * Writes SIMP or SIEFP and moves the overlay accordingly. VP's thread.
 *
 * @param at - word of the register pair
 * @param other - first word of the overlay's page in the state
 * @returns `false`, with nothing changed, when the page to lay it over is not readable and writable memory.
 */
export function writeOverlay(
  words: Int32Array,
  at: number,
  other: number,
  memory: GuestMemory | undefined,
  low: number,
  high: number,
): boolean {
  const enable = (low & ENABLE) !== 0;
  const same = ((words[at]! ^ low) & (PAGE_BITS | ENABLE)) === 0 && words[at + 1] === high;
  if (same) return true;
  const gpa = (high >>> 0) * 2 ** 32 + ((low & PAGE_BITS) >>> 0);
  const target = enable ? (memory?.find(gpa, PAGE_SIZE, Access.ReadWrite) ?? -1) : -1;
  if (enable && target < 0) return false;
  liftOverlay(words, at, other, memory);
  if (memory !== undefined && target >= 0) exchange(words, other, memory.words, target / 4);
  words[at + 1] = high;
  Atomics.store(words, at, low & (PAGE_BITS | ENABLE));
  return true;
}

/** Lets what lies below an enabled overlay reappear, and clears its enable bit. VP's thread. */
export function liftOverlay(words: Int32Array, at: number, other: number, memory: GuestMemory | undefined): void {
  if ((words[at]! & ENABLE) === 0) return;
  const page = memory === undefined ? -1 : overlayAt(words, at, memory);
  Atomics.store(words, at, words[at]! & ~ENABLE);
  if (memory !== undefined && page >= 0) {
    exchange(words, other, memory.words, page / 4);
  } else {
    // The page was unmapped under the overlay, and the overlay's content with it: it starts from zero again.
    words.fill(0, other, other + PAGE_WORDS);
  }
}

function exchange(a: Int32Array, atA: number, b: Int32Array, atB: number): void {
  for (let i = 0; i < PAGE_WORDS; i++) {
    const word = a[atA + i]!;
    a[atA + i] = b[atB + i]!;
    b[atB + i] = word;
  }
}

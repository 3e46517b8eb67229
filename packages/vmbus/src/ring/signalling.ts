/**
 * When one end of a ring must signal the other: the two rules that every implementation of the format shares, as pure
 * functions of what was loaded.
 *
 * Both are evaluated after the end's own index was stored with sequential consistency; that order is what makes them
 * safe against a peer that is about to sleep. `interleaving.test.ts` checks it, and shows what breaks without it.
 */

/** Bytes between two indices, walking forward from `from`. Zero when they are equal. */
export const distance = (size: number, from: number, to: number): number => (to >= from ? to - from : size - from + to);

/** Bytes that can still be written: eight always stay free, or a full ring would look like an empty one. */
export const freeBytes = (size: number, readIndex: number, writeIndex: number): number =>
  size - distance(size, readIndex, writeIndex) - 8;

/** Whether an index that a peer wrote lies in the ring, on a packet boundary. */
export const isIndex = (size: number, index: number): boolean => index >>> 0 < size >>> 0 && (index & 7) === 0;

/**
 * After publishing packets: the reader sleeps only on an empty ring and only unmasked, so it needs a signal when it had
 * read all that was published before.
 */
export const mustSignalReader = (mask: number, readIndex: number, publishedBefore: number): boolean =>
  mask === 0 && readIndex === publishedBefore;

/**
 * After returning space: the writer waits for `pending` free bytes, and is told once, when this commit crosses that
 * line. The low bits do not count: some peers ask for "ring size − 1", more than can ever be free.
 */
export const mustSignalWriter = (pending: number, freeBefore: number, freeAfter: number): boolean => {
  const wanted = pending & ~7;
  return wanted !== 0 && freeBefore < wanted && freeAfter >= wanted;
};

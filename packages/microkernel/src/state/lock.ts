/**
 * Spin locks in shared state. Held for a few hundred nanoseconds, never across a callback, never while another is
 * wanted that is taken the other way round: the tables' lock first, then a partition's or a node's.
 */
import { invariant } from '@ringlet/wire';

/** Far longer than any section under a lock: some ten seconds of spinning. */
const SPINS = 2 ** 31;

/**
 * Takes the lock in `words[at]`.
 *
 * @throws Error when it stays taken: its holder's thread was ended inside the section, and the tables are unsound.
 */
export function lock(words: Int32Array, at: number): void {
  let spins = 0;
  while (Atomics.compareExchange(words, at, 0, 1) !== 0) {
    invariant(++spins < SPINS, 'a lock is held for an instant');
  }
}

/** Gives back the lock in `words[at]`. */
export function unlock(words: Int32Array, at: number): void {
  Atomics.store(words, at, 0);
}

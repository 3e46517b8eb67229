/**
 * Lock of a device whose registers depend on each other. Held for some hundred nanoseconds and never across a callback,
 * so whoever is called back may use the device. The exception are interrupts, which would overtake each other otherwise: a
 * device sets its line under its lock, and the I/O APIC sends under its own, which is always the inner one.
 */
import { invariant } from '@ringlet/wire';

/** Far longer than any section under a lock: some ten seconds of spinning. */
const SPINS = 2 ** 31;

/** Takes the lock in `words[at]`. @throws Error when it stays taken: its holder's thread was ended inside. */
export function lockDevice(words: Int32Array, at: number): void {
  let spins = 0;
  while (Atomics.compareExchange(words, at, 0, 1) !== 0)
    invariant(++spins < SPINS, 'a device is locked for an instant');
}

/** Gives back the lock in `words[at]`. */
export function unlockDevice(words: Int32Array, at: number): void {
  Atomics.store(words, at, 0);
}

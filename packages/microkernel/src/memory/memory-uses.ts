/**
 * Uses of guest memory that outlast the turn in which it was found: a disk that reads into a guest's pages, say.
 *
 * Whoever takes pages away from a partition begins a new era and waits until no use of the one before goes on. There are
 * never more than two eras, so a use costs one addition when it begins and one when it ends.
 */
import { invariant } from '@ringlet/wire';

/** The uses of one partition's memory that one thread has begun. */
export class MemoryUses {
  readonly #counts = [0, 0];
  #era = 0;

  /** Begins a use. @returns what to end it with */
  begin(): number {
    this.#counts[this.#era]!++;
    return this.#era;
  }

  /** Ends a use. */
  end(era: number): void {
    invariant(--this.#counts[era]! >= 0, 'a use of memory ends once');
  }

  /** Begins an era. To be called when {@link settled}. */
  nextEra(): void {
    invariant(this.settled, 'there are two eras at most');
    this.#era = 1 - this.#era;
  }

  /** Whether all uses that began before this era have ended. */
  get settled(): boolean {
    return this.#counts[1 - this.#era] === 0;
  }
}

/**
 * How many threads of the process are awake, in shared memory: one word for all of them, and a word of each thread's own
 * that says whether it is counted. The own word is for whoever ends the thread in the middle of something.
 */

/** One thread's part in the count. */
export class AwakeThreads {
  readonly #all: Int32Array;
  readonly #own: Int32Array;

  /**
   * @param all - the word that all threads share
   * @param own - this thread's word
   */
  constructor(all: SharedArrayBuffer, own: SharedArrayBuffer) {
    this.#all = new Int32Array(all);
    this.#own = new Int32Array(own);
  }

  /** Threads that are awake now. */
  get count(): number {
    return Atomics.load(this.#all, 0);
  }

  /** This thread is awake from now on. */
  woke(): void {
    // No call of ours and no loop stands between the two words: an engine does not end a thread there.
    Atomics.add(this.#all, 0, 1);
    Atomics.store(this.#own, 0, 1);
  }

  /** This thread sleeps, or has ended. Does nothing when it is not counted. */
  sleeps(): void {
    if (Atomics.exchange(this.#own, 0, 0) === 1) Atomics.sub(this.#all, 0, 1);
  }
}

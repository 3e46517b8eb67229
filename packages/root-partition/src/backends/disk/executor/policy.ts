/**
 * ExecutorPolicy: whether a disk's next transfer runs on the device thread or on the host's thread pool.
 *
 * A cached 4 KiB read takes 2 µs in the caller's thread and 50-90 µs by way of the pool, so cached files belong
 * inline. A read that waits for a device would hold up every other device of the machine, so those belong in the pool,
 * which also keeps many in flight. Which kind a file is only its service times tell:
 *
 *            transfers that wait for a device: many short waits, or two long ones
 *   inline ──────────────────────────────────────────────────────────────────────▶ pool ◀── every file begins here
 *          ◀──────────────────────────────────────────────────────────────────────
 *            enough of a run of transfers were as fast as cached ones; each return that proves wrong doubles the run
 *
 * Times are judged by how many are slow or fast, not by their average or worst: on a busy host any of them may
 * include the time that the thread was not running at all.
 */

/** How a disk's file I/O is run: measured, or always one way. `inline` makes a machine deterministic. */
export type ExecutorMode = 'adaptive' | 'inline' | 'pool';

/** An inline transfer that takes longer than this (ms) did not come from memory. */
const WAITED = 0.03;
/** One that takes longer than this waited for something mechanical or far away. */
const WAITED_LONG = 1;
/** What slow transfers add to a file's debt, and fast ones take from it; at the limit it leaves for the pool. */
const DEBT_WAITED = 4;
const DEBT_WAITED_LONG = 32;
const DEBT_LIMIT = 64;
/** What the pool takes (ms) for cached data when the host is quiet: alone, and for each operation ahead in the queue. */
const POOL_FAST = 0.15;
const POOL_FAST_BEHIND = 0.02;
/** One in so many of a run must be that fast. */
const FAST_SHARE = 8;
/** Transfer time (ms) allowed for each byte on top: 2 GB/s. */
const PER_BYTE = 1 / 2_000_000;
/** Longer transfers always use the pool: the hop costs little of their time, and the thread stays free. */
const LONG = 512 * 1024;
const FIRST_RUN = 32;
const LONGEST_RUN = 4096;
/** Inline operations after which the file has earned its trust back. */
const TRUSTED = 20_000;

/** One file's choice between the device thread and the pool. Times are in milliseconds. */
export class ExecutorPolicy {
  readonly mode: ExecutorMode;
  #inline: boolean;
  #debt = 0;
  #run = 0;
  #fast = 0;
  #needed = FIRST_RUN;
  #sinceReturn = 0;
  #returns = 0;

  constructor(mode: ExecutorMode = 'adaptive') {
    this.mode = mode;
    this.#inline = mode === 'inline';
  }

  /** Whether a transfer of `length` bytes should run inline. */
  inline(length: number): boolean {
    return this.#inline && (length < LONG || this.mode === 'inline');
  }

  /** Whether a sync or a change of size, which may take long on any device, runs inline. */
  get inlineSync(): boolean {
    return this.mode === 'inline';
  }

  /** An inline transfer ended. */
  inlineTook(time: number, length: number): void {
    if (this.mode !== 'adaptive') return;
    const own = time - length * PER_BYTE;
    if (own > WAITED) this.#debt += own > WAITED_LONG ? DEBT_WAITED_LONG : DEBT_WAITED;
    else if (this.#debt > 0) this.#debt--;
    if (this.#debt >= DEBT_LIMIT) this.#leave();
    else if (++this.#sinceReturn === TRUSTED) this.#needed = FIRST_RUN;
  }

  /** A transfer in the pool ended; `ahead` others of this file were in the pool when it was handed over. */
  poolTook(time: number, length: number, ahead: number): void {
    if (this.mode !== 'adaptive' || this.#inline) return;
    if (time < POOL_FAST + ahead * POOL_FAST_BEHIND + length * PER_BYTE) this.#fast++;
    if (++this.#run < this.#needed) return;
    this.#inline = this.#fast * FAST_SHARE >= this.#run;
    this.#run = 0;
    this.#fast = 0;
    if (!this.#inline) return;
    this.#returns++;
    this.#debt = 0;
    this.#sinceReturn = 0;
  }

  inspect(): Record<string, unknown> {
    return { mode: this.mode, now: this.#inline ? 'inline' : 'pool', returns: this.#returns, debt: this.#debt };
  }

  #leave(): void {
    this.#inline = false;
    this.#run = 0;
    this.#fast = 0;
    this.#needed = Math.min(this.#needed * 2, LONGEST_RUN);
  }
}

/**
 * ExecutorPolicy: whether a disk's next transfer runs on the device thread or on the host's thread pool.
 *
 * A cached 4 KiB read takes 2 µs in the caller's thread and 50-90 µs by way of the pool, so cached files belong
 * inline. A read that waits for a device would hold up every other device of the machine, so those belong in the pool,
 * which also keeps many in flight. Which kind a file is only its service times tell:
 *
 *            an operation took longer than SLOW, or the average did longer than SLUGGISH
 *   inline ──────────────────────────────────────────────────────────────────────────▶ pool
 *          ◀──────────────────────────────────────────────────────────────────────────
 *            a run of fast ones; each return that proves wrong doubles the run needed
 */

/** How a disk's file I/O is run: measured, or always one way. `inline` makes a machine deterministic. */
export type ExecutorMode = 'adaptive' | 'inline' | 'pool';

/** An inline operation that took longer than this (ms) sends the file to the pool. */
const SLOW = 0.3;
/** So does an average above this (ms). */
const SLUGGISH = 0.12;
/** What the pool takes (ms) for cached data: alone, and for each operation of this file ahead in the queue. */
const POOL_FAST = 0.11;
const POOL_FAST_BEHIND = 0.015;
/** Transfer time (ms) allowed for each byte on top: 2 GB/s. */
const PER_BYTE = 1 / 2_000_000;
/** Longer transfers always use the pool: the hop costs little of their time, and the thread stays free. */
const LONG = 512 * 1024;
const FIRST_RUN = 64;
const LONGEST_RUN = 4096;
/** Inline operations after which the file has earned its trust back. */
const TRUSTED = 20_000;

/** One file's choice between the device thread and the pool. Times are in milliseconds. */
export class ExecutorPolicy {
  readonly mode: ExecutorMode;
  #inline: boolean;
  #average = 0;
  #run = 0;
  #needed = FIRST_RUN;
  #sinceReturn = 0;
  #moves = 0;

  constructor(mode: ExecutorMode = 'adaptive') {
    this.mode = mode;
    this.#inline = mode !== 'pool';
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
    this.#average += (own - this.#average) / 16;
    if (own > SLOW || this.#average > SLUGGISH) this.#leave();
    else if (++this.#sinceReturn === TRUSTED) this.#needed = FIRST_RUN;
  }

  /** A transfer in the pool ended; `ahead` others of this file were in the pool when it was handed over. */
  poolTook(time: number, length: number, ahead: number): void {
    if (this.mode !== 'adaptive' || this.#inline) return;
    this.#run = time < POOL_FAST + ahead * POOL_FAST_BEHIND + length * PER_BYTE ? this.#run + 1 : 0;
    if (this.#run < this.#needed) return;
    this.#inline = true;
    this.#average = 0;
    this.#sinceReturn = 0;
  }

  inspect(): Record<string, unknown> {
    return { mode: this.mode, now: this.#inline ? 'inline' : 'pool', moves: this.#moves };
  }

  #leave(): void {
    this.#inline = false;
    this.#run = 0;
    if (this.#moves++ > 0) this.#needed = Math.min(this.#needed * 2, LONGEST_RUN);
  }
}

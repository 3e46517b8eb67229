/**
 * The loop of a thread that serves one virtual processor: handle what is there, poll a little longer, sleep.
 *
 * Waking a sleeping thread costs tens of microseconds, noticing a doorbell while polling a fraction of one. So after
 * the last work the thread polls for a budget that adapts to how soon work came back, as hypervisors do before halting:
 *
 *     woken soon (the waking itself included) → budget doubles, up to MOST
 *     slept for much longer than that         → budget 0
 *     polled in vain several times in a row   → no polling for a while, and a longer one each time
 *
 * It never polls when more threads are awake than the host has processors: a poller would then hold up the very thread
 * it waits for. Where other programs keep the processors busy it does the same, which only polling in vain shows. The order "read the bell, look for work, announce sleep, look again, wait for the bell" is what makes
 * a lost wake-up impossible; see the interleaving check of the rings.
 */
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { AwakeThreads } from './awake-threads.ts';

/** Where a virtual processor's doorbell is: words of the microkernel's shared state. */
export interface Doorbell {
  readonly words: Int32Array;
  readonly counter: number;
  readonly sleeping: number;
}

/** What the loop drives. */
export interface DoorbellWork {
  /** Handles what is there, for a bounded time. @returns whether it did anything, or knows of more. */
  poll(): boolean;
  /** Milliseconds until something is due, Infinity when nothing is. */
  untilDeadline(): number;
  /**
   * Told how long the thread was awake, in milliseconds, whenever it has a moment.
   *
   * @returns milliseconds that it must rest now, having used up its share of the processor; 0 when it may go on
   */
  awakeFor?(milliseconds: number): number;
}

/** Not in the ES2022 library: the promise form of `Atomics.wait`. */
interface AtomicsWithWaitAsync {
  waitAsync(
    words: Int32Array,
    index: number,
    value: number,
    timeout?: number,
  ): { async: false; value: 'not-equal' | 'timed-out' } | { async: true; value: Promise<'ok' | 'timed-out'> };
}

const MOST_POLLING_MS = 0.1;
const FIRST_POLLING_MS = 0.02;
/** A sleep this short was not worth its wake-up, which takes up to 0.1 ms of it where processors are virtual. */
const SHORT_SLEEP_MS = 0.2;
const LONG_SLEEP_MS = 0.4;
/** So many polls in vain, and it sleeps at once for so many times; the second number doubles up to the third. */
const VAIN_POLLS = 4;
const FEWEST_SLEEPS = 32;
const MOST_SLEEPS = 1024;
/** Work is handled this long at most before timers, file callbacks and port messages get their turn. */
const TURN_MS = 0.5;
/** Doorbell loads between two looks at the clock, which costs as much as five of them. */
const LOADS_PER_LOOK = 24;
/** Timer resolution of the host: a shorter wait returns at once, so it is polled instead. */
const SHORTEST_WAIT_MS = 1;
/** Longest sleep without a look around, in case the host's clock and timers disagree. */
const LONGEST_WAIT_MS = 1000;

const yieldToEventLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** Awaiting it lets the continuations that are ready run, and comes back: a tick of the microtask queue. */
const TICK = Promise.resolve();

/** Drives one virtual processor's work from its doorbell. */
export class DoorbellLoop {
  readonly #bell: Doorbell;
  readonly #work: DoorbellWork;
  readonly #awake: AwakeThreads;
  readonly #processors = availableParallelism();
  #polling = 0;
  #vain = 0;
  #sleepsLeft = 0;
  #sleeps = FEWEST_SLEEPS;
  #awakeSince = 0;
  #stopped = false;

  /** @param awake - counts the awake threads of the process */
  constructor(bell: Doorbell, work: DoorbellWork, awake: AwakeThreads) {
    this.#bell = bell;
    this.#work = work;
    this.#awake = awake;
  }

  /** Ends the loop at its next look; wakes it when it sleeps. */
  stop(): void {
    this.#stopped = true;
    this.wake();
  }

  /** Rings from this thread: there is work that the loop cannot know of. */
  wake(): void {
    Atomics.add(this.#bell.words, this.#bell.counter, 1);
    Atomics.notify(this.#bell.words, this.#bell.counter);
  }

  /** Runs until {@link stop}. A failure of the work ends it and rejects. */
  async run(): Promise<void> {
    const { words, counter, sleeping } = this.#bell;
    this.#awake.woke();
    this.#awakeSince = performance.now();
    try {
      let turnEnds = performance.now() + TURN_MS;
      while (!this.#stopped) {
        const seen = Atomics.load(words, counter);
        if (this.#work.poll()) {
          if (performance.now() < turnEnds) {
            await this.#settle();
          } else {
            await yieldToEventLoop();
            await this.#account();
            turnEnds = performance.now() + TURN_MS;
          }
          continue;
        }
        if (await this.#heardWhilePolling(seen)) continue;
        await yieldToEventLoop();
        await this.#account();
        if (Atomics.load(words, counter) === seen && !this.#stopped) {
          Atomics.store(words, sleeping, 1);
          if (!this.#work.poll()) await this.#sleep(seen);
          Atomics.store(words, sleeping, 0);
        }
        turnEnds = performance.now() + TURN_MS;
      }
    } finally {
      this.#awake.sleeps();
    }
  }

  /** Lets the continuations of what was just resolved run, and those of their own awaits, without leaving the turn. */
  async #settle(): Promise<void> {
    for (let tick = 0; tick < 6; tick++) await TICK;
  }

  async #heardWhilePolling(seen: number): Promise<boolean> {
    if (this.#polling === 0 || this.#sleepsLeft > 0 || this.#awake.count > this.#processors) return false;
    const { words, counter } = this.#bell;
    const end = performance.now() + Math.min(this.#polling, this.#work.untilDeadline());
    do {
      for (let load = 0; load < LOADS_PER_LOOK; load++) if (Atomics.load(words, counter) !== seen) return this.#heard();
      // Continuations that are still on their way run here; what they start may be answered while we poll.
      await TICK;
    } while (performance.now() < end);
    if (this.#work.untilDeadline() <= 0) return true;
    if (++this.#vain >= VAIN_POLLS) {
      this.#vain = 0;
      this.#sleepsLeft = this.#sleeps;
      this.#sleeps = Math.min(2 * this.#sleeps, MOST_SLEEPS);
    }
    return false;
  }

  #heard(): true {
    this.#vain = 0;
    this.#sleeps = FEWEST_SLEEPS;
    return true;
  }

  /** Tells the work how long it had the processor, and rests if that was its share. */
  async #account(): Promise<void> {
    if (!this.#work.awakeFor) return;
    const now = performance.now();
    const rest = this.#work.awakeFor(now - this.#awakeSince);
    this.#awakeSince = now;
    if (rest <= 0) return;
    this.#awake.sleeps();
    await delay(rest);
    this.#awake.woke();
    this.#awakeSince = performance.now();
  }

  async #sleep(seen: number): Promise<void> {
    const due = this.#work.untilDeadline();
    if (due < SHORTEST_WAIT_MS) return;
    const began = performance.now();
    this.#awake.sleeps();
    const waiting = (Atomics as unknown as AtomicsWithWaitAsync).waitAsync(
      this.#bell.words,
      this.#bell.counter,
      seen,
      Math.min(due, LONGEST_WAIT_MS),
    );
    if (waiting.async) await waiting.value;
    this.#awake.woke();
    this.#awakeSince = performance.now();
    const slept = this.#awakeSince - began;
    if (this.#sleepsLeft > 0) this.#sleepsLeft--;
    if (slept < SHORT_SLEEP_MS)
      this.#polling = Math.min(MOST_POLLING_MS, Math.max(FIRST_POLLING_MS, this.#polling * 2));
    else if (slept > LONG_SLEEP_MS) this.#polling = 0;
  }
}

/**
 * The loop of a thread that serves one virtual processor: handle what is there, poll a little longer, sleep.
 *
 * Waking a sleeping thread costs tens of microseconds, noticing a doorbell while polling a fraction of one; so after the
 * last work the thread polls for as long as {@link AdaptivePolling} finds worth it, and never when more threads are awake
 * than the host has processors. The order "read the bell, look for work, announce sleep, look again, wait for the bell" is
 * what makes a lost wake-up impossible; see the interleaving check of the rings.
 */
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { AdaptivePolling } from './adaptive-polling.ts';
import type { AwakeThreads } from './awake-threads.ts';

/** Where a virtual processor's doorbell is: words of the microkernel's shared state. */
export interface Doorbell {
  readonly words: Int32Array;
  readonly counter: number;
  readonly sleeping: number;
}

/** What the loop drives. */
export interface DoorbellWork {
  /** The clock is looked at after each {@link poll}: what it must rest depends on it. */
  readonly punctual?: boolean;
  /**
   * Handles what is there, for a bounded time.
   *
   * @param stayAwake - the thread will look again, by {@link peek}, and call again before it sleeps
   * @returns whether it knows of more
   */
  poll(stayAwake: boolean): boolean;
  /** While the thread stays awake: whether there is work that the doorbell did not announce. Cheap. */
  peek(): boolean;
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

/** Work is handled this long at most before timers, file callbacks and port messages get their turn. */
const TURN_MS = 0.5;
/** Rounds of the loop between two looks at the clock for that. */
const ROUNDS_PER_LOOK = 32;
/** Doorbell loads between two looks at the clock, which costs as much as five of them. */
const LOADS_PER_LOOK = 24;
/** Looks at the doorbell before the clock is asked at all: most answers come sooner. */
const FIRST_LOOKS = 3;
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
  readonly #polling = new AdaptivePolling();
  readonly #processors = availableParallelism();
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
    const { words, counter } = this.#bell;
    this.#awake.woke();
    this.#awakeSince = performance.now();
    try {
      let turnEnds = this.#awakeSince + TURN_MS;
      for (let round = 1; !this.#stopped; round++) {
        const seen = Atomics.load(words, counter);
        const stayAwake = this.#polling.milliseconds > 0 && this.#awake.count <= this.#processors;
        const more = this.#work.poll(stayAwake);
        if ((this.#work.punctual === true || round % ROUNDS_PER_LOOK === 0) && performance.now() >= turnEnds) {
          await yieldToEventLoop();
          await this.#account();
          turnEnds = performance.now() + TURN_MS;
          continue;
        }
        if (more) {
          await TICK;
          continue;
        }
        if (stayAwake) {
          // The hot path: written out here, because a call that may wait costs as much as all of this.
          let looks = FIRST_LOOKS * LOADS_PER_LOOK;
          while (looks > 0 && Atomics.load(words, counter) === seen && !this.#work.peek()) {
            // Continuations that are still on their way run here; what they start may be answered while we poll.
            if (--looks % LOADS_PER_LOOK === 0) await TICK;
          }
          if (looks > 0 || (await this.#heard(seen))) {
            this.#polling.heard();
            continue;
          }
        }
        await this.#sleep(seen);
        turnEnds = performance.now() + TURN_MS;
      }
    } finally {
      this.#awake.sleeps();
    }
  }

  /** Polls on, now by the clock. @returns whether there is something to do */
  async #heard(seen: number): Promise<boolean> {
    const { words, counter } = this.#bell;
    const end = performance.now() + Math.min(this.#polling.milliseconds, this.#work.untilDeadline());
    do {
      for (let load = 0; load < LOADS_PER_LOOK; load++) {
        if (Atomics.load(words, counter) !== seen || this.#work.peek()) return true;
      }
      await TICK;
    } while (performance.now() < end);
    if (this.#work.untilDeadline() <= 0) return true;
    this.#polling.inVain();
    return false;
  }

  /** Gives everything else on this thread its turn, then sleeps until the bell rings or something is due. */
  async #sleep(seen: number): Promise<void> {
    const { words, counter, sleeping } = this.#bell;
    await yieldToEventLoop();
    await this.#account();
    if (this.#stopped || Atomics.load(words, counter) !== seen) return;
    Atomics.store(words, sleeping, 1);
    if (!this.#work.poll(false)) await this.#wait(seen);
    Atomics.store(words, sleeping, 0);
  }

  async #wait(seen: number): Promise<void> {
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
    this.#polling.slept(this.#awakeSince - began);
  }

  /** Tells the work how long it had the processor, and rests if that was its share, or more. */
  async #account(): Promise<void> {
    if (!this.#work.awakeFor) return;
    for (;;) {
      const now = performance.now();
      const rest = this.#work.awakeFor(now - this.#awakeSince);
      this.#awakeSince = now;
      if (rest <= 0 || this.#stopped) return;
      this.#awake.sleeps();
      await delay(rest);
      this.#awake.woke();
      this.#awakeSince = performance.now();
    }
  }
}

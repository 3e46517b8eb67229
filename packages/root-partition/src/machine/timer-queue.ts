/** Timers of one machine's devices, in the microkernel's time: the same code under the host's clock and a virtual one. */
import type { Clock } from '@ringlet/microkernel';
import { invariant } from '@ringlet/wire';

interface Timer {
  readonly due: number;
  /** Order of creation, which breaks ties. */
  readonly order: number;
  readonly run: () => void;
}

/** Far more than devices need; a device that loses track of its timers is found rather than fed. */
const MOST_TIMERS = 65_536;

/** A binary heap of timers, earliest first. Cancelled ones leave when their time comes. */
export class TimerQueue {
  readonly #clock: Clock;
  readonly #heap: Timer[] = [];
  readonly #cancelled = new Set<Timer>();
  #order = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `run` once when the clock has advanced by `ticks` of 100 ns. @returns cancel, which may be called at any time. */
  after(ticks: number, run: () => void): () => void {
    invariant(this.#heap.length < MOST_TIMERS, 'devices have a bounded number of timers');
    const timer = { due: this.#clock.now() + Math.max(0, ticks), order: this.#order++, run };
    this.#heap.push(timer);
    this.#up(this.#heap.length - 1);
    let waiting = true;
    return () => {
      if (waiting && this.#heap.includes(timer)) this.#cancelled.add(timer);
      waiting = false;
    };
  }

  /** Clock time at which the earliest timer is due; Infinity when there is none. */
  get nextDue(): number {
    while (this.#heap.length > 0 && this.#cancelled.delete(this.#heap[0]!)) this.#pop();
    return this.#heap[0]?.due ?? Infinity;
  }

  /** Runs what is due now, not what that in turn makes due. @returns whether anything ran. */
  run(): boolean {
    const now = this.#clock.now();
    const last = this.#order;
    const later: Timer[] = [];
    let ran = false;
    while (this.nextDue <= now) {
      const timer = this.#pop();
      if (timer.order >= last) {
        later.push(timer);
        continue;
      }
      timer.run();
      ran = true;
    }
    for (const timer of later) this.#up(this.#heap.push(timer) - 1);
    return ran;
  }

  #pop(): Timer {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      this.#down(0);
    }
    return first;
  }

  #up(index: number): void {
    const heap = this.#heap;
    for (let child = index; child > 0;) {
      const parent = (child - 1) >> 1;
      if (!before(heap[child]!, heap[parent]!)) return;
      [heap[child], heap[parent]] = [heap[parent]!, heap[child]!];
      child = parent;
    }
  }

  #down(index: number): void {
    const heap = this.#heap;
    for (let parent = index; ;) {
      let least = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < heap.length && before(heap[child]!, heap[least]!)) least = child;
      }
      if (least === parent) return;
      [heap[parent], heap[least]] = [heap[least]!, heap[parent]!];
      parent = least;
    }
  }
}

const before = (a: Timer, b: Timer): boolean => a.due < b.due || (a.due === b.due && a.order < b.order);

/**
 * PostQueue: messages to the root, in order, however full the root's message port is.
 *
 * HV_STATUS_INSUFFICIENT_BUFFERS is back-pressure, not failure: the head of the queue is tried again, after a delay that
 * grows as Linux's does, and nothing overtakes it.
 */
import { HvStatus } from '@ringlet/microkernel';
import type { Hypercalls } from './hypercalls.ts';

/** First delay before another try, and the longest, in units of 100 ns: 0.1 ms to 100 ms. */
const FIRST_DELAY = 1_000;
const LONGEST_DELAY = 1_000_000;

/** Calls `run` once after `ticks` of 100 ns. @returns cancel. */
export type After = (ticks: number, run: () => void) => () => void;

interface Entry {
  readonly connectionId: number;
  readonly message: Uint8Array;
  readonly failed: ((status: number) => void) | undefined;
}

/** Messages waiting for the root's port. Only the guest itself can fill it. */
export class PostQueue {
  readonly #hypercalls: Hypercalls;
  readonly #after: After;
  #entries: Entry[] = [];
  #delay = FIRST_DELAY;
  #cancelRetry: (() => void) | undefined;
  /** Messages that the hypervisor refused for good. */
  failures = 0;
  /** Times that the root's port was full. */
  retries = 0;

  constructor(hypercalls: Hypercalls, after: After) {
    this.#hypercalls = hypercalls;
    this.#after = after;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Posts now if it can, else when there is room. `failed` is told of a refusal that no retry can cure. */
  post(connectionId: number, message: Uint8Array, failed?: (status: number) => void): void {
    this.#entries.push({ connectionId, message, failed });
    if (this.#entries.length === 1) this.#pump();
  }

  /** Forgets what was not posted yet. */
  clear(): void {
    this.#entries = [];
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
  }

  #pump(): void {
    this.#cancelRetry = undefined;
    for (let head = this.#entries[0]; head !== undefined; head = this.#entries[0]) {
      const status = this.#hypercalls.postMessage(head.connectionId, head.message);
      if (status === HvStatus.InsufficientBuffers || status === HvStatus.InsufficientMemory) {
        this.retries++;
        this.#cancelRetry = this.#after(this.#delay, () => this.#pump());
        this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY);
        return;
      }
      this.#delay = FIRST_DELAY;
      this.#entries.shift();
      if (status === HvStatus.Success) continue;
      this.failures++;
      head.failed?.(status);
    }
  }
}

/**
 * Messages on their way to the child, in order.
 *
 * A child has one slot for bus messages; while it is full they wait here. No message overtakes another. What the child
 * can cause to wait is bounded: the bus stops reading from it while {@link OutQueue.full}, and every answer that comes
 * later belongs to a request that is itself counted.
 */
import { invariant } from '@ringlet/wire';
import type { RootBusLimits } from './limits.ts';
import type { BusNotifier, MessageTarget } from './notifier.ts';

/** The queue of one child. */
export class OutQueue {
  readonly #notifier: BusNotifier;
  readonly #limit: number;
  readonly #hardLimit: number;
  #waiting: Uint8Array[] = [];
  /** Where queued messages go. */
  target: MessageTarget;
  /** Messages handed to the child since the start. */
  sent = 0;
  /** Most that ever waited. */
  peak = 0;

  constructor(notifier: BusNotifier, limits: RootBusLimits, target: MessageTarget) {
    this.#notifier = notifier;
    this.#limit = limits.pendingMessages;
    // One answer for each GPADL, open and close under way, beyond what stops the reading.
    this.#hardLimit = limits.pendingMessages + limits.gpadls + 2 * limits.channels + 2;
    this.target = target;
  }

  /** Whether nothing waits. */
  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Whether so much waits that nothing more is to be read from the child. */
  get full(): boolean {
    return this.#waiting.length >= this.#limit;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Sends now if nothing waits and the slot is free, else queues. */
  push(message: Uint8Array): void {
    if (this.empty && this.#send(message)) return;
    invariant(this.#waiting.length < this.#hardLimit, 'answers that wait are no more than requests under way');
    this.#waiting.push(message);
    this.peak = Math.max(this.peak, this.#waiting.length);
  }

  /** Sends what the child has room for. */
  pump(): void {
    let done = 0;
    while (done < this.#waiting.length && this.#send(this.#waiting[done]!)) done++;
    if (done > 0) this.#waiting = this.#waiting.slice(done);
  }

  /** Forgets what waits: the child it was for is gone. */
  clear(): void {
    this.#waiting = [];
  }

  save(): number[][] {
    return this.#waiting.map((message) => Array.from(message));
  }

  restore(saved: readonly (readonly number[])[]): void {
    this.#waiting = saved.map((message) => Uint8Array.from(message));
  }

  #send(message: Uint8Array): boolean {
    if (!this.#notifier.send(message, this.target)) return false;
    this.sent++;
    return true;
  }
}

/**
 * FlushQueue: turns flushes that arrive together into one.
 *
 * A flush must cover every write that completed before it was asked for, so one that arrives while another runs waits
 * for the next run; all that wait share it.
 */
import type { Completion } from './executor/block-file.ts';

/** Requests that wait for their data to be durable. */
export class FlushQueue {
  readonly #run: (done: (status: number) => void) => void;
  #waiting: Completion[] = [];
  #served: Completion[] = [];
  #running = false;
  #runs = 0;

  /** `run` makes everything completed so far durable, then calls back once. Never called again before it has. */
  constructor(run: (done: (status: number) => void) => void) {
    this.#run = run;
  }

  /** Whether nothing runs and nothing waits. */
  get idle(): boolean {
    return !this.#running;
  }

  /** How often it ran. */
  get runs(): number {
    return this.#runs;
  }

  /** Completes `completion` once everything that completed before this call is durable, or could not be made so. */
  add(completion: Completion): void {
    this.#waiting.push(completion);
    if (!this.#running) this.#start();
  }

  #start(): void {
    const served = this.#waiting;
    this.#waiting = this.#served;
    this.#served = served;
    this.#running = true;
    this.#runs++;
    this.#run(this.#ended);
  }

  readonly #ended = (status: number): void => {
    const served = this.#served;
    this.#served = [];
    this.#running = false;
    // Whoever arrives from inside a completion waits for the next run too.
    if (this.#waiting.length > 0) this.#start();
    for (const completion of served) completion.complete(status);
  };
}

/**
 * ParavirtualProcessor: runs a TypeScript guest's virtual processor, as an interpreter would run machine code.
 *
 * A guest's code is in two places. What an interrupt starts runs within {@link ParavirtualProcessor.run}. What follows an
 * `await` runs as a microtask, after `run` has returned: so whoever drives the processor must let all microtasks run
 * between two calls (return to the event loop; one `await` is not enough), and only then decide whether to sleep:
 *
 *     for (;;) {
 *       const counter = Atomics.load(doorbell.words, doorbell.counter);
 *       const exit = processor.run(64);
 *       if (exit.reason is power-off, reset or crash) break;
 *       await everyMicrotask();                            // e.g. a turn of setImmediate
 *       if (exit.reason === 'halt' && !vp.interruptPending)
 *         wait on the doorbell for `counter` to change, at most until vp.nextDeadline()
 *     }
 *
 * What comes up in those microtasks (the guest powers off, a driver resumes a channel) is an interrupt that the processor
 * sends itself, so the doorbell and {@link ParavirtualProcessor.pending} both know of it.
 */
import type { Exit, Processor } from '@ringlet/microkernel';
import type { GuestModule } from './runtime/guest.ts';
import type { GuestKernel } from './runtime/guest-kernel.ts';

const HALT: Exit = { reason: 'halt' };
const BUDGET: Exit = { reason: 'budget' };

/** A processor whose instructions are JavaScript. */
export class ParavirtualProcessor implements Processor {
  readonly #kernel: GuestKernel;
  readonly #module: GuestModule;
  #booted = false;
  /** Set by a driver that looks again without sleeping: then channels are watched, and {@link peek} tells when to run. */
  stayAwake = false;

  constructor(kernel: GuestKernel, module: GuestModule) {
    this.#kernel = kernel;
    this.#module = module;
  }

  /** Whether {@link run} has something to do, or to say, although no interrupt is pending. */
  get pending(): boolean {
    return !this.#booted || this.#kernel.pending;
  }

  /** While {@link stayAwake}: whether there is something to do that no interrupt announces. Cheap. */
  peek(): boolean {
    return this.#kernel.peek();
  }

  /**
   * Boots when called first, else delivers interrupts.
   *
   * @param budget - deliveries at most; each takes what is pending at that moment
   */
  run(budget: number): Exit {
    if (!this.#booted) {
      this.#booted = true;
      this.#kernel.boot(this.#module);
    }
    let more = true;
    for (let left = budget; more && left > 0; left--) more = this.#kernel.poll(this.stayAwake);
    return this.#kernel.ended ?? (more ? BUDGET : HALT);
  }
}

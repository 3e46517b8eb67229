/**
 * VpSynic: the SynIC of one virtual processor, on the thread that runs it.
 *
 * TLFS, "Virtual Interrupt Control". Whoever posts or signals leaves it in the VP's mailbox and rings its doorbell; here
 * it becomes visible to the guest. So a VP's pages are written by one thread only, its own, which can reach them whatever
 * partition the sender runs in, and no lock stands between a sender and a VP that turns its pages on or off.
 *
 * Choices where the TLFS leaves one, or hypervisors differ:
 *
 *  - Messages are accepted while SCONTROL, SIMP and the SINT are on, else refused (`InvalidSynicState`). What was
 *    accepted waits, in order, for as long as one of the three is off.
 *  - Event flags that arrive while SCONTROL or SIEFP is off are dropped, and the sender is not told. While the SINT is
 *    masked they are set in the page and raise nothing.
 *  - A timer that expires while its SINT is masked keeps its turn in the queue.
 */
import type { GuestMemory } from '../memory/guest-memory.ts';
import { moveFlags } from './event-flags.ts';
import type { SynicHost } from './host.ts';
import {
  At,
  Counter,
  ENABLE,
  INBOX_ATTENTION,
  MESSAGE_BUFFERS,
  SINT_COUNT,
  SINT_RESET,
  Sint,
  TIMER_COUNT,
  VP_SYNIC_WORDS,
} from './layout.ts';
import { acceptMail, first, release, removeFirst } from './message-queue.ts';
import { deliver, type DeliveryObserver } from './message-slot.ts';
import { liftOverlay, overlayAt, pageAddress } from './overlay-page.ts';
import { inspectPages } from './inspect-pages.ts';
import { SYNIC_REGISTERS, type SynicRegisters } from './registers.ts';
import { restoreSynic, saveSynic, type SavedSynic } from './saved-state.ts';
import { traceMessage } from '../trace/trace-records.ts';
import { Config, earliest, expire, readCount, resetTimers, timerOf } from './timers.ts';

const ALL_SINTS = 0xffff;
const FIRST_VALID_VECTOR = 16;

/** One VP's SynIC. Create one per thread and VP; all state is in the shared words. */
export class VpSynic implements SynicRegisters, DeliveryObserver {
  readonly words: Int32Array;
  readonly region: number;
  readonly #host: SynicHost;
  readonly #partition: number;
  readonly #index: number;

  /** @param region - word index of the VP's region of {@link VP_SYNIC_WORDS} words */
  constructor(host: SynicHost, partition: number, index: number, region: number) {
    this.#host = host;
    this.#partition = partition;
    this.#index = index;
    this.words = host.words;
    this.region = region;
  }

  get memory(): GuestMemory | undefined {
    return this.#host.memory(this.#partition);
  }

  now(): number {
    return Math.floor(this.#host.clock.now() - this.#host.timeOrigin(this.#partition));
  }

  /**
   * Puts the SynIC into its reset state: registers, queues and pending flags; what lies below the pages reappears. To be
   * called when a VP is created, deleted or reset, while its thread does not run it.
   */
  reset(): void {
    const { words, region, memory } = this;
    Atomics.store(words, region + At.Scontrol, 0);
    liftOverlay(words, region + At.Simp, region + At.SimpOther, memory);
    liftOverlay(words, region + At.Siefp, region + At.SiefpOther, memory);
    words.fill(0, region + At.Siefp, region + At.Sint);
    words.fill(0, region + At.SimpOther, region + VP_SYNIC_WORDS);
    for (let sint = 0; sint < SINT_COUNT; sint++) Atomics.store(words, region + At.Sint + sint, SINT_RESET);
    resetTimers(words, region);
    for (let sint = 0; sint < SINT_COUNT; sint++) {
      for (let node = first(words, region, sint); node >= 0; node = first(words, region, sint)) {
        removeFirst(words, region, sint);
        if (node < MESSAGE_BUFFERS) release(words, region, node);
      }
    }
    words[region + At.TimersQueued] = 0;
    // From here on, mail that was addressed to the VP as it was is stale. What already lies in the mailbox is emptied out.
    Atomics.add(words, region + At.Incarnation, 1);
    Atomics.store(words, region + At.Attention, 0);
    acceptMail(words, region);
    for (let sint = 0; sint < SINT_COUNT; sint++) moveFlags(words, region, sint, undefined, -1);
    words.fill(0, region + At.Counters, region + At.Inbox);
  }

  /**
   * Whether {@link settle} has something new to do: mail, or a due timer. A message that waits for its slot is not new;
   * the guest's EOM brings it on. Allocates nothing.
   */
  get hasWork(): boolean {
    const { words, region } = this;
    if (Atomics.load(words, region + At.Attention) !== 0) return true;
    return words[region + At.Armed] !== 0 && earliest(words, region) <= this.now();
  }

  /**
   * Makes visible to the guest what can be: event flags, due timers, queued messages; raises their vectors. To be called
   * whenever the VP looks for interrupts, and before it sleeps. Allocates nothing.
   */
  settle(): void {
    const { words, region } = this;
    if (Atomics.load(words, region + At.Attention) !== 0) this.#takeMail();
    const armed = words[region + At.Armed]!;
    const waiting = words[region + At.Waiting]!;
    if ((armed | waiting) === 0) return;
    const now = this.now();
    for (let timer = 0; timer < TIMER_COUNT; timer++) {
      if ((armed & (1 << timer)) !== 0) this.#raise(expire(words, region, timer, now));
    }
    if (words[region + At.Waiting] !== 0) this.#deliverAll(now);
  }

  /** Reads a register. @returns `undefined` when it is not the SynIC's: the access faults. */
  read(msr: number): bigint | undefined {
    return SYNIC_REGISTERS.get(msr)?.read(this);
  }

  /** Writes a register. @returns `false` when the access faults (#GP), with nothing changed. */
  write(msr: number, value: bigint): boolean {
    const register = SYNIC_REGISTERS.get(msr);
    if (register?.write === undefined) return false;
    // Before: what was accepted while a page was on belongs there. After: what now can be delivered, is.
    this.settle();
    const written = register.write(this, value);
    this.settle();
    return written;
  }

  /** Whether the local APIC must end an interrupt of this vector by itself as it is taken. */
  isAutoEoi(vector: number): boolean {
    const { words, region } = this;
    for (let sint = 0; sint < SINT_COUNT; sint++) {
      const bits = words[region + At.Sint + sint]!;
      if ((bits & (Sint.AutoEoi | Sint.Masked)) === Sint.AutoEoi && (bits & Sint.Vector) === vector) return true;
    }
    return false;
  }

  /** Clock time at which the first timer is due, `Infinity` when none is armed. */
  nextDeadline(): number {
    return earliest(this.words, this.region) + this.#host.timeOrigin(this.#partition);
  }

  /**
   * The state of the VP, which does not run: to be saved before the interrupts that are pending at it, since what has
   * arrived for it is settled first.
   */
  save(): SavedSynic {
    this.settle();
    return saveSynic(this.words, this.region);
  }

  /**
   * Takes a saved state, once the partition's memory is restored. Which SINTs wait is found anew from the queues.
   *
   * @returns `false`, with the SynIC reset, for a state that cannot be.
   */
  restore(saved: SavedSynic): boolean {
    this.reset();
    if (restoreSynic(this.words, this.region, saved)) return true;
    this.reset();
    return false;
  }

  /** What a person debugging wants to see; no side effects. */
  inspect(): Record<string, unknown> {
    const { words, region } = this;
    const sints = Array.from({ length: SINT_COUNT }, (_, n) => ({ n, bits: words[region + At.Sint + n]! }));
    const timers = Array.from({ length: TIMER_COUNT }, (_, n) => ({ n, config: words[timerOf(region, n)]! }));
    return {
      enabled: (words[region + At.Scontrol]! & ENABLE) !== 0,
      messagePage: this.#inspectPage(At.Simp),
      eventFlagsPage: this.#inspectPage(At.Siefp),
      sints: Object.fromEntries(
        sints
          .filter(({ n, bits }) => bits !== SINT_RESET || words[region + At.Held + n] !== 0)
          .map(({ n, bits }) => [
            n,
            {
              vector: bits & Sint.Vector,
              masked: (bits & Sint.Masked) !== 0,
              autoEoi: (bits & Sint.AutoEoi) !== 0,
              polling: (bits & Sint.Polling) !== 0,
              queued: Atomics.load(words, region + At.Held + n),
              ...inspectPages(this, n),
            },
          ]),
      ),
      timers: Object.fromEntries(
        timers
          .filter(({ config }) => config !== 0)
          .map(({ n, config }) => [
            n,
            {
              enabled: (config & Config.Enable) !== 0,
              periodic: (config & Config.Periodic) !== 0,
              direct: (config & Config.Direct) !== 0,
              count: Number(readCount(words, region, n)),
            },
          ]),
      ),
      delivered: words[region + Counter.Delivered],
      flagsSet: words[region + Counter.FlagsSet],
      timersExpired: words[region + Counter.TimersExpired],
      stale: words[region + Counter.Stale],
      refusedFull: Atomics.load(words, region + Counter.RefusedFull),
      refusedState: Atomics.load(words, region + Counter.RefusedState),
    };
  }

  /** @internal Of {@link DeliveryObserver}. */
  delivers(sint: number, type: number, guest: Int32Array, slot: number): void {
    const { trace } = this.#host;
    if (trace !== undefined) traceMessage(trace, this.#partition, this.#index, sint, type, guest, slot);
  }

  #takeMail(): void {
    const { words, region } = this;
    const attention = Atomics.exchange(words, region + At.Attention, 0);
    if ((attention & INBOX_ATTENTION) !== 0) acceptMail(words, region);
    let signalled = attention & ALL_SINTS;
    if (signalled === 0) return;
    const memory = this.memory;
    const on = (words[region + At.Scontrol]! & ENABLE) !== 0;
    const page = on && memory !== undefined ? overlayAt(words, region + At.Siefp, memory) : -1;
    for (; signalled !== 0; signalled &= signalled - 1) {
      const sint = 31 - Math.clz32(signalled & -signalled);
      if (moveFlags(words, region, sint, memory, page)) this.#raiseSint(sint);
    }
  }

  #deliverAll(now: number): void {
    const { words, region, memory } = this;
    const page = memory === undefined ? -1 : overlayAt(words, region + At.Simp, memory);
    if (memory === undefined || page < 0) return;
    const seen = this.#host.trace?.on === true ? this : undefined;
    for (let waiting = words[region + At.Waiting]!; waiting !== 0; waiting &= waiting - 1) {
      const sint = 31 - Math.clz32(waiting & -waiting);
      if (deliver(words, region, sint, memory, page, now, seen)) this.#raiseSint(sint);
    }
  }

  #raiseSint(sint: number): void {
    const bits = this.words[this.region + At.Sint + sint]!;
    if ((bits & (Sint.Masked | Sint.Polling)) === 0) this.#raise(bits & Sint.Vector);
  }

  #raise(vector: number): void {
    if (vector >= FIRST_VALID_VECTOR) this.#host.raise(this.#partition, this.#index, vector);
  }

  #inspectPage(at: number): string | undefined {
    const on = (this.words[this.region + at]! & ENABLE) !== 0;
    return on ? `0x${pageAddress(this.words, this.region + at).toString(16)}` : undefined;
  }
}

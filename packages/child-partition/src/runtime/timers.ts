/**
 * Timers: any number of them on synthetic timer 0 of one virtual processor, armed for the earliest.
 *
 * One-shot and direct, as Linux sets it: expiry raises a vector of its own and needs no message slot
 * (TLFS, "Synthetic Timers").
 */
import type { After } from '@ringlet/vmbus';
import { GuestMsr } from './registers.ts';

/** The vector of an expired timer: the one that Linux uses. */
export const TIMER_VECTOR = 0xed;

const AUTO_ENABLE = 1n << 3n;
const DIRECT = 1n << 12n;
// Not enabled by this, but by each write of the count: an old count must not expire once more.
const CONFIG = AUTO_ENABLE | (BigInt(TIMER_VECTOR) << 4n) | DIRECT;

interface Timer {
  readonly deadline: number;
  readonly run: () => void;
}

/** What timers need of a virtual processor. */
export interface TimerVp {
  readMsr(index: number): unknown;
  writeMsr(index: number, value: bigint): unknown;
}

/** The timers of one virtual processor. */
export class Timers {
  readonly #vp: TimerVp;
  /** Earliest first; equal deadlines in the order they were set. */
  #timers: Timer[] = [];
  #armed = 0;
  #configured = false;

  constructor(vp: TimerVp) {
    this.#vp = vp;
  }

  /** Reference time, in units of 100 ns since the partition started. */
  now(): number {
    const time = this.#vp.readMsr(GuestMsr.ReferenceTime);
    return typeof time === 'bigint' ? Number(time) : 0;
  }

  /** Calls `run` once, from {@link expired}, when `ticks` of 100 ns have passed. @returns cancel. */
  readonly after: After = (ticks, run) => {
    const timer: Timer = { deadline: this.now() + Math.max(1, Math.ceil(ticks)), run };
    const at = this.#timers.findIndex((each) => each.deadline > timer.deadline);
    this.#timers.splice(at < 0 ? this.#timers.length : at, 0, timer);
    this.#arm();
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  };

  /** The timer's interrupt: runs what is due, arms for the next. Early or spurious ones are harmless. */
  expired(): void {
    this.#armed = 0;
    const now = this.now();
    while (this.#timers.length > 0 && this.#timers[0]!.deadline <= now) this.#timers.shift()!.run();
    this.#arm();
  }

  #arm(): void {
    const next = this.#timers[0]?.deadline ?? 0;
    // A timer armed for an earlier time than needed expires once for nothing: cheaper than stopping it.
    if (next === 0 || (this.#armed !== 0 && this.#armed <= next)) return;
    this.#armed = next;
    if (!this.#configured) this.#vp.writeMsr(GuestMsr.Timer0Config, CONFIG);
    this.#configured = true;
    this.#vp.writeMsr(GuestMsr.Timer0Count, BigInt(next));
  }
}

/**
 * Scheduler: which virtual processor runs next on a logical processor, and for how long.
 *
 * A pure decision: no clock of its own, no threads, no randomness; the same calls give the same answers. Whoever runs
 * VPs asks {@link Scheduler.next}, runs what it is told for at most as long as it is told, and reports with
 * {@link Scheduler.ran}.
 *
 * Time is cut into fixed windows. Within each, in this order:
 *
 *  1. a VP that has used its *cap* of the window rests until the next one;
 *  2. a VP whose *reserve* of the window is not used up goes before all others, the one with most left first, so that
 *     reserves that fit the processors are all met;
 *  3. the others go by *credit*: the VP of most *weight* burns one a tick, the others as many more as they weigh less,
 *     and who has most goes next. When nobody who wants to run has any left, all get a window's worth again. What a VP
 *     can save up is bounded, so that one that slept for long does not starve the others when it wakes; so is the debt
 *     that running on its reserve brings it.
 *
 * Caps are never exceeded. Reserves are met by the end of each window; with several processors, to within one quantum
 * each.
 */
import { invariant } from '@ringlet/wire';
import { ticksOf, WINDOW } from './run-time.ts';

/** How much of the processors a VP may have. */
export interface Share {
  /** 1 … 10000, relative to others. */
  readonly weight: number;
  /** At most this much of one processor, in 1/100000; 0 = no cap. */
  readonly cap: number;
  /** At least this much of one processor whenever it wants it, in 1/100000. */
  readonly reserve: number;
}

/** What a VP gets that says nothing. */
export const DEFAULT_SHARE: Share = { weight: 100, cap: 0, reserve: 0 };

const WHOLE = 100_000;
interface Entry {
  readonly id: number;
  share: Share;
  capTicks: number;
  reserveTicks: number;
  credit: number;
  window: number;
  used: number;
  runnable: boolean;
  /** Logical processor that it runs on, or -1. */
  on: number;
  runTime: number;
  /** When it was last chosen, in decisions: among equals, who waits longest goes first. */
  turn: number;
}

/** What {@link Scheduler.next} decided. One object, reused. */
export interface Decision {
  /** The VP to run, or -1: stay idle. */
  vp: number;
  /** Run it for at most this many units of 100 ns; or, idle, ask again after as many unless something wakes before. */
  ticks: number;
}

/** Shares `logicalProcessors` among VPs. */
export class Scheduler {
  readonly #processors: number;
  readonly #window: number;
  readonly #quantum: number;
  /** What everyone gets when credit is handed out, and the most that anyone keeps. */
  readonly #grant: number;
  readonly #entries: Entry[] = [];
  readonly #byId = new Map<number, Entry>();
  readonly #decision: Decision = { vp: -1, ticks: 0 };
  #turn = 0;
  #mostWeight = 1;

  /**
   * @param options - `window`: what caps and reserves hold over, 10 ms unless told; `quantum`: the longest turn while
   * others wait, 1 ms unless told. Both in units of 100 ns
   */
  constructor(options: { logicalProcessors: number; window?: number; quantum?: number }) {
    this.#processors = options.logicalProcessors;
    this.#window = options.window ?? WINDOW;
    this.#quantum = options.quantum ?? this.#window / 10;
    this.#grant = this.#window;
    invariant(
      this.#processors >= 1 && this.#quantum >= 1 && this.#window >= this.#quantum,
      'a scheduler has time to give',
    );
  }

  /**
   * Adds a VP, asleep.
   *
   * @returns `false` when its reserve does not fit beside those already given, or the share is out of bounds.
   */
  add(id: number, share: Share = DEFAULT_SHARE): boolean {
    invariant(!this.#byId.has(id), 'a VP is added once');
    if (!isShare(share) || !this.#fits(share.reserve, 0)) return false;
    const entry: Entry = {
      id,
      share,
      ...ticksOfShare(share, this.#window),
      credit: this.#grant,
      window: -1,
      used: 0,
      runnable: false,
      on: -1,
      runTime: 0,
      turn: 0,
    };
    this.#entries.push(entry);
    this.#byId.set(id, entry);
    this.#weigh();
    return true;
  }

  /** Changes a VP's share, from its next turn on. @returns as {@link Scheduler.add}, with nothing changed if `false`. */
  configure(id: number, share: Share): boolean {
    const entry = this.#entry(id);
    if (!isShare(share) || !this.#fits(share.reserve, entry.share.reserve)) return false;
    entry.share = share;
    Object.assign(entry, ticksOfShare(share, this.#window));
    this.#weigh();
    return true;
  }

  /** Removes a VP. Its turn, if it had one, is over. */
  remove(id: number): void {
    const entry = this.#entry(id);
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    this.#byId.delete(id);
    this.#weigh();
  }

  /** The VP wants to run. */
  wake(id: number): void {
    this.#entry(id).runnable = true;
  }

  /** The VP wants nothing until it is woken. */
  sleep(id: number): void {
    this.#entry(id).runnable = false;
  }

  /**
   * Decides what logical processor `processor` does from `now` on. The answer is one object, valid until the next call.
   *
   * The VP counts as running there until {@link Scheduler.ran}.
   */
  next(processor: number, now: number): Decision {
    invariant(processor >= 0 && processor < this.#processors, 'the logical processor is one of ours');
    const end = (Math.floor(now / this.#window) + 1) * this.#window;
    this.#decision.vp = -1;
    this.#decision.ticks = end - now;
    let best = this.#choose(now);
    if (best === undefined) return this.#decision;
    if (best.credit <= 0 && this.#reserveLeft(best) === 0) {
      this.#grantAll();
      best = this.#choose(now)!;
    }
    best.on = processor;
    best.turn = ++this.#turn;
    const reserve = this.#reserveLeft(best);
    const cap = best.capTicks === 0 ? Infinity : best.capTicks - best.used;
    this.#decision.vp = best.id;
    this.#decision.ticks = Math.min(this.#quantum, end - now, cap, reserve > 0 ? reserve : Infinity);
    return this.#decision;
  }

  /** The VP's turn is over: it ran for `ticks`, and now it is `now`. */
  ran(id: number, ticks: number, now: number): void {
    const entry = this.#entry(id);
    entry.on = -1;
    entry.runTime += ticks;
    // A turn ends with its window, so all of it counts in the window in which it began.
    this.#turnWindow(entry, now - ticks);
    const floor = this.#reserveLeft(entry) > 0 ? Math.min(entry.credit, -this.#grant) : -Infinity;
    entry.used += ticks;
    entry.credit = Math.max(floor, entry.credit - (ticks * this.#mostWeight) / entry.share.weight);
  }

  /** Time that a VP ran in all, in units of 100 ns. */
  runTime(id: number): number {
    return this.#entry(id).runTime;
  }

  /** Every VP's share, state and run time. Plain data. */
  inspect(): Record<string, unknown> {
    return Object.fromEntries(
      this.#entries.map(({ id, share, runnable, on, runTime }) => [id, { ...share, runnable, on, runTime }]),
    );
  }

  #choose(now: number): Entry | undefined {
    let best: Entry | undefined;
    for (const entry of this.#entries) {
      if (!entry.runnable || entry.on >= 0) continue;
      this.#turnWindow(entry, now);
      if (entry.capTicks !== 0 && entry.used >= entry.capTicks) continue;
      if (best === undefined || this.#goesBefore(entry, best)) best = entry;
    }
    return best;
  }

  #goesBefore(a: Entry, b: Entry): boolean {
    const byReserve = this.#reserveLeft(a) - this.#reserveLeft(b);
    if (byReserve !== 0) return byReserve > 0;
    if (a.credit !== b.credit) return a.credit > b.credit;
    return a.turn < b.turn;
  }

  #reserveLeft(entry: Entry): number {
    return Math.max(0, entry.reserveTicks - entry.used);
  }

  #turnWindow(entry: Entry, now: number): void {
    const window = Math.floor(now / this.#window);
    if (entry.window === window) return;
    entry.window = window;
    entry.used = 0;
  }

  #weigh(): void {
    this.#mostWeight = this.#entries.reduce((most, { share }) => Math.max(most, share.weight), 1);
  }

  #grantAll(): void {
    for (const entry of this.#entries) entry.credit = Math.min(entry.credit + this.#grant, this.#grant);
  }

  /** Reserves together fit the processors, and one VP runs on one processor at a time. */
  #fits(reserve: number, instead: number): boolean {
    const others = this.#entries.reduce((sum, { share }) => sum + share.reserve, 0) - instead;
    return others + reserve <= this.#processors * WHOLE;
  }

  #entry(id: number): Entry {
    const entry = this.#byId.get(id);
    invariant(entry !== undefined, 'the VP was added to this scheduler');
    return entry;
  }
}

function isShare({ weight, cap, reserve }: Share): boolean {
  const within = (value: number, least: number, most: number): boolean =>
    Number.isInteger(value) && value >= least && value <= most;
  return within(weight, 1, 10_000) && within(cap, 0, WHOLE) && within(reserve, 0, cap === 0 ? WHOLE : cap);
}

const ticksOfShare = (share: Share, window: number): { capTicks: number; reserveTicks: number } => ({
  // A cap that rounds to nothing is still a cap, not its absence.
  capTicks: share.cap === 0 ? 0 : Math.max(1, ticksOf(share.cap, window)),
  reserveTicks: ticksOf(share.reserve, window),
});

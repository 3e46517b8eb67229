/**
 * Monitored channels: the child rings for them by a bit of its monitor page, so somebody has to look, as often as the most
 * impatient of them asks. Nobody looks while there are none.
 */
import { type GuestMemory, PAGE_SIZE } from '@ringlet/microkernel';
import { NO_MONITOR } from '../messages/connection.ts';
import { MONITOR_IDS } from './limits.ts';
import { MonitorPage } from './monitor-page.ts';
import type { MonitorPages } from './notifier.ts';

/** What looking takes. */
export interface MonitorWorld {
  /** The child's memory. */
  readonly memory: GuestMemory;
  /** Calls `run` once, `ticks` of 100 ns from now. @returns cancel. */
  readonly after: (ticks: number, run: () => void) => () => void;
  /** Asks for a call of {@link MonitoredChannels.poll} soon. */
  readonly wake: () => void;
}

/** Latency of channels whose device asks for less: 100 µs. */
const MIN_TICKS = 1_000;

/** The monitored channels of one child, by their bit. */
export class MonitoredChannels {
  readonly #world: MonitorWorld;
  /** Channel ids; 0 where there is none. */
  readonly #relids = new Uint16Array(MONITOR_IDS);
  readonly #latencies = new Float64Array(MONITOR_IDS).fill(Infinity);
  readonly #report: (monitorId: number) => void;
  #page: MonitorPage | undefined;
  #pageNumbers: readonly number[] = [];
  #timer: (() => void) | undefined;

  /** @param rang - is told whose bit was set: a channel id, or 0 when nobody's */
  constructor(world: MonitorWorld, rang: (relid: number) => void) {
    this.#world = world;
    this.#report = (monitorId) => rang(this.#relids[monitorId]!);
  }

  /** Guest pages that must not be unmapped. */
  get pageNumbers(): readonly number[] {
    return this.#pageNumbers;
  }

  /** A child has connected, with these pages or without. @returns whether they are there */
  connect(pages: MonitorPages | undefined): boolean {
    this.disconnect();
    if (pages === undefined) return true;
    const { memory } = this.#world;
    if (MonitorPage.find(memory, pages.toChild) === undefined) return false;
    this.#page = MonitorPage.find(memory, pages.toRoot);
    this.#pageNumbers = [pages.toChild, pages.toRoot].map((gpa) => Math.floor(gpa / PAGE_SIZE));
    return this.#page !== undefined;
  }

  /** The child is gone: its pages are not touched any more. */
  disconnect(): void {
    this.#page = undefined;
    this.#pageNumbers = [];
  }

  /** A channel is open. @param latency - ticks after which somebody must have looked at its bit */
  add(monitorId: number, relid: number, latency: number): void {
    if (monitorId === NO_MONITOR) return;
    this.#relids[monitorId] = relid;
    this.#latencies[monitorId] = latency;
    this.#watch();
  }

  /** It is not open any more. */
  remove(monitorId: number): void {
    if (monitorId === NO_MONITOR) return;
    this.#relids[monitorId] = 0;
    this.#latencies[monitorId] = Infinity;
  }

  /** Looks at the bits, and takes those that are set. */
  poll(): void {
    this.#page?.poll(this.#report);
  }

  /** Nobody is to be woken any more. */
  dispose(): void {
    this.#timer?.();
  }

  #watch(): void {
    const ticks = Math.min(...this.#latencies);
    if (ticks === Infinity) return;
    this.#timer ??= this.#world.after(Math.max(ticks, MIN_TICKS), () => {
      this.#timer = undefined;
      this.#world.wake();
      this.#watch();
    });
  }
}

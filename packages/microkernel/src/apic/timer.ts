/**
 * The local APIC's timer (Intel SDM volume 3, "APIC Timer"): one-shot, periodic, TSC deadline.
 *
 * Nothing counts. A running timer is the time at which it is due, and the current count is worked out when it is read.
 * Times are in cycles of the timer's clock before its divider, since the partition's reference time was 0; so a period
 * that is no whole number of clock units does not drift. Cycles are exact for a year and a half after that.
 *
 * No function here allocates; none is called but on the VP's own thread.
 */
import { APIC_FREQUENCY, TSC_FREQUENCY } from '../msr/frequencies.ts';
import { ApicAt, Local } from './layout.ts';

const REFERENCE_FREQUENCY = 10_000_000n;
/** Cycles of the timer's clock, and of the TSC, in one unit of reference time. */
const TIMER_CYCLES = Number(APIC_FREQUENCY / REFERENCE_FREQUENCY);
const TSC_CYCLES = Number(TSC_FREQUENCY / REFERENCE_FREQUENCY);

/** Bits 17-18 of the timer's local vector. */
export const TimerMode = { OneShot: 0, Periodic: 1, TscDeadline: 2 } as const;
const MODE_SHIFT = 17;

/** The timer's mode. 3 is reserved: the timer does not run in it. */
export const timerMode = (words: Int32Array, apic: number): number =>
  (words[apic + ApicAt.LocalVectors + Local.Timer]! >>> MODE_SHIFT) & 3;

/** Reference time at which the timer is due, `Infinity` while it does not run. */
export function timerDue(words: Int32Array, apic: number): number {
  return words[apic + ApicAt.Armed] === 0 ? Infinity : Math.ceil(due(words, apic) / TIMER_CYCLES);
}

/** Stops the timer. */
export function stopTimer(words: Int32Array, apic: number): void {
  words[apic + ApicAt.Armed] = 0;
  words[apic + ApicAt.TscDeadline] = 0;
  words[apic + ApicAt.TscDeadline + 1] = 0;
}

/** What is left of the count. */
export function currentCount(words: Int32Array, apic: number, now: number): number {
  if (words[apic + ApicAt.Armed] === 0 || timerMode(words, apic) >= TimerMode.TscDeadline) return 0;
  return Math.max(0, Math.ceil((due(words, apic) - now * TIMER_CYCLES) / divisor(words, apic)));
}

/** Writes the initial count: the timer starts anew from it, and stops for 0. Ignored in TSC-deadline mode. */
export function setInitialCount(words: Int32Array, apic: number, count: number, now: number): void {
  if (timerMode(words, apic) >= TimerMode.TscDeadline) return;
  words[apic + ApicAt.InitialCount] = count | 0;
  words[apic + ApicAt.Armed] = 0;
  if (count !== 0) arm(words, apic, now * TIMER_CYCLES + count * divisor(words, apic));
}

/** Writes the divide configuration register: what is left of the count goes on at the new pace. */
export function setDivide(words: Int32Array, apic: number, value: number, now: number): void {
  const left = currentCount(words, apic, now);
  words[apic + ApicAt.Divide] = value;
  if (left !== 0) arm(words, apic, now * TIMER_CYCLES + left * divisor(words, apic));
}

/** Writes the timer's local vector. Going from or to TSC-deadline mode stops the timer. */
export function setTimerVector(words: Int32Array, apic: number, entry: number): void {
  const before = timerMode(words, apic);
  words[apic + ApicAt.LocalVectors + Local.Timer] = entry;
  const after = timerMode(words, apic);
  if (before !== after && Math.max(before, after) >= TimerMode.TscDeadline) stopTimer(words, apic);
}

/** Writes IA32_TSC_DEADLINE. Ignored in the other modes; 0 stops the timer. */
export function setDeadline(words: Int32Array, apic: number, low: number, high: number): void {
  if (timerMode(words, apic) !== TimerMode.TscDeadline) return;
  stopTimer(words, apic);
  if ((low | high) === 0) return;
  words[apic + ApicAt.TscDeadline] = low;
  words[apic + ApicAt.TscDeadline + 1] = high;
  const tsc = (high >>> 0) * 2 ** 32 + (low >>> 0);
  arm(words, apic, Math.ceil(tsc / TSC_CYCLES) * TIMER_CYCLES);
}

/** Lets the timer expire if it is due. A periodic one that missed periods expires once. @returns whether it did. */
export function expireTimer(words: Int32Array, apic: number, now: number): boolean {
  if (timerDue(words, apic) > now) return false;
  words[apic + ApicAt.TimerExpired] = (words[apic + ApicAt.TimerExpired]! + 1) | 0;
  if (timerMode(words, apic) !== TimerMode.Periodic) {
    stopTimer(words, apic);
    return true;
  }
  const period = (words[apic + ApicAt.InitialCount]! >>> 0) * divisor(words, apic);
  const first = due(words, apic);
  arm(words, apic, first + (Math.floor((now * TIMER_CYCLES - first) / period) + 1) * period);
  return true;
}

/** Starts the timer to be due at `cycles`. */
export function arm(words: Int32Array, apic: number, cycles: number): void {
  words[apic + ApicAt.Due] = (cycles % 2 ** 32) | 0;
  words[apic + ApicAt.Due + 1] = Math.floor(cycles / 2 ** 32);
  words[apic + ApicAt.Armed] = 1;
}

/** Cycles at which the timer is due, if it runs. */
export const due = (words: Int32Array, apic: number): number =>
  words[apic + ApicAt.Due + 1]! * 2 ** 32 + (words[apic + ApicAt.Due]! >>> 0);

/** Bits 0, 1 and 3 of the divide configuration register: 2, 4, 8, 16, 32, 64, 128, 1. */
function divisor(words: Int32Array, apic: number): number {
  const bits = words[apic + ApicAt.Divide]!;
  const log = ((bits & 3) | ((bits >>> 1) & 4)) + 1;
  return 1 << (log & 7);
}

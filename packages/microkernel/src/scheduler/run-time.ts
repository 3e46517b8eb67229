/**
 * Run-time counters, and what is left of a VP's share in the present window: the part of scheduling that lies in shared
 * state, so that VPs that run on threads of their own are throttled as well as those that a {@link Scheduler} orders.
 *
 * Windows are fixed: the clock divided by {@link WINDOW}. In each, a VP may run
 *
 *     at most   its cap
 *     at most   its part, by weight, of all logical processors, when more VPs are busy than there are processors
 *     at least  its reserve, whatever its weight comes to
 *
 * Busy are the VPs that used more than a trifle of the window before. Only a VP's own thread writes its counters; the sums
 * over all of them are atomics.
 */
import { PartitionWord, Header, VpWord } from '../state/layout.ts';
import { WHOLE_PROCESSOR } from '../partition/properties.ts';
import type { VpContext } from '../vp/context.ts';

/** Length of a window in units of 100 ns: 10 ms. Caps and reserves hold within each. */
export const WINDOW = 100_000;
/** A VP that uses less of a window does not compete for processors; so much everyone gets, however light. */
const BUSY = WINDOW / 50;

/** Ticks of a window that a cap or reserve of `share` (in 1/100000 of a processor) comes to. */
export const ticksOf = (share: number, window: number): number => Math.floor((share * window) / WHOLE_PROCESSOR);

/** Adds `ticks` of run time, ended now. */
export function account(vp: VpContext, ticks: number): void {
  const { words, state } = vp.core;
  const ran = Math.max(0, Math.floor(ticks));
  state.setQuad(vp.vpRecord + VpWord.RunTime, state.quad(vp.vpRecord + VpWord.RunTime) + BigInt(ran));
  const now = vp.core.clock.now();
  // What reaches back into an earlier window is that window's.
  const inWindow = Math.min(ran, now % WINDOW);
  const before = used(vp, now);
  const after = Math.min(WINDOW, before + Math.floor(inWindow));
  words[vp.vpRecord + VpWord.WindowUsed] = after;
  state.setQuad(vp.vpRecord + VpWord.Window, BigInt(Math.floor(now / WINDOW)));
  if (before < BUSY && after >= BUSY) {
    turnWindow(words, now);
    Atomics.add(words, Header.NextBusyVps, 1);
    Atomics.add(words, Header.NextBusyWeight, weightOf(vp));
  }
}

/** Ticks that the VP may still run in the present window. */
export function allowance(vp: VpContext): number {
  const { words } = vp.core;
  const now = vp.core.clock.now();
  const rest = WINDOW - (now % WINDOW);
  const cap = Atomics.load(words, vp.record + PartitionWord.CpuCap);
  const most = Math.min(cap === 0 ? WINDOW : ticksOf(cap, WINDOW), fairPart(vp, now));
  return most === WINDOW ? rest : Math.max(0, Math.min(rest, most - used(vp, now)));
}

/** Ticks of a window that are the VP's by weight, and at least its reserve; all of it while processors are not scarce. */
function fairPart(vp: VpContext, now: number): number {
  const { words } = vp.core;
  const processors = Atomics.load(words, Header.LogicalProcessors);
  if (processors === 0) return WINDOW;
  turnWindow(words, now);
  if (Atomics.load(words, Header.BusyVps) <= processors) return WINDOW;
  const weight = weightOf(vp);
  const sum = Math.max(weight, Atomics.load(words, Header.BusyWeight));
  const reserve = ticksOf(Atomics.load(words, vp.record + PartitionWord.CpuReserve), WINDOW);
  return Math.min(WINDOW, Math.max(reserve, BUSY, Math.floor((WINDOW * processors * weight) / sum)));
}

/** Whoever first looks in a new window makes the sums of the last one the ones that count. */
function turnWindow(words: Int32Array, now: number): void {
  const present = Math.floor(now / WINDOW) | 0;
  const last = Atomics.load(words, Header.ShareWindow);
  if (last === present || Atomics.compareExchange(words, Header.ShareWindow, last, present) !== last) return;
  const stale = ((present - last) | 0) !== 1;
  const vps = Atomics.exchange(words, Header.NextBusyVps, 0);
  const weight = Atomics.exchange(words, Header.NextBusyWeight, 0);
  Atomics.store(words, Header.BusyVps, stale ? 0 : vps);
  Atomics.store(words, Header.BusyWeight, stale ? 0 : weight);
}

const weightOf = (vp: VpContext): number => Atomics.load(vp.core.words, vp.record + PartitionWord.CpuWeight);

function used(vp: VpContext, now: number): number {
  const window = vp.core.state.time(vp.vpRecord + VpWord.Window);
  return window === Math.floor(now / WINDOW) ? vp.core.words[vp.vpRecord + VpWord.WindowUsed]! : 0;
}

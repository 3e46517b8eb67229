/**
 * Run-time counters, and what is left of a VP's cap in the present window: the part of scheduling that lies in shared
 * state, so that VPs that run on threads of their own are throttled as well as those that a {@link Scheduler} orders.
 *
 * Windows are fixed: the clock divided by {@link WINDOW}. Only the VP's own thread writes.
 */
import { PartitionWord, VpWord } from '../state/layout.ts';
import { WHOLE_PROCESSOR } from '../partition/properties.ts';
import type { VpContext } from '../vp/context.ts';

/** Length of a window in units of 100 ns: 10 ms. Caps and reserves hold within each. */
export const WINDOW = 100_000;

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
  words[vp.vpRecord + VpWord.WindowUsed] = Math.min(WINDOW, used(vp, now) + Math.floor(inWindow));
  state.setQuad(vp.vpRecord + VpWord.Window, BigInt(Math.floor(now / WINDOW)));
}

/** Ticks that the VP may still run in the present window. */
export function allowance(vp: VpContext): number {
  const now = vp.core.clock.now();
  const rest = WINDOW - (now % WINDOW);
  const cap = Atomics.load(vp.core.words, vp.record + PartitionWord.CpuCap);
  if (cap === 0) return rest;
  return Math.max(0, Math.min(rest, ticksOf(cap, WINDOW) - used(vp, now)));
}

function used(vp: VpContext, now: number): number {
  const window = vp.core.state.time(vp.vpRecord + VpWord.Window);
  return window === Math.floor(now / WINDOW) ? vp.core.words[vp.vpRecord + VpWord.WindowUsed]! : 0;
}

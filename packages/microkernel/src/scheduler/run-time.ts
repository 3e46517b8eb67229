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
 * A turn may outlast what was left: what a VP ran beyond its cap is taken from its next windows, so that the cap holds over
 * time. Weights are not made up for: where processors are scarce, much of a long turn was spent waiting for one.
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
/** Windows that a VP rests at most for what it ran too long: a host that stood still is not made up for. */
const MOST_WINDOWS_OF_DEBT = 100;

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
  const cap = capOf(vp);
  const debt = Math.min(debtAfter(vp, ran, inWindow, now, cap), MOST_WINDOWS_OF_DEBT * cap);
  words[vp.vpRecord + VpWord.WindowUsed] = after;
  words[vp.vpRecord + VpWord.WindowDebt] = debt;
  words[vp.vpRecord + VpWord.NextDebt] = Math.max(0, debt + after - cap);
  state.setQuad(vp.vpRecord + VpWord.Window, BigInt(windowOf(now)));
  if (before < BUSY && after >= BUSY) {
    turnWindow(words, now);
    Atomics.add(words, Header.NextBusyVps, 1);
    Atomics.add(words, Header.NextBusyWeight, weightOf(vp));
  }
}

/** Ticks that the VP may still run in the present window. */
export function allowance(vp: VpContext): number {
  const now = vp.core.clock.now();
  const rest = WINDOW - (now % WINDOW);
  const cap = capOf(vp);
  const part = Math.min(cap - debtAt(vp, windowOf(now), cap), fairPart(vp, now));
  return part === WINDOW ? rest : Math.max(0, Math.min(rest, part - used(vp, now)));
}

/** Ticks of a window that its cap leaves to the VP: all of them when it has none. */
function capOf({ core, record }: VpContext): number {
  const cap = Atomics.load(core.words, record + PartitionWord.CpuCap);
  return cap === 0 ? WINDOW : ticksOf(cap, WINDOW);
}

/** What the VP has to make up for in a window, which is not before that of its last account. */
function debtAt({ core, vpRecord }: VpContext, window: number, cap: number): number {
  const windows = window - core.state.time(vpRecord + VpWord.Window);
  if (windows <= 0) return core.words[vpRecord + VpWord.WindowDebt]!;
  return Math.max(0, core.words[vpRecord + VpWord.NextDebt]! - (windows - 1) * cap);
}

/** {@link debtAt} the present window, once a turn of `ran` ticks has ended, of which `inWindow` are the present window's. */
function debtAfter(vp: VpContext, ran: number, inWindow: number, now: number, cap: number): number {
  const began = windowOf(now - ran);
  const windows = windowOf(now) - began;
  const debt = debtAt(vp, began, cap);
  if (windows === 0) return debt;
  return Math.max(0, Math.floor(debt + used(vp, now - ran) + ran - inWindow - windows * cap));
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
  const present = windowOf(now) | 0;
  const last = Atomics.load(words, Header.ShareWindow);
  if (last === present || Atomics.compareExchange(words, Header.ShareWindow, last, present) !== last) return;
  const stale = ((present - last) | 0) !== 1;
  const vps = Atomics.exchange(words, Header.NextBusyVps, 0);
  const weight = Atomics.exchange(words, Header.NextBusyWeight, 0);
  Atomics.store(words, Header.BusyVps, stale ? 0 : vps);
  Atomics.store(words, Header.BusyWeight, stale ? 0 : weight);
}

const windowOf = (now: number): number => Math.floor(now / WINDOW);

const weightOf = (vp: VpContext): number => Atomics.load(vp.core.words, vp.record + PartitionWord.CpuWeight);

function used(vp: VpContext, now: number): number {
  const window = vp.core.state.time(vp.vpRecord + VpWord.Window);
  return window === windowOf(now) ? vp.core.words[vp.vpRecord + VpWord.WindowUsed]! : 0;
}

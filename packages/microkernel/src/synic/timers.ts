/**
 * Synthetic timers of a virtual processor (TLFS, "Synthetic Timers"). The VP's thread alone touches them.
 *
 *     CONFIG   0 enable · 1 periodic · 2 lazy · 3 auto-enable · 4-11 APIC vector · 12 direct mode · 16-19 SINT
 *     COUNT    one-shot: reference time to expire at. Periodic: period. In units of 100 ns
 *
 *     record   0 CONFIG   1 -   2,3 COUNT   4,5 due, while its bit in `Armed` is set   6,7 when it expired
 *
 * A timer runs while it is enabled and COUNT is not 0. Writing COUNT = 0 disables it, any other COUNT enables it when
 * auto-enable is set, and CONFIG with neither direct mode nor a SINT disables it. A one-shot timer disables itself when it
 * expires. A periodic one keeps its phase; periods that were missed make one expiration. A lazy timer may be late, so
 * none is treated as lazy.
 */
import { At, Counter, MESSAGE_BUFFERS, TIMER_COUNT, TIMER_WORDS } from './layout.ts';
import { append, unlink } from './message-queue.ts';

/** Bits of CONFIG. */
export const Config = {
  Enable: 1,
  Periodic: 1 << 1,
  Lazy: 1 << 2,
  AutoEnable: 1 << 3,
  Vector: 0xff << 4,
  Direct: 1 << 12,
  Sint: 0xf << 16,
  All: 0xf_1fff,
} as const;

const VECTOR_SHIFT = 4;
const SINT_SHIFT = 16;
const COUNT = 2;
const DUE = 4;
const EXPIRED = 6;

/** First word of timer `timer`'s record. */
export const timerOf = (region: number, timer: number): number => region + At.Timers + timer * TIMER_WORDS;

/** Writes CONFIG. @param now - the partition's reference time */
export function writeConfig(words: Int32Array, region: number, timer: number, value: number, now: number): void {
  let config = value & Config.All;
  if ((config & (Config.Direct | Config.Sint)) === 0) config &= ~Config.Enable;
  words[timerOf(region, timer)] = config;
  arm(words, region, timer, now);
}

/** Writes COUNT, given as two words. @param now - the partition's reference time */
export function writeCount(
  words: Int32Array,
  region: number,
  timer: number,
  low: number,
  high: number,
  now: number,
): void {
  const record = timerOf(region, timer);
  words[record + COUNT] = low;
  words[record + COUNT + 1] = high;
  const config = words[record]!;
  if ((low | high) === 0) words[record] = config & ~Config.Enable;
  // Auto-enable does not overrule what CONFIG must have: a timer with nowhere to expire to stays off.
  else if ((config & Config.AutoEnable) !== 0 && (config & (Config.Direct | Config.Sint)) !== 0) {
    words[record] = config | Config.Enable;
  }
  arm(words, region, timer, now);
}

/** Reference time at which the first timer is due, `Infinity` when none is armed. */
export function earliest(words: Int32Array, region: number): number {
  let first = Infinity;
  for (let armed = words[region + At.Armed]!; armed !== 0; armed &= armed - 1) {
    first = Math.min(first, dueAt(words, region, 31 - Math.clz32(armed & -armed)));
  }
  return first;
}

/**
 * Expires timer `timer` if it is due. A message timer takes its place in its SINT's FIFO, unless it is still there.
 *
 * @param now - the partition's reference time
 * @returns the vector to raise (direct mode), or -1.
 */
export function expire(words: Int32Array, region: number, timer: number, now: number): number {
  const record = timerOf(region, timer);
  const armed = words[region + At.Armed]!;
  const due = pair(words, record + DUE);
  if ((armed & (1 << timer)) === 0 || due > now) return -1;
  words[region + Counter.TimersExpired] = words[region + Counter.TimersExpired]! + 1;
  const config = words[record]!;
  if ((config & Config.Periodic) !== 0) {
    const period = pair(words, record + COUNT);
    setPair(words, record + DUE, due + (Math.floor((now - due) / period) + 1) * period);
  } else {
    words[record] = config & ~Config.Enable;
    words[region + At.Armed] = armed & ~(1 << timer);
  }
  if ((config & Config.Direct) !== 0) return (config & Config.Vector) >> VECTOR_SHIFT;
  if ((words[region + At.TimersQueued]! & (1 << timer)) === 0) {
    queueExpired(words, region, timer, (config & Config.Sint) >> SINT_SHIFT, due);
  }
  return -1;
}

/** COUNT, as the guest reads it. */
export const readCount = (words: Int32Array, region: number, timer: number): bigint => {
  const at = timerOf(region, timer) + COUNT;
  return (BigInt(words[at + 1]! >>> 0) << 32n) | BigInt(words[at]! >>> 0);
};

/** Reference time at which a timer is due, `Infinity` while it is not armed. */
export const dueAt = (words: Int32Array, region: number, timer: number): number =>
  (words[region + At.Armed]! & (1 << timer)) === 0 ? Infinity : pair(words, timerOf(region, timer) + DUE);

/** Reference time at which a timer expired whose message is queued. */
export const expiredAt = (words: Int32Array, region: number, timer: number): number =>
  pair(words, timerOf(region, timer) + EXPIRED);

/** Sets a timer to a saved state. */
export function restoreTimer(
  words: Int32Array,
  region: number,
  timer: number,
  config: number,
  count: bigint,
  due: number | undefined,
): void {
  const record = timerOf(region, timer);
  words[record] = config & Config.All;
  words[record + COUNT] = Number(BigInt.asIntN(32, count));
  words[record + COUNT + 1] = Number(BigInt.asIntN(32, count >> 32n));
  if (due === undefined) return;
  setPair(words, record + DUE, due);
  words[region + At.Armed] = words[region + At.Armed]! | (1 << timer);
}

/** Puts the message of a timer that expired at `due` into a SINT's FIFO. */
export function queueExpired(words: Int32Array, region: number, timer: number, sint: number, due: number): void {
  setPair(words, timerOf(region, timer) + EXPIRED, due);
  words[region + At.TimersQueued] = words[region + At.TimersQueued]! | (1 << timer);
  append(words, region, sint, MESSAGE_BUFFERS + timer);
}

/** Turns all timers off and clears their registers. */
export function resetTimers(words: Int32Array, region: number): void {
  words.fill(0, region + At.Timers, region + At.Timers + TIMER_COUNT * TIMER_WORDS);
  words[region + At.Armed] = 0;
}

/** Computes the due time anew. What an earlier setting left in the queue is taken back: the guest changed its mind. */
function arm(words: Int32Array, region: number, timer: number, now: number): void {
  const record = timerOf(region, timer);
  const bit = 1 << timer;
  if ((words[region + At.TimersQueued]! & bit) !== 0) {
    unlink(words, region, MESSAGE_BUFFERS + timer);
    words[region + At.TimersQueued] = words[region + At.TimersQueued]! & ~bit;
  }
  const config = words[record]!;
  const count = pair(words, record + COUNT);
  if ((config & Config.Enable) === 0 || count === 0) {
    words[region + At.Armed] = words[region + At.Armed]! & ~bit;
    return;
  }
  setPair(words, record + DUE, (config & Config.Periodic) !== 0 ? now + count : count);
  words[region + At.Armed] = words[region + At.Armed]! | bit;
}

// Times above 2^53 lose their last bits; they lie 28 years ahead.
const pair = (words: Int32Array, at: number): number => (words[at + 1]! >>> 0) * 2 ** 32 + (words[at]! >>> 0);

function setPair(words: Int32Array, at: number, value: number): void {
  // Saturated: a period near 2^64 would carry out of the upper word and be due long ago.
  const high = Math.min(Math.floor(value / 2 ** 32), 0xffff_ffff);
  words[at] = value >>> 0;
  words[at + 1] = high;
}

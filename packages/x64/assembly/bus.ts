/**
 * LOCK between virtual processors.
 *
 * An operand within a qword is changed by one atomic step of the host, which needs nobody's consent. One that lies in two
 * qwords or two pages, or has 16 bytes, is changed while its VP has the bus: no other VP is inside a locked access then.
 *
 *     a locked access       LOCKED = 1; look at the bus; do it; LOCKED = 0
 *     who wants the bus     take the word; wait until every other VP's LOCKED is 0; do it; give the word back
 *
 * Both sides write before they read, so at least one of them sees the other. A locked access that finds the bus taken steps
 * back and waits. LOCKED stands in the VP's own state block: no line of memory is contended but the bus word, which is
 * only written by split accesses. With one VP none of it is done.
 */
import { BUS_LOCK, LOCKED, VP_COUNT, VP_TABLE } from '../src/state';

/** Looks that are had at a word before the thread lets others run, and how long it does, in nanoseconds. */
const LOOKS: u32 = 500;
const PAUSE: i64 = 20_000;

/** Waits for a word to change; whoever holds it gives it back at once, unless its thread was taken off its processor. */
function waitWhile(word: usize, value: u32): void {
  let looks: u32 = 0;
  while (atomic.load<u32>(word) == value) {
    if (++looks % LOOKS == 0) atomic.wait<i32>(word, <i32>value, PAUSE);
  }
}

/** Begins a locked access of one atomic step. */
export function enterLocked(s: usize): void {
  const bus: usize = load<u32>(s, BUS_LOCK);
  for (;;) {
    atomic.store<u32>(s + LOCKED, 1);
    if (atomic.load<u32>(bus) == 0) return;
    atomic.store<u32>(s + LOCKED, 0);
    waitWhile(bus, 1);
  }
}

/** Ends it. */
export function leaveLocked(s: usize): void {
  atomic.store<u32>(s + LOCKED, 0);
}

/** Takes the bus: until {@link releaseBus} no other VP is inside a locked access. */
export function takeBus(s: usize): void {
  const count = load<u32>(s, VP_COUNT);
  if (count < 2) return;
  const bus: usize = load<u32>(s, BUS_LOCK);
  while (atomic.cmpxchg<u32>(bus, 0, 1) != 0) waitWhile(bus, 1);
  const table: usize = load<u32>(s, VP_TABLE);
  for (let i: u32 = 0; i < count; i++) {
    const other: usize = load<u32>(table + (i << 2));
    if (other == s) continue;
    waitWhile(other + LOCKED, 1);
  }
}

/** Gives it back. */
export function releaseBus(s: usize): void {
  if (load<u32>(s, VP_COUNT) < 2) return;
  atomic.store<u32>(<usize>load<u32>(s, BUS_LOCK), 0);
}

/**
 * Message queue of a virtual processor: from any thread that posts to the thread that runs the VP.
 *
 * TLFS, "Inter-Partition Communication": messages queue first in, first out per SINT, and a sender is told when there
 * are no buffers. In two stages, so that neither side ever waits for the other:
 *
 *     sender: take a buffer ─► fill it ─► take a ticket ─► store it in the inbox slot of that ticket
 *     VP:     inbox, ticket by ticket ─► FIFO of the message's SINT ─► slot of the message page ─► buffer is free
 *
 * An inbox slot cannot be overrun: a ticket is taken only with a buffer in hand, the buffer is freed only after its slot
 * was emptied, and there are as many slots as buffers. The FIFOs are linked lists that the VP's thread alone touches.
 * A node is a buffer (0-31) or a timer (32-35), so that timers keep their turn and need no buffer.
 */
import { HvStatus } from '../status.ts';
import {
  At,
  BUFFER_WORDS,
  BUFFERS_PER_SINT,
  Counter,
  ENABLE,
  INBOX_ATTENTION,
  MESSAGE_BUFFERS,
  Sint,
} from './layout.ts';

/** Word offsets in a message buffer. */
export const BufferAt = { Type: 0, SizeAndSint: 1, Port: 2, Incarnation: 3, Payload: 4 } as const;

const SINT_SHIFT = 16;

/** First word of message buffer `node` of the VP whose region starts at `region`. */
export const bufferOf = (region: number, node: number): number => region + At.Buffers + node * BUFFER_WORDS;

/** Payload bytes of the message in the buffer at `buffer`. */
export const sizeOf = (words: Int32Array, buffer: number): number => words[buffer + BufferAt.SizeAndSint]! & 0xff;

/**
 * Queues a message. Any thread.
 *
 * Accepted only while SCONTROL, SIMP and the SINT are all on: that is when the guest has said it listens. What was
 * accepted is kept until it is delivered, whatever the guest turns off meanwhile, or until the VP is reset.
 *
 * @param incarnation - the region's, read before the caller made sure that the region is the VP's
 * @returns `Success`: the caller then rings the doorbell. `InvalidSynicState`, `InsufficientBuffers`: nothing happened.
 */
export function enqueue(
  words: Int32Array,
  region: number,
  incarnation: number,
  sint: number,
  type: number,
  port: number,
  payload: Uint8Array,
): HvStatus {
  if (!listens(words, region, sint)) {
    Atomics.add(words, region + Counter.RefusedState, 1);
    return HvStatus.InvalidSynicState;
  }
  const node = takeBuffer(words, region, sint);
  if (node < 0) {
    Atomics.add(words, region + Counter.RefusedFull, 1);
    return HvStatus.InsufficientBuffers;
  }
  fill(words, bufferOf(region, node), sint, type, port, incarnation, payload);
  // No call and no loop stands between these two, and an engine ends a thread only at one: a ticket without an entry,
  // which would stop the inbox, cannot be left behind. A buffer can; it is then lost to the pool.
  const ticket = Atomics.add(words, region + At.InboxTail, 1);
  Atomics.store(words, region + At.Inbox + (ticket & (MESSAGE_BUFFERS - 1)), node + 1);
  Atomics.or(words, region + At.Attention, INBOX_ATTENTION);
  return HvStatus.Success;
}

/** Writes a message into a buffer that the caller took. */
export function fill(
  words: Int32Array,
  buffer: number,
  sint: number,
  type: number,
  port: number,
  incarnation: number,
  payload: Uint8Array,
): void {
  words[buffer + BufferAt.Type] = type;
  words[buffer + BufferAt.SizeAndSint] = payload.length | (sint << SINT_SHIFT);
  words[buffer + BufferAt.Port] = port;
  words[buffer + BufferAt.Incarnation] = incarnation;
  const whole = payload.length & ~3;
  const body = buffer + BufferAt.Payload;
  for (let i = 0; i < whole; i += 4) {
    words[body + (i >> 2)] = payload[i]! | (payload[i + 1]! << 8) | (payload[i + 2]! << 16) | (payload[i + 3]! << 24);
  }
  // The last word is padded with zeros: it is copied as a word, and must not carry what the buffer held before.
  if (whole < payload.length) words[body + (whole >> 2)] = 0;
  for (let i = whole; i < payload.length; i++) {
    words[body + (whole >> 2)] = words[body + (whole >> 2)]! | (payload[i]! << ((i & 3) * 8));
  }
}

/** Moves the inbox into the FIFOs, in order of arrival. VP's thread. */
export function acceptMail(words: Int32Array, region: number): void {
  const incarnation = Atomics.load(words, region + At.Incarnation);
  for (;;) {
    const head = words[region + At.InboxHead]!;
    const slot = region + At.Inbox + (head & (MESSAGE_BUFFERS - 1));
    const entry = Atomics.load(words, slot);
    if (entry === 0) return;
    Atomics.store(words, slot, 0);
    words[region + At.InboxHead] = head + 1;
    const node = entry - 1;
    const buffer = bufferOf(region, node);
    if (words[buffer + BufferAt.Incarnation] === incarnation) {
      append(words, region, words[buffer + BufferAt.SizeAndSint]! >>> SINT_SHIFT, node);
    } else {
      words[region + Counter.Stale] = words[region + Counter.Stale]! + 1;
      release(words, region, node);
    }
  }
}

/** Adds a node at the end of a SINT's FIFO. VP's thread. */
export function append(words: Int32Array, region: number, sint: number, node: number): void {
  words[region + At.Next + node] = 0;
  const last = words[region + At.Last + sint]!;
  words[last === 0 ? region + At.First + sint : region + At.Next + last - 1] = node + 1;
  words[region + At.Last + sint] = node + 1;
  words[region + At.Waiting] = words[region + At.Waiting]! | (1 << sint);
}

/** First node of a SINT's FIFO, or -1. VP's thread. */
export const first = (words: Int32Array, region: number, sint: number): number => words[region + At.First + sint]! - 1;

/** All nodes of a SINT's FIFO, in order. VP's thread. */
export function nodes(words: Int32Array, region: number, sint: number): number[] {
  const all: number[] = [];
  for (let node = first(words, region, sint); node >= 0; node = words[region + At.Next + node]! - 1) all.push(node);
  return all;
}

/** Removes the first node of a SINT's FIFO, which is not empty. @returns whether more remain. VP's thread. */
export function removeFirst(words: Int32Array, region: number, sint: number): boolean {
  const next = words[region + At.Next + first(words, region, sint)]!;
  words[region + At.First + sint] = next;
  if (next !== 0) return true;
  words[region + At.Last + sint] = 0;
  words[region + At.Waiting] = words[region + At.Waiting]! & ~(1 << sint);
  return false;
}

/** Takes a node out of whatever FIFO holds it. @returns whether one did. VP's thread. */
export function unlink(words: Int32Array, region: number, node: number): boolean {
  for (let waiting = words[region + At.Waiting]!; waiting !== 0; waiting &= waiting - 1) {
    const sint = 31 - Math.clz32(waiting & -waiting);
    let previous = -1;
    for (let at = first(words, region, sint); at >= 0; at = words[region + At.Next + at]! - 1) {
      if (at === node) {
        if (previous < 0) {
          removeFirst(words, region, sint);
        } else {
          const next = words[region + At.Next + node]!;
          words[region + At.Next + previous] = next;
          if (next === 0) words[region + At.Last + sint] = previous + 1;
        }
        return true;
      }
      previous = at;
    }
  }
  return false;
}

/** Frees a message buffer that is in no FIFO. VP's thread. */
export function release(words: Int32Array, region: number, node: number): void {
  const sint = words[bufferOf(region, node) + BufferAt.SizeAndSint]! >>> SINT_SHIFT;
  Atomics.and(words, region + At.BuffersUsed, ~(1 << node));
  Atomics.sub(words, region + At.Held + sint, 1);
}

/** Whether SCONTROL, SIMP and the SINT all allow messages to be delivered. */
export function listens(words: Int32Array, region: number, sint: number): boolean {
  return (
    (Atomics.load(words, region + At.Scontrol) & Atomics.load(words, region + At.Simp) & ENABLE) !== 0 &&
    (Atomics.load(words, region + At.Sint + sint) & Sint.Masked) === 0
  );
}

/** Takes a message buffer for a SINT, or returns -1 when the pool is empty or the SINT has its share. Any thread. */
export function takeBuffer(words: Int32Array, region: number, sint: number): number {
  if (Atomics.add(words, region + At.Held + sint, 1) < BUFFERS_PER_SINT) {
    for (;;) {
      const used = Atomics.load(words, region + At.BuffersUsed);
      const free = ~used;
      if (free === 0) break;
      const bit = free & -free;
      if (Atomics.compareExchange(words, region + At.BuffersUsed, used, used | bit) === used) {
        return 31 - Math.clz32(bit);
      }
    }
  }
  Atomics.sub(words, region + At.Held + sint, 1);
  return -1;
}

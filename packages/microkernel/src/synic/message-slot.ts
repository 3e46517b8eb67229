/**
 * Slots of the message page: where a queued message becomes visible to the guest.
 *
 * TLFS, "SIM Page" and "SynIC Message Flags". Slot of SINT n at n * 256:
 *
 *     +0  u32 type, 0 = free    +4  u8 payload bytes    +5  u8 flags, bit 0: more are queued    +6  u16 reserved
 *     +8  u64 port id of the sender                     +16 payload, at most 240 bytes
 *
 * Guest code runs meanwhile, on other VPs of the partition. So the type is written last and with release; and in a full
 * slot nothing but the pending bit is touched, atomically: writing the whole header back would bring a message to life
 * again that the guest freed a moment ago.
 */
import type { GuestMemory } from '../memory/guest-memory.ts';
import { At, Counter, MESSAGE_BUFFERS, TIMER_WORDS } from './layout.ts';
import { BufferAt, bufferOf, first, listens, release, removeFirst, sizeOf } from './message-queue.ts';

/** Message type of an expired synthetic timer (TLFS, HvMessageTimerExpired). */
const TIMER_EXPIRED = 0x8000_0010;

/** Word offsets of the expiration time in a timer's record: see `timers.ts`. */
const ExpiryAt = { Low: 6, High: 7 } as const;

const SLOT_BYTES = 256;
const FLAGS = 5;
const MESSAGE_PENDING = 1;
const PENDING_IN_HEADER = MESSAGE_PENDING << 8;
const TIMER_PAYLOAD_BYTES = 24;

/** Who watches what reaches the slots. */
export interface DeliveryObserver {
  /** All of the slot but the type, which is its first word, is written. */
  delivers(sint: number, type: number, guest: Int32Array, slot: number): void;
}

/**
 * Delivers the first message of a SINT's FIFO, if the guest listens and its slot is free. VP's thread.
 *
 * @param page - offset in `memory` of the message page
 * @param now - the partition's reference time, for a timer's delivery time
 * @param seen - told of the message just before the guest can see it; nobody when absent
 * @returns whether a message was delivered.
 */
export function deliver(
  words: Int32Array,
  region: number,
  sint: number,
  memory: GuestMemory,
  page: number,
  now: number,
  seen?: DeliveryObserver,
): boolean {
  const node = first(words, region, sint);
  if (node < 0 || !listens(words, region, sint)) return false;
  const slot = page + sint * SLOT_BYTES;
  const guest = memory.words;
  if (Atomics.load(guest, slot >>> 2) !== 0) {
    Atomics.or(memory.bytes, slot + FLAGS, MESSAGE_PENDING);
    // The guest frees the slot and then looks at the bit; we set the bit and then look at the slot. One of us notices.
    if (Atomics.load(guest, slot >>> 2) !== 0) return false;
  }
  const pending = removeFirst(words, region, sint) ? PENDING_IN_HEADER : 0;
  const at = slot >>> 2;
  const type =
    node < MESSAGE_BUFFERS
      ? putMessage(words, region, node, guest, at, pending)
      : putTimer(words, region, node - MESSAGE_BUFFERS, guest, at, pending, now);
  seen?.delivers(sint, type, guest, at);
  Atomics.store(guest, at, type);
  words[region + Counter.Delivered] = words[region + Counter.Delivered]! + 1;
  return true;
}

function putMessage(
  words: Int32Array,
  region: number,
  node: number,
  guest: Int32Array,
  slot: number,
  pending: number,
): number {
  const buffer = bufferOf(region, node);
  const size = sizeOf(words, buffer);
  for (let i = 0; i * 4 < size; i++) guest[slot + 4 + i] = words[buffer + BufferAt.Payload + i]!;
  guest[slot + 1] = size | pending;
  guest[slot + 2] = words[buffer + BufferAt.Port]!;
  guest[slot + 3] = 0;
  const type = words[buffer + BufferAt.Type]!;
  release(words, region, node);
  return type;
}

function putTimer(
  words: Int32Array,
  region: number,
  timer: number,
  guest: Int32Array,
  slot: number,
  pending: number,
  now: number,
): number {
  const record = region + At.Timers + timer * TIMER_WORDS;
  guest[slot + 1] = TIMER_PAYLOAD_BYTES | pending;
  guest[slot + 2] = 0;
  guest[slot + 3] = 0;
  guest[slot + 4] = timer;
  guest[slot + 5] = 0;
  guest[slot + 6] = words[record + ExpiryAt.Low]!;
  guest[slot + 7] = words[record + ExpiryAt.High]!;
  guest[slot + 8] = now >>> 0;
  guest[slot + 9] = Math.floor(now / 2 ** 32);
  words[region + At.TimersQueued] = words[region + At.TimersQueued]! & ~(1 << timer);
  return TIMER_EXPIRED | 0;
}

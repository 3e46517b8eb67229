/**
 * Saved state of a virtual processor's SynIC: named, plain, JSON-able, without a word of how it lies in shared state.
 *
 * Only what cannot be derived is saved. Which SINTs wait, which buffers are taken and which timers are queued follows
 * from the queues when they are restored. Times are the partition's reference time.
 */
import {
  At,
  ENABLE,
  MESSAGE_BUFFERS,
  MESSAGE_PAYLOAD_BYTES,
  PAGE_WORDS,
  Sint,
  SINT_COUNT,
  TIMER_COUNT,
} from './layout.ts';
import { append, BufferAt, bufferOf, fill, nodes, sizeOf, takeBuffer } from './message-queue.ts';
import { dueAt, expiredAt, queueExpired, readCount, restoreTimer, timerOf } from './timers.ts';

/** One queued message, or one expired timer whose message has not been delivered. */
export type SavedMessage =
  | { readonly timer: number; readonly expired: number }
  | { readonly type: number; readonly port: number; readonly payload: readonly number[] };

/** A timer. COUNT is hexadecimal text; `due` is absent while the timer is not armed. */
export interface SavedTimer {
  readonly config: number;
  readonly count: string;
  readonly due?: number;
}

/** The SynIC of one VP. Page registers are guest physical addresses with bit 0 for enabled. */
export interface SavedSynic {
  readonly v: 1;
  readonly scontrol: number;
  readonly siefp: number;
  readonly simp: number;
  readonly sints: readonly number[];
  readonly timers: readonly SavedTimer[];
  /** Messages that wait, in order, by SINT. */
  readonly queues: readonly (readonly SavedMessage[])[];
  /** Each page's other content as 32-bit words: the overlay's while it is off, what lies below while it is on. */
  readonly pages: { readonly messages: readonly number[]; readonly eventFlags: readonly number[] };
}

/** Reads the state of a VP that has settled and does not run. */
export function saveSynic(words: Int32Array, region: number): SavedSynic {
  const bytes = new Uint8Array(words.buffer, words.byteOffset);
  const message = (node: number): SavedMessage => {
    if (node >= MESSAGE_BUFFERS) {
      const timer = node - MESSAGE_BUFFERS;
      return { timer, expired: expiredAt(words, region, timer) };
    }
    const buffer = bufferOf(region, node);
    const payload = (buffer + BufferAt.Payload) * 4;
    return {
      type: words[buffer + BufferAt.Type]!,
      port: words[buffer + BufferAt.Port]!,
      payload: Array.from(bytes.subarray(payload, payload + sizeOf(words, buffer))),
    };
  };
  return {
    v: 1,
    scontrol: words[region + At.Scontrol]!,
    siefp: page(words, region + At.Siefp),
    simp: page(words, region + At.Simp),
    sints: Array.from(words.subarray(region + At.Sint, region + At.Sint + SINT_COUNT)),
    timers: Array.from({ length: TIMER_COUNT }, (_, timer) => {
      const due = dueAt(words, region, timer);
      const count = `0x${readCount(words, region, timer).toString(16)}`;
      return { config: words[timerOf(region, timer)]!, count, ...(due === Infinity ? {} : { due }) };
    }),
    queues: Array.from({ length: SINT_COUNT }, (_, sint) => nodes(words, region, sint).map(message)),
    pages: {
      messages: Array.from(words.subarray(region + At.SimpOther, region + At.SimpOther + PAGE_WORDS)),
      eventFlags: Array.from(words.subarray(region + At.SiefpOther, region + At.SiefpOther + PAGE_WORDS)),
    },
  };
}

/**
 * Restores into a region that was just reset. Guest memory, with what enabled overlays hold, is restored by others.
 *
 * @returns `false`, half done, when the state has more messages than there are buffers, or one that cannot be.
 */
export function restoreSynic(words: Int32Array, region: number, saved: SavedSynic): boolean {
  setPage(words, region + At.Siefp, saved.siefp);
  setPage(words, region + At.Simp, saved.simp);
  words.set(saved.pages.messages.slice(0, PAGE_WORDS), region + At.SimpOther);
  words.set(saved.pages.eventFlags.slice(0, PAGE_WORDS), region + At.SiefpOther);
  for (const [sint, bits] of saved.sints.slice(0, SINT_COUNT).entries()) {
    words[region + At.Sint + sint] = bits & Sint.All;
  }
  for (const [timer, { config, count, due }] of saved.timers.slice(0, TIMER_COUNT).entries()) {
    restoreTimer(words, region, timer, config, BigInt(count), due);
  }
  const incarnation = words[region + At.Incarnation]!;
  for (const [sint, queue] of saved.queues.slice(0, SINT_COUNT).entries()) {
    for (const message of queue) {
      if ('timer' in message) {
        if (!(message.timer >= 0 && message.timer < TIMER_COUNT)) return false;
        queueExpired(words, region, message.timer, sint, message.expired);
        continue;
      }
      const node = message.payload.length > MESSAGE_PAYLOAD_BYTES ? -1 : takeBuffer(words, region, sint);
      if (node < 0) return false;
      const payload = Uint8Array.from(message.payload);
      fill(words, bufferOf(region, node), sint, message.type, message.port, incarnation, payload);
      append(words, region, sint, node);
    }
  }
  Atomics.store(words, region + At.Scontrol, saved.scontrol & ENABLE);
  return true;
}

const page = (words: Int32Array, at: number): number => (words[at + 1]! >>> 0) * 2 ** 32 + (words[at]! >>> 0);

function setPage(words: Int32Array, at: number, value: number): void {
  words[at + 1] = Math.floor(value / 2 ** 32);
  words[at] = value >>> 0;
}

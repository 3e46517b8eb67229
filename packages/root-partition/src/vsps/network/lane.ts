/**
 * Lane: one channel of the adapter, and the frames that wait to go to the guest by it in one packet.
 *
 * The room of that packet counts as taken from its first frame on: answers leave it alone, so it always fits.
 */
import { NVSP_SIZE_V61 } from '@ringlet/protocols';
import type { Channel } from '@ringlet/vmbus';
import type { ReceiveBuffer } from './receive-buffer.ts';

/** Frames in one packet, at most. hv_netvsc takes several hundred; more than these save little. */
const MOST_IN_BATCH = 64;
/** Bytes of a packet beside its payload's: those before the ranges, and each range. */
const RANGES_HEADER = 8;
const RANGE = 8;
const NONE = -1;

/** One open channel. */
export class Lane {
  readonly channel: Channel;
  /** 0 for the primary channel. */
  readonly index: number;
  readonly #batch = {
    set: 0,
    count: 0,
    offsets: new Uint32Array(MOST_IN_BATCH),
    lengths: new Uint32Array(MOST_IN_BATCH),
  };
  #first = NONE;
  #last = NONE;
  #waitingForRoom = false;
  #batches = 0;

  constructor(channel: Channel) {
    this.channel = channel;
    this.index = channel.subchannelIndex;
  }

  /** Whether a message fits beside the frames that wait. */
  fits(bytes: number): boolean {
    return this.channel.hasRoom(bytes, this.reserved);
  }

  /** The same; when it does not, the ring is read again once it does. */
  hasRoom(bytes: number): boolean {
    if (this.fits(bytes)) return true;
    if (!this.#waitingForRoom) {
      this.#waitingForRoom = true;
      this.channel.whenRoom(this.reserved + bytes, () => {
        this.#waitingForRoom = false;
        this.channel.resume();
      });
    }
    return false;
  }

  /** Whether one more frame can wait here. */
  get takesFrame(): boolean {
    const more = NVSP_SIZE_V61 + RANGES_HEADER + RANGE * (this.#batch.count + 1);
    return this.#batch.count < MOST_IN_BATCH && this.channel.hasRoom(more);
  }

  /** Whether frames wait. */
  get waiting(): boolean {
    return this.#batch.count > 0;
  }

  /** Puts a frame that lies in a suballocation behind those that wait. */
  add(buffer: ReceiveBuffer, section: number, length: number): void {
    const batch = this.#batch;
    if (batch.count === 0) this.#first = section;
    else buffer.link(this.#last, section);
    this.#last = section;
    batch.set = buffer.id;
    batch.offsets[batch.count] = section * buffer.size;
    batch.lengths[batch.count++] = length;
  }

  /** Sends the frames that wait. @returns how many could not be: the channel is closing */
  flush(buffer: ReceiveBuffer, payload: Uint8Array): number {
    const { count } = this.#batch;
    if (count === 0) return 0;
    const first = this.#first;
    buffer.sent(first);
    const sent = this.channel.requestTransfer(payload, this.#batch, first + 1, 0);
    this.#forget();
    if (!sent) {
      buffer.unsent(first);
      return count;
    }
    this.#batches++;
    this.channel.flush();
    return 0;
  }

  /** The receive buffer is gone, and with it the frames that waited in it. */
  drop(): void {
    this.#forget();
  }

  inspect(): Record<string, unknown> {
    return {
      index: this.index,
      batches: this.#batches,
      waiting: this.#batch.count,
      waitingForRoom: this.#waitingForRoom,
    };
  }

  #forget(): void {
    this.#batch.count = 0;
    this.#first = NONE;
    this.#last = NONE;
  }

  /** Bytes of ring that the frames which wait will take. */
  get reserved(): number {
    const { count } = this.#batch;
    return count === 0 ? 0 : this.channel.packetBytes(NVSP_SIZE_V61 + RANGES_HEADER + RANGE * count);
  }
}

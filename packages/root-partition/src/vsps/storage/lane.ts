/**
 * Lane: one channel of the controller, the requests that came by it, and the room that their answers will need.
 *
 * An answer's room is promised before its request is taken from the ring, so an answer always fits. The promises are
 * divided among the units, because requests come in one line:
 *
 *     limit = half of the answers the ring holds            (the other half: answers the guest has not read yet)
 *      ├── half of it in equal, guaranteed shares for each unit
 *      └── the rest for whoever comes first
 *
 * A request beyond that is answered with TASK SET FULL at once. So the line never stops because one unit is slow; it
 * stops only while the guest does not read its answers.
 */
import { VSTOR_PACKET_SIZE } from '@ringlet/protocols';
import type { Channel } from '@ringlet/vmbus';
import { StorageRequest } from './storage-request.ts';

/** Requests of one channel in the device at a time, at most. */
const MOST_OUTSTANDING = 1024;
/** Largest ring whose room is measured. */
const LARGEST_ANSWER = 1 << 24;

/** One open channel. */
export class Lane {
  readonly channel: Channel;
  /** 0 for the primary channel. */
  readonly index: number;
  /** Requests between the ring and their answer. */
  outstanding = 0;
  /** Set when the guest closed the channel: called when nothing is in flight any more. */
  closing: (() => void) | undefined = undefined;
  /** A packet of a subchannel came before the controller was ready. */
  held = false;

  readonly #answerBytes: number;
  readonly #limit: number;
  readonly #done: (request: StorageRequest) => void;
  readonly #all: StorageRequest[] = [];
  #free: StorageRequest | undefined;
  #sequence = 0;

  #share = 0;
  /** Sum, over all units, of what is left of their guaranteed shares. */
  #promised = 0;
  #outstandingOf: Int32Array = new Int32Array(0);
  #waitingForRoom = false;

  constructor(channel: Channel, units: number, done: (request: StorageRequest) => void) {
    this.channel = channel;
    this.index = channel.subchannelIndex;
    this.#done = done;
    this.#answerBytes = channel.packetBytes(VSTOR_PACKET_SIZE);
    this.#limit = Math.max(1, Math.min(MOST_OUTSTANDING, Math.floor(measureRoom(channel) / this.#answerBytes / 2)));
    this.divide(units);
  }

  /** Bytes of ring that are promised to answers. */
  get reserved(): number {
    return this.outstanding * this.#answerBytes;
  }

  /** Whether one more answer fits behind all that are promised. When not, the ring is read again once it does. */
  hasRoom(): boolean {
    if (this.channel.hasRoom(VSTOR_PACKET_SIZE, this.reserved)) return true;
    if (!this.#waitingForRoom) {
      this.#waitingForRoom = true;
      this.channel.whenRoom(this.reserved + VSTOR_PACKET_SIZE, () => {
        this.#waitingForRoom = false;
        this.channel.resume();
      });
    }
    return false;
  }

  /** Whether a unit may have one more request in the device by this channel. */
  admits(slot: number): boolean {
    return this.#outstandingOf[slot]! < this.#share || this.outstanding + this.#promised < this.#limit;
  }

  /** Divides the limit among so many units. Slots that exist keep their count. */
  divide(units: number): void {
    const counts = new Int32Array(Math.max(units, this.#outstandingOf.length));
    counts.set(this.#outstandingOf);
    this.#outstandingOf = counts;
    this.#share = units === 0 ? 0 : Math.floor(this.#limit / 2 / units);
    this.#promised = 0;
    for (const count of counts) this.#promised += Math.max(0, this.#share - count);
  }

  /** Books a request of a unit, or, with slot -1, one that has none. */
  enter(slot: number): void {
    this.outstanding++;
    if (slot >= 0 && this.#outstandingOf[slot]!++ < this.#share) this.#promised--;
  }

  /** The counterpart of {@link enter}. */
  leave(slot: number): void {
    this.outstanding--;
    if (slot >= 0 && --this.#outstandingOf[slot]! < this.#share) this.#promised++;
  }

  /** A request from the pool, which grows to the most that were ever in use at once. */
  take(): StorageRequest {
    let request = this.#free;
    if (request === undefined) {
      request = new StorageRequest(this, this.channel.memory.bytes, this.#done);
      this.#all.push(request);
    } else {
      this.#free = request.next;
      request.next = undefined;
    }
    request.active = true;
    request.era = this.channel.memory.uses.begin();
    request.sequence = this.#sequence++;
    return request;
  }

  /** Gives a request back to the pool. */
  give(request: StorageRequest): void {
    request.active = false;
    this.channel.memory.uses.end(request.era);
    request.next = this.#free;
    this.#free = request;
  }

  /** Requests in the device, in the order they came. */
  active(): StorageRequest[] {
    return this.#all.filter((request) => request.active).toSorted((a, b) => a.sequence - b.sequence);
  }

  inspect(): Record<string, unknown> {
    return {
      index: this.index,
      outstanding: this.outstanding,
      limit: this.#limit,
      share: this.#share,
      pooled: this.#all.length,
      waitingForRoom: this.#waitingForRoom,
    };
  }
}

/** Bytes that fit into the outgoing ring now: all of it when the channel has just been opened. */
function measureRoom(channel: Channel): number {
  let fits = 0;
  for (let step = LARGEST_ANSWER; step >= 8; step /= 2) if (channel.hasRoom(fits + step)) fits += step;
  return channel.packetBytes(fits);
}

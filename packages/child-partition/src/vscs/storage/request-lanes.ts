/** RequestLanes: all channels of one controller, and who waits for room in them. */
import { PAGE_SIZE } from '@ringlet/microkernel';
import { VSTOR_PACKET_SIZE } from '@ringlet/protocols';
import type { Channel } from '@ringlet/vmbus';
import { Lane, LANE_DEPTH, type LaneWorld } from './lane.ts';
import type { StorageGuest } from './storage-guest.ts';

/** Bytes of one request at most, whatever the root allows. */
const LONGEST_TRANSFER = 0x40_0000;
/** Those who wait for room at most: a program that forgot to wait for its own requests. */
const MOST_WAITING = 0x1_0000;

/** The channels that requests are spread over. */
export class RequestLanes implements LaneWorld {
  readonly guest: StorageGuest;
  readonly #changed: () => void;
  readonly #lanes: Lane[] = [];
  #next = 0;
  #waiting: (() => void)[] = [];
  #closed = false;
  #maxTransferBytes = PAGE_SIZE;

  /** @param changed - a unit told that something about the units is different */
  constructor(guest: StorageGuest, changed: () => void) {
    this.guest = guest;
    this.#changed = changed;
  }

  /** The first channel; `undefined` when it is gone. */
  get primary(): Channel | undefined {
    return this.#lanes[0]?.channel;
  }

  /** Channels in use. */
  get count(): number {
    return this.#lanes.length;
  }

  /** Nothing will be answered any more. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Bytes that one request may move. */
  get maxTransferBytes(): number {
    return this.#maxTransferBytes;
  }

  /** Takes what the root allows, as far as its page list fits into the ring. */
  limitTransfers(allowed: number): void {
    let bytes = Math.max(PAGE_SIZE, wholePages(Math.min(allowed, LONGEST_TRANSFER)));
    while (bytes > PAGE_SIZE && this.primary?.hasRoom(requestBytes(bytes)) === false) bytes = wholePages(bytes / 2);
    this.#maxTransferBytes = bytes;
  }

  /** Adds a channel. */
  add(channel: Channel): Lane {
    const lane = new Lane(channel, this);
    this.#lanes.push(lane);
    return lane;
  }

  /** Takes a channel out; its requests end as gone. */
  drop(lane: Lane): void {
    const at = this.#lanes.indexOf(lane);
    if (at < 0) return;
    this.#lanes.splice(at, 1);
    lane.close();
  }

  /** Ends everything. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes.splice(0)) lane.close();
    this.freed();
  }

  /** The lane of a channel. */
  of(channel: Channel): Lane | undefined {
    return this.#lanes.find((lane) => lane.channel === channel);
  }

  /** A lane with a free slot, each in turn; `undefined` when there is none. */
  pick(): Lane | undefined {
    const lanes = this.#lanes;
    for (let tried = 0; tried < lanes.length; tried++) {
      this.#next = this.#next + 1 < lanes.length ? this.#next + 1 : 0;
      const lane = lanes[this.#next]!;
      if (lane.inUse < LANE_DEPTH) return lane;
    }
    return undefined;
  }

  /** Calls `run` once when a request may fit again. @throws RangeError when too many wait */
  whenReady(run: () => void): void {
    if (this.#waiting.length >= MOST_WAITING) throw new RangeError('too many requests wait for room');
    this.#waiting.push(run);
    // Nothing in flight that could free a slot: the ring itself was full, of packets the root has yet to take.
    if (this.#lanes.every((lane) => lane.inUse === 0)) {
      this.primary?.whenRoom(requestBytes(this.#maxTransferBytes), () => this.freed());
    }
  }

  after(ticks: number, run: () => void): () => void {
    return this.guest.after(ticks, run);
  }

  changed(): void {
    this.#changed();
  }

  freed(): void {
    if (this.#waiting.length === 0) return;
    for (const waiting of this.#waiting.splice(0)) waiting();
  }
}

const wholePages = (bytes: number): number => Math.floor(bytes / PAGE_SIZE) * PAGE_SIZE;

/** Payload that takes as much of a ring as a request whose data lies in pages of its own. */
const requestBytes = (transferBytes: number): number => VSTOR_PACKET_SIZE + 16 + 8 * (transferBytes / PAGE_SIZE + 1);

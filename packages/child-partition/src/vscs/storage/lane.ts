/**
 * Lane: one channel of the controller as the driver uses it: a table of slots, and the answers that come back.
 *
 * A transaction id is a slot's number plus one, and in its high half the slot's generation. An answer that fits no slot
 * in use is dropped and counted: the root is not trusted either.
 */
import {
  DataDirection,
  readSense,
  ScsiStatus,
  SenseKey,
  SRB_AUTOSENSE_VALID,
  SRB_STATUS_MASK,
  SrbStatus,
  VSTOR_SENSE_SIZE,
  VstorAt,
  VstorOperation,
} from '@ringlet/protocols';
import { PAGE_SIZE } from '@ringlet/microkernel';
import type { Channel, Packet } from '@ringlet/vmbus';
import { Slot } from './slot.ts';
import { BlockStatus } from './storage-error.ts';

/** Requests in flight on one channel. */
export const LANE_DEPTH = 128;
/** Times a request is sent again when the unit had something else to say first, or was busy. */
const MOST_RETRIES = 8;
/** How long a busy unit is left alone: 1 ms. */
const BUSY_TICKS = 10_000;

/** What a lane needs to be given. */
export interface LaneWorld {
  after(ticks: number, run: () => void): () => void;
  /** A unit told of a change by sense data (capacity, medium, list of units), or is not there any more. */
  changed(): void;
  /** A slot is free again. */
  freed(): void;
}

/** One channel's requests. */
export class Lane {
  readonly channel: Channel;
  readonly #world: LaneWorld;
  readonly #slots: Slot[] = [];
  /** Page numbers of a contiguous buffer, filled in for each request that has one. */
  #pages = new Float64Array(17);
  readonly #senseBytes = new Uint8Array(VSTOR_SENSE_SIZE);
  #free: Slot | undefined;
  #inUse = 0;
  #strangers = 0;
  #closed = false;

  constructor(channel: Channel, world: LaneWorld) {
    this.channel = channel;
    this.#world = world;
    for (let index = LANE_DEPTH - 1; index >= 0; index--) {
      const slot = new Slot(index);
      this.#slots[index] = slot;
      slot.next = this.#free;
      this.#free = slot;
    }
  }

  /** Requests in flight. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Answers to requests that nobody made. */
  get strangers(): number {
    return this.#strangers;
  }

  /** A free slot, or `undefined` when all are in use. Give it to {@link send} or {@link release}. */
  take(): Slot | undefined {
    const slot = this.#free;
    if (slot === undefined || this.#closed) return undefined;
    this.#free = slot.next;
    slot.next = undefined;
    slot.busy = true;
    slot.generation = (slot.generation + 1) >>> 0;
    this.#inUse++;
    return slot;
  }

  /** Gives a slot back. */
  release(slot: Slot): void {
    slot.busy = false;
    slot.owner = undefined;
    slot.callback = undefined;
    slot.pages = undefined;
    slot.next = this.#free;
    this.#free = slot;
    this.#inUse--;
  }

  /** Sends a slot's request. @returns false when the ring has no room now: nothing was sent */
  send(slot: Slot): boolean {
    const { channel } = this;
    let sent: boolean;
    if (slot.length === 0) {
      sent = channel.request(slot.packet, slot.index + 1, slot.generation);
    } else {
      const offset = slot.pages === undefined ? slot.offset % PAGE_SIZE : slot.offset;
      const pages = slot.pages ?? this.#contiguous(slot.offset, slot.length);
      sent = channel.requestDirect(slot.packet, pages, offset, slot.length, slot.index + 1, slot.generation);
    }
    if (sent) channel.flush();
    return sent;
  }

  /** An answer came. */
  completed(packet: Packet): void {
    const slot = this.#slots[packet.transactionLow - 1];
    const operation = packet.u32(VstorAt.operation);
    if (slot === undefined || !slot.busy || slot.generation !== packet.transactionHigh) {
      this.#strangers++;
      return;
    }
    // 48 bytes hold everything up to the sense data, in every version.
    const whole = packet.length >= VstorAt.sense + VSTOR_SENSE_SIZE && operation === VstorOperation.CompleteIo;
    const srb = whole ? packet.u8(VstorAt.srbStatus) : 0;
    slot.srbStatus = srb & SRB_STATUS_MASK;
    slot.scsiStatus = whole ? packet.u8(VstorAt.scsiStatus) : 0;
    slot.transferred = whole ? Math.min(packet.u32(VstorAt.dataTransferLength), slot.length) : 0;
    slot.sense = 0;
    if (slot.scsiStatus !== ScsiStatus.Good && this.#again(slot, srb, packet)) return;
    if (slot.srbStatus === SrbStatus.InvalidLun) this.#world.changed();
    this.#end(slot);
  }

  /** The channel is gone: nothing more is answered. */
  close(): void {
    this.#closed = true;
    for (const slot of this.#slots) {
      if (!slot.busy) continue;
      slot.srbStatus = SrbStatus.NoDevice;
      slot.scsiStatus = 0;
      slot.transferred = 0;
      slot.sense = 0;
      this.#end(slot);
    }
  }

  /** Looks at an answer that is not good. @returns whether the request goes out again */
  #again(slot: Slot, srb: number, packet: Packet): boolean {
    if (slot.scsiStatus === ScsiStatus.CheckCondition && (srb & SRB_AUTOSENSE_VALID) !== 0) {
      packet.copyTo(this.#senseBytes, VstorAt.sense);
      slot.sense = readSense(this.#senseBytes);
    }
    if (slot.sense >> 16 === SenseKey.UnitAttention) {
      this.#world.changed();
      if (slot.retries++ >= MOST_RETRIES) return false;
      if (!this.#resend(slot)) this.#later(slot);
      return true;
    }
    const busy = slot.scsiStatus === ScsiStatus.TaskSetFull || slot.scsiStatus === ScsiStatus.Busy;
    if (busy) this.#later(slot);
    return busy;
  }

  #resend(slot: Slot): boolean {
    slot.generation = (slot.generation + 1) >>> 0;
    return this.send(slot);
  }

  #later(slot: Slot): void {
    const { generation } = slot;
    this.#world.after(BUSY_TICKS, () => {
      if (!slot.busy || slot.generation !== generation || this.#closed) return;
      if (!this.#resend(slot)) this.#later(slot);
    });
  }

  #end(slot: Slot): void {
    slot.owner?.ended(slot, this);
    this.#world.freed();
  }

  #contiguous(gpa: number, length: number): Float64Array {
    const first = Math.floor(gpa / PAGE_SIZE);
    const count = Math.ceil(((gpa % PAGE_SIZE) + length) / PAGE_SIZE);
    if (count > this.#pages.length) this.#pages = new Float64Array(count);
    for (let i = 0; i < count; i++) this.#pages[i] = first + i;
    return this.#pages;
  }
}

/** The outcome of a slot's request as a {@link BlockStatus}. */
export function statusOf(slot: Slot): number {
  if (slot.srbStatus === SrbStatus.Success && slot.scsiStatus === ScsiStatus.Good) {
    const moved = slot.packet[VstorAt.dataIn] === DataDirection.Unknown ? slot.length : slot.transferred;
    return moved === slot.length ? BlockStatus.Ok : BlockStatus.Failed;
  }
  if (slot.srbStatus === SrbStatus.InvalidLun || slot.srbStatus === SrbStatus.NoDevice) return BlockStatus.Gone;
  return slot.sense === 0 ? BlockStatus.Failed : slot.sense;
}

/**
 * Control path: RNDIS messages that are not frames. The driver's come one by one and are handled at once; each answer, and
 * each word about the link, needs a suballocation of the receive buffer and room in the primary channel's ring, and waits
 * for them here. There are few: who asks on without reading is refused.
 */
import { TraceSender } from '@ringlet/microkernel';
import {
  AnsweredOid,
  NO_SECTION,
  NvspRndisPacket,
  NvspType,
  RndisChannel,
  RndisComplete,
  RndisStatus,
} from '@ringlet/protocols';
import type { PacketTrace } from '@ringlet/vmbus';
import type { Adapter } from './adapter.ts';
import type { GatherList } from './gather-list.ts';
import type { Lane } from './lane.ts';
import type { ReceiveBuffer } from './receive-buffer.ts';
import { handleControl, indicateStatus, MOST_CONTROL_BYTES } from './rndis-control.ts';

/** Answers that wait, at most. */
const MOST_WAITING = 64;
/** Bytes of a packet's ranges: their header and one. */
const ONE_RANGE = 16;

/** An NVSP message that says what a packet to the guest carries. */
export function rndisPayload(channel: number, size: number): Uint8Array {
  const payload = new Uint8Array(size);
  NvspRndisPacket.write(new DataView(payload.buffer), 0, {
    type: NvspType.SendRndisPacket,
    channel,
    section: NO_SECTION,
    sectionSize: 0,
  });
  return payload;
}

/** Where answers go now: the primary channel, the receive buffer, and bytes of an NVSP message. */
export interface AnswerPlace {
  readonly lane: Lane;
  readonly buffer: ReceiveBuffer;
  readonly messageSize: number;
}

/** The control messages of one adapter. */
export class ControlPath {
  readonly #adapter: Adapter;
  readonly #place: () => AnswerPlace | undefined;
  readonly #bytes = new Uint8Array(MOST_CONTROL_BYTES);
  readonly #target = { bytes: this.#bytes, quads: new BigUint64Array(this.#bytes.buffer) };
  /** Messages; behind some is, for traces, which OID they answer. */
  #queue: Uint8Array[] = [];
  #waitingForRoom = false;

  /** @param place - `undefined` while there is none */
  constructor(adapter: Adapter, place: () => AnswerPlace | undefined) {
    this.#adapter = adapter;
    this.#place = place;
  }

  /** Answers that wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Handles the message that a packet holds. @returns what is wrong with it */
  handle(data: GatherList, trace: PacketTrace | undefined): string | undefined {
    const length = data.left;
    if (length > MOST_CONTROL_BYTES) return 'a control message longer than any is';
    if (this.#queue.length >= MOST_WAITING) return 'control messages without reading the answers';
    if (this.#place() === undefined) return 'a control message without a receive buffer';
    data.copy(this.#target, 0, length);
    trace?.data(TraceSender.Guest, viewOf(this.#bytes), 0, length);
    const { answer, oid, malformed } = handleControl(this.#bytes.subarray(0, length), this.#adapter);
    if (answer !== undefined) this.#queue.push(oid === undefined ? answer : answering(oid, answer));
    return malformed;
  }

  /** Sends what can be sent. What cannot is tried again when there is room; call it when a suballocation is free. */
  pump(): void {
    const place = this.#place();
    if (place === undefined) return;
    while (this.#queue.length > 0 && !this.#waitingForRoom) if (!this.#sendFirst(place)) return;
    // As long as the guest does not listen, it is told of the last state only.
    const { initialized, link, toldLink } = this.#adapter;
    if (!initialized || link === toldLink || this.#queue.length > 0) return;
    this.#adapter.toldLink = link;
    this.#queue.push(indicateStatus(link ? RndisStatus.MediaConnect : RndisStatus.MediaDisconnect));
    this.#sendFirst(place);
  }

  /** Forgets all: the channel is closed. */
  clear(): void {
    this.#queue = [];
    this.#waitingForRoom = false;
  }

  save(): number[][] {
    return this.#queue.map((answer) => Array.from(answer));
  }

  restore(saved: readonly (readonly number[])[]): void {
    this.#queue = saved.slice(0, MOST_WAITING).map((answer) => Uint8Array.from(answer));
  }

  /** @returns whether the first that waits does not any more */
  #sendFirst({ lane, buffer, messageSize }: AnswerPlace): boolean {
    const bytes = messageSize + ONE_RANGE;
    if (!lane.fits(bytes)) {
      this.#waitingForRoom = lane.channel.whenRoom(bytes + lane.reserved, () => {
        this.#waitingForRoom = false;
        this.pump();
      });
      return false;
    }
    const section = buffer.take(true);
    if (section < 0) return false;
    const traced = this.#queue.shift()!;
    const answer = traced.subarray(0, Math.min(lengthOf(traced), buffer.size));
    const ranges = { set: buffer.id, count: 1, offsets: [section * buffer.size], lengths: [answer.length] };
    buffer.sent(section);
    lane.channel.tracing?.data(TraceSender.Root, viewOf(traced), 0, traced.length);
    // A page that was taken away loses this answer, and the guest waits: its own doing.
    const sent =
      buffer.write(section, 0, answer) &&
      lane.channel.requestTransfer(rndisPayload(RndisChannel.Control, messageSize), ranges, section + 1, 0);
    if (!sent) buffer.unsent(section);
    lane.channel.flush();
    return true;
  }
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

/** An answer with the OID that it answers behind it. */
function answering(oid: number, answer: Uint8Array): Uint8Array {
  const traced = new Uint8Array(answer.length + AnsweredOid.size);
  traced.set(answer);
  AnsweredOid.write(viewOf(traced), answer.length, { oid });
  return traced;
}

/** Bytes of a message, as it says itself. */
const lengthOf = (message: Uint8Array): number => viewOf(message).getUint32(RndisComplete.at.length, true);

/**
 * Receive path: from the port's frames to batches in the guest's receive buffer.
 *
 *     port ──▶ wanted? ──▶ cut, if it must be ──▶ queue ──▶ suballocation ──▶ batch of its channel ──▶ ring
 *
 * Nothing waits here for the guest: a frame that finds no room is dropped and counted. The batches are sent when the
 * event that brought the frames has been handled. Steady traffic allocates nothing.
 */
import {
  INFO_HEADER_SIZE,
  INFO_SIZE,
  infoOfTag,
  PacketInfo,
  ReceiveChecksum,
  RNDIS_HEADER_SIZE,
  RNDIS_PACKET_SIZE,
  RndisPacket,
  RndisType,
} from '@ringlet/protocols';
import { type GuestMemory, TraceSender } from '@ringlet/microkernel';
import { FrameFinisher } from '../../backends/network/finish-frame.ts';
import { ETHERNET_HEADER, FrameHeaders, IpProtocol, VLAN_TAG } from '../../backends/network/frame-headers.ts';
import type { FrameOffload } from '../../backends/network/network-port.ts';
import type { Adapter } from './adapter.ts';
import type { Buffers } from './buffers.ts';
import type { Lane } from './lane.ts';
import type { ReceiveBuffer } from './receive-buffer.ts';

/** Words of a PACKET's header. */
const HEADER_WORDS = RNDIS_PACKET_SIZE / 4;

/** What the receive path needs of the device. */
export interface ReceiveOptions {
  readonly adapter: Adapter;
  readonly memory: GuestMemory;
  readonly buffers: Buffers;
  /** Open channels by number, with holes. */
  readonly lanes: readonly (Lane | undefined)[];
  /** Calls `run` when the event at hand has been handled. */
  readonly soon: (run: () => void) => void;
}

/** The receiving side of one adapter. */
export class ReceivePath {
  /** What a packet of frames says: an NVSP message. */
  payload: Uint8Array = new Uint8Array(0);
  readonly #adapter: Adapter;
  readonly #view: DataView;
  readonly #buffers: Buffers;
  readonly #lanes: readonly (Lane | undefined)[];
  readonly #soon: (run: () => void) => void;
  readonly #finisher = new FrameFinisher({ insertTag: false });
  readonly #headers = new FrameHeaders();
  readonly #flush = (): void => this.flush();
  #scheduled = false;

  // The frame that is being cut.
  #cutTag: number | undefined;
  #cutTaken = true;
  readonly #takeSegment = (segment: Uint8Array): void => {
    if (!this.#take(segment, true, this.#cutTag)) this.#cutTaken = false;
  };

  constructor({ adapter, memory, buffers, lanes, soon }: ReceiveOptions) {
    this.#buffers = buffers;
    this.#adapter = adapter;
    this.#view = memory.view;
    this.#lanes = lanes;
    this.#soon = soon;
  }

  /** Takes a frame from the port. @returns false when there was no room for it, and it was dropped */
  readonly deliver = (frame: Uint8Array, offload?: FrameOffload): boolean => {
    const { filter, statistics, initialized, link } = this.#adapter;
    if (
      frame.length < ETHERNET_HEADER ||
      !initialized ||
      !link ||
      this.#buffers.receive === undefined ||
      !filter.admits(frame)
    ) {
      statistics.receiveFiltered++;
      return true;
    }
    if (offload === undefined) return this.#take(frame, false, undefined);
    if (offload.segmentSize === 0) return this.#take(frame, offload.checksumPartial, offload.vlan);
    this.#cutTag = offload.vlan;
    this.#cutTaken = true;
    if (this.#finisher.finish(frame, offload, this.#takeSegment) === 0) statistics.receiveRefused++;
    return this.#cutTaken;
  };

  /** Sends what waits. */
  flush(): void {
    this.#scheduled = false;
    const { payload } = this;
    const buffer = this.#buffers.receive;
    for (const lane of this.#lanes) {
      if (lane === undefined || !lane.waiting) continue;
      if (buffer === undefined) lane.drop();
      else this.#adapter.statistics.receiveNoBuffer += lane.flush(buffer, payload);
    }
  }

  #take(frame: Uint8Array, verified: boolean, tag: number | undefined): boolean {
    const { statistics, scaling, frameBytes } = this.#adapter;
    const buffer = this.#buffers.receive!;
    if (frame.length > frameBytes + VLAN_TAG) {
      statistics.receiveOversize++;
      return true;
    }
    const lane = this.#lanes[scaling.queueOf(frame)] ?? this.#lanes[0];
    if (lane === undefined) return false;
    if (!lane.takesFrame) this.#adapter.statistics.receiveNoBuffer += lane.flush(buffer, this.payload);
    const section = lane.takesFrame ? buffer.take() : -1;
    if (section < 0) {
      statistics.receiveNoBuffer++;
      return false;
    }
    const length = this.#write(buffer, section, frame, verified, tag, scaling.hash);
    if (length === 0) {
      // The guest took the page away from under its buffer.
      buffer.unsent(section);
      statistics.receiveNoBuffer++;
      return false;
    }
    const { tracing } = lane.channel;
    if (tracing !== undefined) {
      const header = length - frame.length;
      const at = buffer.header(section, header);
      if (at >= 0) tracing.data(TraceSender.Root, this.#view, at, header, frame);
    }
    lane.add(buffer, section, length);
    statistics.received.count(frame);
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#soon(this.#flush);
    }
    return true;
  }

  /** Writes an RNDIS PACKET into a suballocation. @returns its length; 0 when it is not writable */
  #write(
    buffer: ReceiveBuffer,
    section: number,
    frame: Uint8Array,
    verified: boolean,
    tag: number | undefined,
    hash: number,
  ): number {
    const view = this.#view;
    const infos = (verified ? INFO_SIZE : 0) + (tag === undefined ? 0 : INFO_SIZE) + (hash === 0 ? 0 : INFO_SIZE);
    const header = RNDIS_PACKET_SIZE + infos;
    const at = buffer.header(section, header);
    if (at < 0 || !buffer.write(section, header, frame)) return 0;
    for (let word = 0; word < HEADER_WORDS; word++) view.setUint32(at + 4 * word, 0, true);
    view.setUint32(at + RndisPacket.at.type, RndisType.Packet, true);
    view.setUint32(at + RndisPacket.at.length, header + frame.length, true);
    view.setUint32(at + RndisPacket.at.dataOffset, header - RNDIS_HEADER_SIZE, true);
    view.setUint32(at + RndisPacket.at.dataLength, frame.length, true);
    if (infos === 0) return header + frame.length;
    view.setUint32(at + RndisPacket.at.infoOffset, RNDIS_PACKET_SIZE - RNDIS_HEADER_SIZE, true);
    view.setUint32(at + RndisPacket.at.infoLength, infos, true);
    let next = at + RNDIS_PACKET_SIZE;
    if (verified) next = this.#info(next, PacketInfo.Checksum, this.#checksumsOf(frame));
    if (tag !== undefined) next = this.#info(next, PacketInfo.Ieee8021q, infoOfTag(tag));
    if (hash !== 0) this.#info(next, PacketInfo.HashValue, hash);
    return header + frame.length;
  }

  /** @returns where the next one goes */
  #info(at: number, type: number, word: number): number {
    const view = this.#view;
    view.setUint32(at, INFO_SIZE, true);
    view.setUint32(at + 4, type, true);
    view.setUint32(at + 8, INFO_HEADER_SIZE, true);
    view.setUint32(at + INFO_HEADER_SIZE, word, true);
    return at + INFO_SIZE;
  }

  #checksumsOf(frame: Uint8Array): number {
    const headers = this.#headers;
    headers.find(frame, 0, frame.length);
    const ip = headers.version === 4 ? ReceiveChecksum.IpSucceeded : 0;
    if (headers.protocol === IpProtocol.Tcp) return ip | ReceiveChecksum.TcpSucceeded;
    return headers.protocol === IpProtocol.Udp ? ip | ReceiveChecksum.UdpSucceeded : ip;
  }
}

/**
 * Transmit path: from the data of an NVSP packet to frames for the port.
 *
 *     gather list ──▶ RNDIS PACKET, RNDIS PACKET…  ──▶ information, frame ──▶ port
 *
 * Each message is copied out of guest memory once, and its copy is checked. One that is wrong ends its NVSP packet: what
 * came before it was sent. Steady traffic allocates nothing.
 */
import { TraceSender } from '@ringlet/microkernel';
import {
  INFO_HEADER_SIZE,
  largeSendSegment,
  largeSendTransport,
  PacketInfo,
  RNDIS_HEADER_SIZE,
  RNDIS_PACKET_BODY_SIZE,
  RNDIS_PACKET_SIZE,
  RndisPacket,
  RndisType,
  tagOfInfo,
  TransmitChecksum,
} from '@ringlet/protocols';
import type { PacketTrace } from '@ringlet/vmbus';
import { LONGEST_FRAME } from '../../backends/network/finish-frame.ts';
import { ETHERNET_HEADER, FrameHeaders, IpProtocol, VLAN_TAG } from '../../backends/network/frame-headers.ts';
import { FrameViews } from '../../backends/network/frame-views.ts';
import type { FrameOffload } from '../../backends/network/network-port.ts';
import type { GatherList } from './gather-list.ts';

/** Messages in one NVSP packet, at most: what the guest is told. */
export const MOST_MESSAGES = 8;
/** Bytes of all of them, at most. */
export const MOST_PACKET_BYTES = 0x2_0000;
/** Bytes of a message beside its frame, at most: header, information, padding. */
const MOST_OVERHEAD = 1024;
const MOST_MESSAGE_BYTES = LONGEST_FRAME + MOST_OVERHEAD;

/** Takes a frame: the bytes are only valid during the call. */
export type FrameTaker = (frame: Uint8Array, offload: FrameOffload | undefined) => void;

/** Takes the messages of one adapter apart. */
export class TransmitPath {
  readonly #take: FrameTaker;
  readonly #bytes = new Uint8Array(8 + ((MOST_MESSAGE_BYTES + 7) & ~7));
  readonly #target = { bytes: this.#bytes, quads: new BigUint64Array(this.#bytes.buffer) };
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #views = new FrameViews(this.#bytes);
  readonly #headers = new FrameHeaders();
  readonly #offload = { segmentSize: 0, checksumPartial: false, vlan: undefined as number | undefined };

  // What the message at hand says.
  #checksum = 0;
  #largeSend = 0;

  constructor(take: FrameTaker) {
    this.#take = take;
  }

  /**
   * Gives the frames of one packet to the taker.
   *
   * @param mtu - of frames that are not to be cut
   * @returns what is wrong with the packet; `undefined` when nothing is
   */
  send(data: GatherList, mtu: number, trace?: PacketTrace): string | undefined {
    if (data.left === 0) return 'a packet without a message';
    for (let messages = 0; data.left > 0; messages++) {
      if (messages === MOST_MESSAGES) return 'more messages in a packet than were announced';
      const wrong = this.#message(data, mtu, trace);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  #message(data: GatherList, mtu: number, trace: PacketTrace | undefined): string | undefined {
    const { left } = data;
    if (left < RNDIS_PACKET_SIZE) return 'an RNDIS message that is cut off';
    const view = this.#view;
    const base = data.phase;
    data.copy(this.#target, base, RNDIS_PACKET_SIZE);
    if (view.getUint32(base + RndisPacket.at.type, true) !== RndisType.Packet) return 'data that are no RNDIS PACKET';
    const length = view.getUint32(base + RndisPacket.at.length, true);
    const dataOffset = view.getUint32(base + RndisPacket.at.dataOffset, true);
    const dataLength = view.getUint32(base + RndisPacket.at.dataLength, true);
    const infoOffset = view.getUint32(base + RndisPacket.at.infoOffset, true);
    const infoLength = view.getUint32(base + RndisPacket.at.infoLength, true);
    if (length < RNDIS_PACKET_SIZE || length > left) return 'an RNDIS message of an impossible length';
    const body = length - RNDIS_HEADER_SIZE;
    if (dataOffset < RNDIS_PACKET_BODY_SIZE || dataOffset + dataLength > body) return 'a frame outside its message';
    if (view.getUint32(base + RndisPacket.at.outOfBandLength, true) !== 0) return 'out-of-band data, which no one has';
    if (infoLength !== 0 && (infoOffset < RNDIS_PACKET_BODY_SIZE || infoOffset + infoLength > body)) {
      return 'information outside its message';
    }
    if (dataLength < ETHERNET_HEADER || dataLength > LONGEST_FRAME) return 'a frame of an impossible length';
    const used = RNDIS_HEADER_SIZE + Math.max(dataOffset + dataLength, infoLength === 0 ? 0 : infoOffset + infoLength);
    if (used > MOST_MESSAGE_BYTES) return 'an RNDIS message with too much beside its frame';
    data.copy(this.#target, base + RNDIS_PACKET_SIZE, used - RNDIS_PACKET_SIZE);
    data.skip(length - used);
    if (trace !== undefined) this.#trace(trace, base, used, RNDIS_HEADER_SIZE + dataOffset, dataLength);

    this.#offload.vlan = undefined;
    this.#checksum = 0;
    this.#largeSend = 0;
    const infoStart = base + RNDIS_HEADER_SIZE + infoOffset;
    if (infoLength !== 0 && !this.#informations(infoStart, infoStart + infoLength)) {
      return 'malformed per-packet information';
    }
    return this.#frame(base + RNDIS_HEADER_SIZE + dataOffset, dataLength, mtu);
  }

  /** Writes a message to the trace; its frame, which nearly always comes last, at the speed of a memory copy. */
  #trace(trace: PacketTrace, base: number, length: number, frameAt: number, frameLength: number): void {
    const last = frameAt + frameLength === length;
    const frame = last ? this.#views.of(base + frameAt, frameLength) : undefined;
    trace.data(TraceSender.Guest, this.#view, base, last ? frameAt : length, frame);
  }

  /** Reads the list of information. @returns whether it is well-formed */
  #informations(start: number, end: number): boolean {
    const view = this.#view;
    for (let at = start; at < end;) {
      if (end - at < INFO_HEADER_SIZE) return false;
      const size = view.getUint32(at, true);
      const type = view.getUint32(at + 4, true);
      const offset = view.getUint32(at + 8, true);
      if (size < INFO_HEADER_SIZE || size > end - at || offset < INFO_HEADER_SIZE || offset > size) return false;
      const word = size - offset >= 4 ? view.getUint32(at + offset, true) : 0;
      if (type === PacketInfo.Checksum) this.#checksum = word;
      else if (type === PacketInfo.LargeSend) this.#largeSend = word;
      else if (type === PacketInfo.Ieee8021q) this.#offload.vlan = tagOfInfo(word);
      at += size;
    }
    return true;
  }

  #frame(start: number, length: number, mtu: number): string | undefined {
    const offload = this.#offload;
    const checksum = this.#checksum;
    offload.segmentSize = 0;
    offload.checksumPartial = false;
    if (this.#largeSend !== 0) {
      const wrong = this.#cut(start, length);
      if (wrong !== undefined) return wrong;
    } else {
      if (length > mtu + ETHERNET_HEADER + VLAN_TAG) return 'a frame larger than the MTU';
      if ((checksum & (TransmitChecksum.Tcp | TransmitChecksum.Udp | TransmitChecksum.IpHeader)) !== 0) {
        const wrong = this.#sum(start, length, checksum);
        if (wrong !== undefined) return wrong;
      }
    }
    const needed = offload.segmentSize > 0 || offload.checksumPartial || offload.vlan !== undefined;
    this.#take(this.#views.of(start, length), needed ? offload : undefined);
    return undefined;
  }

  #cut(start: number, length: number): string | undefined {
    const segmentSize = largeSendSegment(this.#largeSend);
    const transport = largeSendTransport(this.#largeSend);
    const headers = this.#headers;
    headers.find(this.#bytes, start, start + length);
    if (segmentSize === 0 || headers.protocol !== IpProtocol.Tcp) return 'a large send that is not TCP';
    if (transport !== 0 && start + transport !== headers.transport) return 'a large send whose TCP header is elsewhere';
    this.#offload.segmentSize = segmentSize;
    this.#offload.checksumPartial = true;
    return undefined;
  }

  #sum(start: number, length: number, checksum: number): string | undefined {
    const headers = this.#headers;
    headers.find(this.#bytes, start, start + length);
    const wanted =
      ((checksum & TransmitChecksum.Tcp) === 0 ? 0 : IpProtocol.Tcp) ||
      ((checksum & TransmitChecksum.Udp) === 0 ? 0 : IpProtocol.Udp);
    if (wanted !== 0 && headers.protocol !== wanted) return 'a checksum for a frame that has none';
    if ((checksum & TransmitChecksum.IpHeader) !== 0) {
      if (headers.version !== 4) return 'a checksum for a frame that has none';
      this.#sumIpHeader(headers.network);
    }
    this.#offload.checksumPartial = wanted !== 0;
    return undefined;
  }

  /** No port is asked to do this. */
  #sumIpHeader(at: number): void {
    const view = this.#view;
    view.setUint16(at + 10, 0);
    const end = at + (this.#bytes[at]! & 0xf) * 4;
    let sum = 0;
    for (let word = at; word < end; word += 2) sum += view.getUint16(word);
    sum = (sum & 0xffff) + (sum >>> 16);
    view.setUint16(at + 10, ~(sum + (sum >>> 16)) & 0xffff);
  }
}

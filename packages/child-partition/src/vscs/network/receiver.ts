/**
 * Receiver: frames out of the receive buffer. Each packet's ranges are checked against the buffer before they are read:
 * the root is not trusted either. Its acknowledgement waits here when the ring is full, so that reading never stops.
 */
import {
  INFO_HEADER_SIZE,
  NvspRndisPacketComplete,
  NvspStatus,
  NvspType,
  PacketInfo,
  ReceiveChecksum,
  RNDIS_HEADER_SIZE,
  RNDIS_PACKET_SIZE,
  RndisPacket,
  RndisType,
  tagOfInfo,
} from '@ringlet/protocols';
import type { GuestMemory } from '@ringlet/microkernel';
import type { Channel, Packet } from '@ringlet/vmbus';

/** What came with a frame. One object for all: valid during the call. */
export interface FrameInfo {
  /** The adapter, or whoever sent it, vouches for the checksum of TCP or UDP. */
  readonly checksumGood: boolean;
  /** 802.1Q tag as on the wire, or undefined. */
  readonly vlan: number | undefined;
}

/** Takes a frame: its bytes are only valid during the call. */
export type FrameHandler = (frame: Uint8Array, info: FrameInfo) => void;

/** Where the receiver reads. */
export interface ReceiverOptions {
  readonly memory: GuestMemory;
  readonly channel: Channel;
  /** Where the receive buffer begins in `memory.bytes`. */
  readonly offset: number;
  /** Bytes of a suballocation, and how many there are. */
  readonly size: number;
  readonly count: number;
}

const SUCCEEDED = ReceiveChecksum.TcpSucceeded | ReceiveChecksum.UdpSucceeded;

/** The receiving side of one adapter. */
export class Receiver {
  /** Takes frames. */
  handler: FrameHandler = () => {};
  readonly #options: ReceiverOptions;
  readonly #view: DataView;
  readonly #acknowledgement = NvspRndisPacketComplete.encode({
    type: NvspType.SendRndisPacketComplete,
    status: NvspStatus.Success,
  });
  /** Views of frames, by suballocation: traffic repeats itself. */
  readonly #starts: Int32Array;
  readonly #lengths: Int32Array;
  readonly #views: Uint8Array[];
  readonly #info = { checksumGood: false, vlan: undefined as number | undefined };
  /** Transaction ids that wait for room. At most one for each suballocation, if the root keeps to the rules. */
  readonly #waiting: Float64Array;
  #waitingCount = 0;
  #waits = false;
  #frames = 0;
  #malformed = 0;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    const { memory, count } = options;
    this.#view = memory.view;
    this.#starts = new Int32Array(count).fill(-1);
    this.#lengths = new Int32Array(count);
    this.#views = Array.from({ length: count }, () => memory.bytes);
    this.#waiting = new Float64Array(2 * count);
  }

  /** Frames that came. */
  get frames(): number {
    return this.#frames;
  }

  /** Ranges and messages that are not what they should be. */
  get malformed(): number {
    return this.#malformed;
  }

  /** Reads the frames of a packet, and gives it back. */
  packet(packet: Packet): void {
    for (let range = 0; range < packet.rangeCount; range++) {
      if (!this.#frame(packet.rangeOffset(range), packet.rangeLength(range))) this.#malformed++;
    }
    this.giveBack(packet);
  }

  /** Tells the root that it may use the packet's part of the buffer again. */
  giveBack(packet: Packet): void {
    const { transactionLow, transactionHigh } = packet;
    const { channel } = this.#options;
    if (
      this.#waitingCount === 0 &&
      channel.completeTransaction(transactionLow, transactionHigh, this.#acknowledgement)
    ) {
      return;
    }
    if (this.#waitingCount === this.#waiting.length) {
      this.#malformed++;
      return;
    }
    this.#waiting[this.#waitingCount++] = transactionLow;
    this.#waiting[this.#waitingCount++] = transactionHigh;
    this.#awaitRoom();
  }

  /** Bytes of an RNDIS message that is no frame; `undefined` when it is not inside the buffer. */
  message(packet: Packet): Uint8Array | undefined {
    const at = packet.rangeOffset(0);
    const length = packet.rangeLength(0);
    if (packet.rangeCount < 1 || !this.#isInside(at, length)) return undefined;
    const start = this.#options.offset + at;
    return this.#options.memory.bytes.slice(start, start + length);
  }

  #frame(at: number, length: number): boolean {
    if (!this.#isInside(at, length) || length < RNDIS_PACKET_SIZE) return false;
    const view = this.#view;
    const base = this.#options.offset + at;
    if (view.getUint32(base + RndisPacket.at.type, true) !== RndisType.Packet) return false;
    const body = length - RNDIS_HEADER_SIZE;
    const dataOffset = view.getUint32(base + RndisPacket.at.dataOffset, true);
    const dataLength = view.getUint32(base + RndisPacket.at.dataLength, true);
    const infoOffset = view.getUint32(base + RndisPacket.at.infoOffset, true);
    const infoLength = view.getUint32(base + RndisPacket.at.infoLength, true);
    if (dataOffset + dataLength > body || infoOffset + infoLength > body) return false;
    this.#info.checksumGood = false;
    this.#info.vlan = undefined;
    const info = base + RNDIS_HEADER_SIZE + infoOffset;
    if (infoLength > 0 && !this.#informations(info, info + infoLength)) return false;
    this.#frames++;
    this.handler(this.#viewOf(at, base + RNDIS_HEADER_SIZE + dataOffset, dataLength), this.#info);
    return true;
  }

  #informations(start: number, end: number): boolean {
    const view = this.#view;
    for (let at = start; at < end;) {
      const size = end - at < INFO_HEADER_SIZE ? 0 : view.getUint32(at, true);
      const type = size === 0 ? 0 : view.getUint32(at + 4, true);
      const offset = size === 0 ? 0 : view.getUint32(at + 8, true);
      if (size < INFO_HEADER_SIZE || size > end - at || offset > size) return false;
      const word = size - offset >= 4 ? view.getUint32(at + offset, true) : 0;
      if (type === PacketInfo.Checksum) this.#info.checksumGood = (word & SUCCEEDED) !== 0;
      else if (type === PacketInfo.Ieee8021q) this.#info.vlan = tagOfInfo(word);
      at += size;
    }
    return true;
  }

  #isInside(at: number, length: number): boolean {
    const { size, count } = this.#options;
    return length > 0 && length <= size && at + length <= size * count;
  }

  #viewOf(at: number, start: number, length: number): Uint8Array {
    const slot = Math.floor(at / this.#options.size);
    if (this.#starts[slot] !== start || this.#lengths[slot] !== length) {
      this.#starts[slot] = start;
      this.#lengths[slot] = length;
      this.#views[slot] = this.#options.memory.bytes.subarray(start, start + length);
    }
    return this.#views[slot]!;
  }

  #awaitRoom(): void {
    if (this.#waits) return;
    this.#waits = this.#options.channel.whenRoom(this.#acknowledgement.length, () => {
      this.#waits = false;
      this.#giveBackWaiting();
    });
  }

  #giveBackWaiting(): void {
    const { channel } = this.#options;
    let done = 0;
    while (done < this.#waitingCount) {
      if (!channel.completeTransaction(this.#waiting[done]!, this.#waiting[done + 1]!, this.#acknowledgement)) break;
      done += 2;
    }
    this.#waiting.copyWithin(0, done, this.#waitingCount);
    this.#waitingCount -= done;
    channel.flush();
    if (this.#waitingCount > 0) this.#awaitRoom();
  }
}

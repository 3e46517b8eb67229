/**
 * Transmitter: frames on their way out. A frame of the standard MTU is copied into a section of the send buffer; a larger
 * one into pages of its own, which the packet names. Nothing is allocated for a frame.
 */
import { Access, PAGE_SIZE } from '@ringlet/microkernel';
import {
  INFO_HEADER_SIZE,
  INFO_SIZE,
  infoOfTag,
  NO_SECTION,
  NvspRndisPacket,
  NvspType,
  PacketInfo,
  RNDIS_HEADER_SIZE,
  RNDIS_PACKET_SIZE,
  RndisChannel,
  RndisPacket,
  RndisType,
} from '@ringlet/protocols';
import type { Channel } from '@ringlet/vmbus';
import { NetworkError } from './network-error.ts';
import type { NetworkGuest } from './network-guest.ts';

const HEADER = RNDIS_PACKET_SIZE + INFO_SIZE;
const HEADER_WORDS = HEADER / 4;
/** Large frames in flight, and pages of each. */
const LARGE_BUFFERS = 32;
const LARGE_PAGES = 3;
/** Transaction ids of frames: sections first, then large buffers. */
const FIRST_ID = 1;

/** What the transmitter sends by. */
export interface TransmitterOptions {
  readonly guest: NetworkGuest;
  readonly channel: Channel;
  /** Where the send buffer begins in `memory.bytes`, and its sections. */
  readonly offset: number;
  readonly sectionSize: number;
  readonly sections: number;
  /** Bytes of an NVSP message. */
  readonly messageSize: number;
  /** Largest frame. */
  readonly frameBytes: number;
}

/** The sending side of one adapter. */
export class Transmitter {
  readonly #options: TransmitterOptions;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #message: Uint8Array;
  readonly #messageView: DataView;
  /** Free places, a stack: sections, and large buffers behind them. */
  readonly #free: Int32Array;
  readonly #largeFree: Int32Array;
  readonly #busy: Uint8Array;
  readonly #largePages: Float64Array[] = [];
  readonly #largeOffsets: number[] = [];
  #freeCount: number;
  #largeCount = 0;
  #strangers = 0;

  /** @throws NetworkError when there are no pages for large frames */
  constructor(options: TransmitterOptions) {
    this.#options = options;
    const { memory } = options.guest;
    this.#bytes = memory.bytes;
    this.#view = memory.view;
    this.#message = new Uint8Array(options.messageSize);
    this.#messageView = new DataView(this.#message.buffer);
    NvspRndisPacket.write(this.#messageView, 0, {
      type: NvspType.SendRndisPacket,
      channel: RndisChannel.Data,
      section: NO_SECTION,
      sectionSize: 0,
    });
    this.#free = Int32Array.from({ length: options.sections }, (_, i) => options.sections - 1 - i);
    this.#freeCount = options.sections;
    if (HEADER + options.frameBytes > options.sectionSize) this.#takeLargeBuffers();
    this.#largeFree = Int32Array.from({ length: this.#largeCount }, (_, i) => i);
    this.#busy = new Uint8Array(options.sections + this.#largeCount);
  }

  /** Frames in flight. */
  get inFlight(): number {
    return this.#busy.length - this.#freeCount - this.#largeCount;
  }

  /** Answers to frames that were not in flight. */
  get strangers(): number {
    return this.#strangers;
  }

  /** Sends a frame. @returns false when there is no room for it now, or ever: nothing was sent */
  send(frame: Uint8Array, vlan: number | undefined): boolean {
    const { sectionSize, frameBytes, channel, offset, sections } = this.#options;
    if (frame.length > frameBytes) return false;
    const length = RNDIS_PACKET_SIZE + (vlan === undefined ? 0 : INFO_SIZE) + frame.length;
    if (length <= sectionSize) {
      if (this.#freeCount === 0) return false;
      const section = this.#free[this.#freeCount - 1]!;
      this.#write(offset + section * sectionSize, frame, vlan);
      this.#messageView.setUint32(NvspRndisPacket.at.section, section, true);
      this.#messageView.setUint32(NvspRndisPacket.at.sectionSize, length, true);
      if (!channel.request(this.#message, FIRST_ID + section, 0)) return false;
      this.#freeCount--;
      this.#busy[section] = 1;
      return true;
    }
    if (this.#largeCount === 0) return false;
    const large = this.#largeFree[this.#largeCount - 1]!;
    this.#write(this.#largeOffsets[large]!, frame, vlan);
    this.#messageView.setUint32(NvspRndisPacket.at.section, NO_SECTION, true);
    this.#messageView.setUint32(NvspRndisPacket.at.sectionSize, 0, true);
    const id = FIRST_ID + sections + large;
    if (!channel.requestDirect(this.#message, this.#largePages[large]!, 0, length, id, 0)) return false;
    this.#largeCount--;
    this.#busy[sections + large] = 1;
    return true;
  }

  /** The root has read a frame. @returns whether one of that number was in flight */
  completed(id: number): boolean {
    const place = id - FIRST_ID;
    const { sections } = this.#options;
    if (!(place >= 0 && place < this.#busy.length) || this.#busy[place] === 0) {
      this.#strangers++;
      return false;
    }
    this.#busy[place] = 0;
    if (place < sections) this.#free[this.#freeCount++] = place;
    else this.#largeFree[this.#largeCount++] = place - sections;
    return true;
  }

  /** Gives back the pages for large frames. The channel is closed: the root reads no more. */
  release(): void {
    for (const pages of this.#largePages.splice(0)) this.#options.guest.pages.free(pages[0]!, LARGE_PAGES);
    this.#largeCount = 0;
    this.#freeCount = 0;
  }

  #takeLargeBuffers(): void {
    const { memory, pages } = this.#options.guest;
    for (let i = 0; i < LARGE_BUFFERS; i++) {
      const first = pages.allocate(LARGE_PAGES);
      const at = first < 0 ? -1 : memory.find(first * PAGE_SIZE, LARGE_PAGES * PAGE_SIZE, Access.ReadWrite);
      if (at < 0) throw new NetworkError('buffers for large frames', 'no-memory');
      this.#largePages.push(Float64Array.from({ length: LARGE_PAGES }, (_, page) => first + page));
      this.#largeOffsets.push(at);
    }
    this.#largeCount = LARGE_BUFFERS;
  }

  #write(at: number, frame: Uint8Array, vlan: number | undefined): void {
    const view = this.#view;
    const header = RNDIS_PACKET_SIZE + (vlan === undefined ? 0 : INFO_SIZE);
    for (let word = 0; word < HEADER_WORDS; word++) view.setUint32(at + 4 * word, 0, true);
    view.setUint32(at + RndisPacket.at.type, RndisType.Packet, true);
    view.setUint32(at + RndisPacket.at.length, header + frame.length, true);
    view.setUint32(at + RndisPacket.at.dataOffset, header - RNDIS_HEADER_SIZE, true);
    view.setUint32(at + RndisPacket.at.dataLength, frame.length, true);
    if (vlan !== undefined) {
      view.setUint32(at + RndisPacket.at.infoOffset, RNDIS_PACKET_SIZE - RNDIS_HEADER_SIZE, true);
      view.setUint32(at + RndisPacket.at.infoLength, INFO_SIZE, true);
      const info = at + RNDIS_PACKET_SIZE;
      view.setUint32(info, INFO_SIZE, true);
      view.setUint32(info + 4, PacketInfo.Ieee8021q, true);
      view.setUint32(info + 8, INFO_HEADER_SIZE, true);
      view.setUint32(info + INFO_HEADER_SIZE, infoOfTag(vlan), true);
    }
    this.#bytes.set(frame, at + header);
  }
}

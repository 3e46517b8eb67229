/**
 * FrameFinisher: does in software what a frame's sender left to the hardware: cuts TCP segments or UDP datagrams, fills in
 * checksums, inserts the VLAN tag.
 *
 * Segments are cut where they lie: the headers of each are written just before its part of the payload, over the end of
 * the part before it, which is gone by then. So the payload is copied once, and steady traffic allocates nothing.
 *
 *     ┌─────────┬────────┬────────┬────────┐        one copy of the frame
 *     │ headers │ part 1 │ part 2 │ part 3 │
 *     └─────────┴────────┴────────┴────────┘
 *                 ┌─────────┬────────┐              second segment
 *                 │ headers │ part 2 │
 */
import { ETHERNET_HEADER, EtherType, FrameHeaders, IpProtocol, VLAN_TAG } from './frame-headers.ts';
import { FrameViews } from './frame-views.ts';
import type { FrameOffload } from './network-port.ts';

/** Bytes of the longest frame that is finished: an IP packet of 64 KiB, with two tags of its own. */
export const LONGEST_FRAME = ETHERNET_HEADER + 2 * VLAN_TAG + 0xffff;

/** Puts IP headers, which follow 14 bytes and any number of tags of 4, on multiples of 4. */
const FRAME_AT = 2;
const ADDRESSES = 12;
const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;
const TCP_FIN = 0x01;
const TCP_PUSH = 0x08;
const TCP_CWR = 0x80;
/** Longer headers than these are not repeated before each segment: Ethernet and tags, IPv6 with extensions, TCP. */
const LONGEST_HEADERS = 512;

/** Where finished frames go: the bytes are only valid during the call. */
export type EmitFrame = (frame: Uint8Array) => void;

/** Finishes frames, one after another. Not to be used by whoever it emits to, during the call. */
export class FrameFinisher {
  readonly #insertTag: boolean;
  readonly #bytes = new Uint8Array(FRAME_AT + VLAN_TAG + LONGEST_FRAME);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #views = new FrameViews(this.#bytes);
  readonly #template = new Uint8Array(LONGEST_HEADERS);
  readonly #headers = new FrameHeaders();

  /** @param options - `insertTag`: put `offload.vlan` into the frame; true when absent */
  constructor(options: { readonly insertTag?: boolean } = {}) {
    this.#insertTag = options.insertTag ?? true;
  }

  /**
   * Gives each frame that is ready for the wire to `emit`.
   *
   * @returns how many frames that was; 0 when the frame is not what `offload` says, and is dropped
   */
  finish(frame: Uint8Array, offload: FrameOffload | undefined, emit: EmitFrame): number {
    const tag = this.#insertTag ? offload?.vlan : undefined;
    if (offload === undefined || (offload.segmentSize === 0 && !offload.checksumPartial && tag === undefined)) {
      emit(frame);
      return 1;
    }
    if (frame.length < ETHERNET_HEADER || frame.length > LONGEST_FRAME) return 0;
    const end = this.#take(frame, tag);
    if (offload.segmentSize === 0 && !offload.checksumPartial) {
      emit(this.#views.of(FRAME_AT, end - FRAME_AT));
      return 1;
    }
    const headers = this.#headers;
    headers.find(this.#bytes, FRAME_AT, end);
    if (headers.transport === 0) return 0;
    if (offload.segmentSize > 0 && end - headers.payload > offload.segmentSize) {
      return this.#cut(end, offload.segmentSize, emit);
    }
    // A large frame of one segment has an IP header as unfinished as that of several.
    if (offload.segmentSize > 0) this.#finishLengths(0, end);
    this.#finishTransport(0, end);
    emit(this.#views.of(FRAME_AT, end - FRAME_AT));
    return 1;
  }

  /** Copies the frame, with the tag. @returns where it ends */
  #take(frame: Uint8Array, tag: number | undefined): number {
    const bytes = this.#bytes;
    if (tag === undefined) {
      bytes.set(frame, FRAME_AT);
      return FRAME_AT + frame.length;
    }
    bytes.set(frame, FRAME_AT + VLAN_TAG);
    bytes.copyWithin(FRAME_AT, FRAME_AT + VLAN_TAG, FRAME_AT + VLAN_TAG + ADDRESSES);
    this.#view.setUint16(FRAME_AT + ADDRESSES, EtherType.Vlan);
    this.#view.setUint16(FRAME_AT + ADDRESSES + 2, tag);
    return FRAME_AT + VLAN_TAG + frame.length;
  }

  #cut(end: number, size: number, emit: EmitFrame): number {
    const bytes = this.#bytes;
    const view = this.#view;
    const { payload, transport, network, version, protocol } = this.#headers;
    const headerBytes = payload - FRAME_AT;
    if (headerBytes > LONGEST_HEADERS) return 0;
    const template = this.#template;
    for (let i = 0; i < headerBytes; i++) template[i] = bytes[FRAME_AT + i]!;
    const sequence = protocol === IpProtocol.Tcp ? view.getUint32(transport + 4) : 0;
    const flags = protocol === IpProtocol.Tcp ? bytes[transport + 13]! : 0;
    const identification = version === 4 ? view.getUint16(network + 4) : 0;

    let count = 0;
    for (let at = payload; at < end; at += size, count++) {
      const until = Math.min(at + size, end);
      const shift = at - payload;
      if (count > 0) for (let i = 0; i < headerBytes; i++) bytes[FRAME_AT + shift + i] = template[i]!;
      if (version === 4) view.setUint16(network + shift + 4, identification + count);
      if (protocol === IpProtocol.Tcp) {
        view.setUint32(transport + shift + 4, sequence + shift);
        const first = count === 0 ? 0 : TCP_CWR;
        const last = until === end ? 0 : TCP_FIN | TCP_PUSH;
        bytes[transport + shift + 13] = flags & ~(first | last);
      }
      this.#finishLengths(shift, until);
      this.#finishTransport(shift, until);
      emit(this.#views.of(FRAME_AT + shift, until - FRAME_AT - shift));
    }
    return count;
  }

  /** Fills in the lengths of IP and UDP, and IPv4's header checksum. */
  #finishLengths(shift: number, end: number): void {
    const view = this.#view;
    const at = this.#headers.network + shift;
    const transport = this.#headers.transport + shift;
    if (this.#headers.protocol === IpProtocol.Udp) view.setUint16(transport + 4, end - transport);
    if (this.#headers.version === 6) {
      view.setUint16(at + 4, end - at - 40);
      return;
    }
    view.setUint16(at + 2, end - at);
    view.setUint16(at + 10, 0);
    const length = (this.#bytes[at]! & 0xf) * 4;
    view.setUint16(at + 10, ~fold(this.#sum(at, at + length)) & 0xffff);
  }

  /** Fills in the checksum of TCP or UDP. */
  #finishTransport(shift: number, frameEnd: number): void {
    const view = this.#view;
    const { version, protocol } = this.#headers;
    const network = this.#headers.network + shift;
    const transport = this.#headers.transport + shift;
    // What follows the packet in a short frame is padding.
    const packetEnd =
      version === 4 ? network + view.getUint16(network + 2) : network + 40 + view.getUint16(network + 4);
    const end = packetEnd >= this.#headers.payload + shift && packetEnd <= frameEnd ? packetEnd : frameEnd;
    const length = end - transport;
    const checksumAt = transport + (protocol === IpProtocol.Tcp ? TCP_CHECKSUM : UDP_CHECKSUM);
    view.setUint16(checksumAt, 0);
    const addresses = version === 4 ? this.#sum(network + 12, network + 20) : this.#sum(network + 8, network + 40);
    const sum = ~fold(addresses + length + protocol + this.#sum(transport, end)) & 0xffff;
    // To UDP a zero means that there is no checksum.
    view.setUint16(checksumAt, sum === 0 && protocol === IpProtocol.Udp ? 0xffff : sum);
  }

  /** Sum of big-endian 16-bit words, not folded: exact, for no frame has enough of them. */
  #sum(start: number, end: number): number {
    const view = this.#view;
    let total = 0;
    let at = start;
    // Two words at once: 2^16 ≡ 1 to the ones' complement sum, so the upper half counts as much as the lower.
    for (; at + 4 <= end; at += 4) total += view.getUint32(at);
    if (at + 2 <= end) {
      total += view.getUint16(at);
      at += 2;
    }
    return at < end ? total + (this.#bytes[at]! << 8) : total;
  }
}

/** Folds a sum of 16-bit words, or of pairs of them, to 16 bits. */
function fold(sum: number): number {
  // A sum of 64 KiB in words of 32 bits has at most 46 bits.
  let folded = Math.floor(sum / 0x1_0000_0000) + (sum % 0x1_0000_0000);
  while (folded > 0xffff) folded = Math.floor(folded / 0x1_0000) + (folded & 0xffff);
  return folded;
}

/**
 * External data of a packet: the GPA-direct or transfer-page ranges of its header, copied out of the ring once into
 * private arrays and checked there.
 *
 * The arrays are made once and grow to what a peer really uses; a header cannot name more than the 16-bit payload
 * offset has room for, so that they have a bound.
 */
import { PacketType } from '../channel/packet.ts';
import { DESCRIPTOR_BYTES, RANGE_HEADER_BYTES } from './layout.ts';
import type { RingMemory } from './ring-memory.ts';

const HIGH = 0x1_0000_0000;
const LARGEST_OFFSET_IN_PAGE = 0xfff;

/** The ranges of the packet that was read last. */
export class RangeTable {
  /** Ranges in the table. */
  count = 0;
  /** Set id of a transfer-pages packet, else 0. */
  transferSet = 0;
  #lengths = new Uint32Array(8);
  #offsets = new Uint32Array(8);
  /** Index in {@link #pages} of each range's first page; one entry more than there are ranges. */
  #firstPages = new Uint32Array(9);
  #pages = new Float64Array(64);
  /** Ranges that have pages: all of them or, in a transfer-pages packet, none. */
  #paged = 0;

  /** Forgets the ranges of an earlier packet. */
  clear(): void {
    this.count = 0;
    this.#paged = 0;
    this.transferSet = 0;
  }

  /**
   * Copies and checks the ranges of a packet.
   *
   * @param type - {@link PacketType.GpaDirect} or {@link PacketType.TransferPages}
   * @param start - ring position of the packet's descriptor
   * @param headerBytes - payload offset from the descriptor; the ranges must end before it. Bytes that are left over
   * are ignored: Linux's storage driver sends a header of fixed size around few pages
   * @returns false when they do not fit, are empty, or start beyond their first page
   */
  parse(ring: RingMemory, type: number, start: number, headerBytes: number): boolean {
    this.clear();
    const words = ring.words;
    const end = start + headerBytes;
    let at = start + DESCRIPTOR_BYTES;
    const declared = words[ring.word(at) + 1]! >>> 0;
    // The reserved halves of both headers may hold anything.
    const set = words[ring.word(at)]! & 0xffff;
    at += RANGE_HEADER_BYTES;
    if (declared > (end - at) / 8) return false;
    if (type === PacketType.TransferPages) {
      this.#reserveRanges(declared);
      for (let i = 0; i < declared; i++, at += 8) this.#takeRange(ring, i, at);
      this.transferSet = set;
      this.count = declared;
      return true;
    }
    return declared > 0 && this.#takeDirect(ring, declared, at, end);
  }

  /** Byte length of a range; 0 when there is no such range. */
  length(range: number): number {
    return range < this.count ? (this.#lengths[range] ?? 0) : 0;
  }

  /** Offset of a range, in its first page or in its transfer set; 0 when there is no such range. */
  offset(range: number): number {
    return range < this.count ? (this.#offsets[range] ?? 0) : 0;
  }

  /** Guest page number of a page of a GPA-direct range; -1 when there is no such page. */
  page(range: number, page: number): number {
    if (!(range >= 0 && range < this.#paged && page >= 0)) return -1;
    const index = this.#firstPages[range]! + page;
    return index < this.#firstPages[range + 1]! ? this.#pages[index]! : -1;
  }

  #takeDirect(ring: RingMemory, declared: number, from: number, end: number): boolean {
    this.#reserveRanges(declared);
    let at = from;
    let taken = 0;
    for (let i = 0; i < declared; i++) {
      if (end - at < 8) return false;
      this.#takeRange(ring, i, at);
      at += 8;
      const length = this.#lengths[i]!;
      const offset = this.#offsets[i]!;
      const pages = Math.ceil((offset + length) / 4096);
      if (length === 0 || offset > LARGEST_OFFSET_IN_PAGE || pages > (end - at) / 8) return false;
      this.#reservePages(taken + pages);
      this.#firstPages[i] = taken;
      for (let page = 0; page < pages; page++, at += 8) {
        const word = ring.word(at);
        // A number too large to be exact is far beyond any memory, and fails where it is looked up.
        this.#pages[taken++] = (ring.words[word + 1]! >>> 0) * HIGH + (ring.words[word]! >>> 0);
      }
    }
    this.#firstPages[declared] = taken;
    this.#paged = declared;
    this.count = declared;
    return true;
  }

  #takeRange(ring: RingMemory, range: number, at: number): void {
    const word = ring.word(at);
    this.#lengths[range] = ring.words[word]!;
    this.#offsets[range] = ring.words[word + 1]!;
  }

  #reserveRanges(count: number): void {
    if (count <= this.#lengths.length) return;
    const room = 2 * count;
    this.#lengths = new Uint32Array(room);
    this.#offsets = new Uint32Array(room);
    this.#firstPages = new Uint32Array(room + 1);
  }

  #reservePages(count: number): void {
    if (count <= this.#pages.length) return;
    const pages = new Float64Array(2 * count);
    pages.set(this.#pages);
    this.#pages = pages;
  }
}

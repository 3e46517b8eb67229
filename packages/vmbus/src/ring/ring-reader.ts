/**
 * Ring reader: the consuming end of one ring, and the cursor over the packet it stands on.
 *
 * {@link RingReader.next} moves privately; {@link RingReader.commit} gives the space back to the peer. The peer can write
 * any byte at any time: a descriptor is copied into private fields once and checked there, and an index is checked at
 * every load. What is wrong becomes {@link RingReader.fault}; nothing is thrown and nothing outside the ring is read.
 */
import { COMPLETION_REQUESTED, type Packet, PacketType } from '../channel/packet.ts';
import { Control, DESCRIPTOR_BYTES, FEATURE_PENDING_SEND_SIZE, FOOTER_BYTES, RANGE_HEADER_BYTES } from './layout.ts';
import type { RingFault } from './layout.ts';
import { RangeTable } from './range-table.ts';
import type { RingMemory } from './ring-memory.ts';
import { distance, freeBytes, isIndex, mustSignalWriter } from './signalling.ts';

/** The first word of nearly every packet: its type, and a payload right after the descriptor. */
const PLAIN_IN_BAND = PacketType.InBand | ((DESCRIPTOR_BYTES >> 3) << 16);
const PLAIN_COMPLETION = PacketType.Completion | ((DESCRIPTOR_BYTES >> 3) << 16);
const HEADER_WITH_RANGES = DESCRIPTOR_BYTES + RANGE_HEADER_BYTES;

/** The consuming end of a ring. */
export class RingReader implements Packet {
  readonly #memory: RingMemory;
  readonly #words: Int32Array;
  readonly #control: number;
  readonly #size: number;
  readonly #ranges = new RangeTable();

  /** Where the next packet starts; private until committed. */
  #next = 0;
  /** The read index as the peer sees it. */
  #committed = 0;
  /** Where published packets end, as of the last load of the write index: a ring's size more when that is wrapped. */
  #end = 0;
  /** From which position on a quarter of the ring waits to be given back: a ring's size more when that is wrapped. */
  #due = 0;
  /** The run of memory that {@link #next} lies in: word index of position 0 as seen from it, and where it ends. */
  #base = 0;
  #runEnd = 0;
  #fault: RingFault | undefined;
  /** Whether we believe that the mask in the header is set. */
  #masked = true;

  /** The packet the cursor stands on: ring position of its descriptor, and the descriptor's words. */
  #start = 0;
  #shape = 0;
  #lengths = 0;
  #low = 0;
  #high = 0;
  /** Bytes of its payload. */
  #length = 0;
  /** Word index of its payload when memory goes on for all of the packet; else -1, and each access looks its place up. */
  #place = -1;
  /** Ring position of its payload, when {@link #place} is -1. */
  #payload = 0;

  /**
   * Attaches to the ring where its header says the consumer is, masked, as a consumer that is not ready to sleep.
   */
  constructor(memory: RingMemory) {
    this.#memory = memory;
    this.#words = memory.words;
    this.#control = memory.control;
    this.#size = memory.size;
    const index = Atomics.load(this.#words, this.#control + Control.ReadIndex);
    if (isIndex(this.#size, index)) this.#next = this.#end = this.#committed = this.#start = index;
    else this.#fault = 'read-index-invalid';
    this.#due = this.#next + (this.#size >> 2);
    this.#enterRun();
    Atomics.store(this.#words, this.#control + Control.InterruptMask, 1);
  }

  /** How the peer broke the ring. Once set, no more packets come; what was read before can still be committed. */
  get fault(): RingFault | undefined {
    return this.#fault;
  }

  /** Whether a quarter of the ring waits to be given back: the peer should not wait for the end of a long batch. */
  get due(): boolean {
    return this.#next >= this.#due;
  }

  /** Bytes read and not yet given back. */
  get uncommitted(): number {
    return distance(this.#size, this.#committed, this.#next);
  }

  /**
   * Moves to the next packet. Its fields and payload are valid until the next call.
   *
   * @returns false when there is none, or the ring is broken
   */
  next(): boolean {
    if (this.#next === this.#end && !this.#load()) return false;
    const words = this.#words;
    const start = this.#next;
    const first = this.#base + (start >> 2);
    const shape = words[first]!;
    const lengths = words[first + 1]!;
    const length = (lengths & 0xffff) * 8;
    const after = start + length + FOOTER_BYTES;
    // The nearly always true in one condition: a body small enough to be compiled into the loop that calls it.
    if (
      (shape !== PLAIN_IN_BAND && shape !== PLAIN_COMPLETION) ||
      lengths >>> 16 > COMPLETION_REQUESTED ||
      length < DESCRIPTOR_BYTES ||
      after > this.#end ||
      after >= this.#runEnd
    ) {
      return this.#nextUnusual(shape, lengths) ? true : false;
    }
    this.#start = start;
    this.#shape = shape;
    this.#lengths = lengths;
    this.#low = words[first + 2]!;
    this.#high = words[first + 3]!;
    this.#length = length - DESCRIPTOR_BYTES;
    this.#place = first + (DESCRIPTOR_BYTES >> 2);
    this.#next = after;
    return true;
  }

  /** Goes back to before the current packet: {@link next} gives it again. Once for each packet, before a commit. */
  revert(): void {
    if (this.#next < this.#start) {
      this.#end += this.#size;
      this.#due += this.#size;
    }
    this.#next = this.#start;
    this.#ranges.clear();
    this.#enterRun();
  }

  /**
   * Gives the space of all packets read back to the peer.
   *
   * @returns whether the peer waits for that much space and must be signalled
   */
  commit(): boolean {
    const before = this.#committed;
    const after = this.#next;
    if (after === before) return false;
    this.#committed = after;
    this.#due = after + (this.#size >> 2);
    Atomics.store(this.#words, this.#control + Control.ReadIndex, after);
    const pending = Atomics.load(this.#words, this.#control + Control.PendingSendSize);
    return pending !== 0 && this.#crosses(pending, before, after);
  }

  /** Asks the peer not to signal: we look by ourselves. Called right before packets are taken, not on each wake-up. */
  mask(): void {
    if (this.#masked) return;
    this.#masked = true;
    const was = Atomics.exchange(this.#words, this.#control + Control.InterruptMask, 1);
    if (was !== 0) this.#fault ??= 'externally-masked';
  }

  /**
   * Asks the peer to signal, then looks once more: what it published before it saw the mask go would be lost.
   *
   * @returns whether packets are there after all; if not, the caller may sleep
   */
  unmask(): boolean {
    if (this.#masked) {
      this.#masked = false;
      Atomics.store(this.#words, this.#control + Control.InterruptMask, 0);
    }
    return this.waiting();
  }

  /** Whether a packet is left of those that the last look at the write index found. Costs nothing. */
  get found(): boolean {
    return this.#next !== this.#end;
  }

  /** Whether a packet is there to be read, published just now included. */
  waiting(): boolean {
    return this.#fault === undefined && (this.#next !== this.#end || this.#load());
  }

  /**
   * Whether a signal for space may be owed to the peer by an earlier owner of this end, as after a restore: it waits
   * for space that there is.
   */
  owesSignal(): boolean {
    const pending = Atomics.load(this.#words, this.#control + Control.PendingSendSize) & ~7;
    const writeIndex = Atomics.load(this.#words, this.#control + Control.WriteIndex);
    return (
      pending !== 0 && isIndex(this.#size, writeIndex) && freeBytes(this.#size, this.#committed, writeIndex) >= pending
    );
  }

  /** The words that the two ends share, as they are now: see {@link RingMemory.inspect}. */
  inspectShared(): Record<string, unknown> {
    return this.#memory.inspect();
  }

  /** Plain data for `inspect`: what this end knows, without a look at the memory of the other. */
  inspect(): Record<string, unknown> {
    const { size, contiguous } = this.#memory;
    return {
      size,
      contiguous,
      next: this.#next,
      committed: this.#committed,
      available: this.#end - this.#next,
      masked: this.#masked,
      fault: this.#fault,
    };
  }

  // The packet the cursor stands on.

  /** Bytes of all of it: descriptor, what its type adds, and payload. */
  get packetBytes(): number {
    return (this.#lengths & 0xffff) * 8;
  }

  /** Bytes of it before its payload. */
  get headerBytes(): number {
    return (this.#shape >>> 16) * 8;
  }

  /** Copies its first words, the descriptor's as they were checked. */
  copyPacket(target: Int32Array, at: number, words: number): void {
    this.#memory.wordsOut(this.#start, target, at, words);
    target[at] = this.#shape;
    target[at + 1] = this.#lengths;
    target[at + 2] = this.#low;
    target[at + 3] = this.#high;
  }

  get type(): number {
    return this.#shape & 0xffff;
  }

  get completionRequested(): boolean {
    return this.#lengths >>> 16 === COMPLETION_REQUESTED;
  }

  get transactionLow(): number {
    return this.#low >>> 0;
  }

  get transactionHigh(): number {
    return this.#high >>> 0;
  }

  get length(): number {
    return this.#length;
  }

  u8(at: number): number {
    if (!(at >= 0 && at < this.#length)) return 0;
    return (this.#words[this.#word(at & ~3)]! >>> ((at & 3) * 8)) & 0xff;
  }

  /**
   * Two bytes of the packet's payload, little-endian; zeroes beyond its end. Not a copy: the peer may write in between.
   */
  u16(at: number): number {
    if ((at & 1) === 0 && at >= 0 && at < this.#length) {
      return (this.#words[this.#word(at & ~3)]! >>> ((at & 2) * 8)) & 0xffff;
    }
    return this.u8(at) | (this.u8(at + 1) << 8);
  }

  /**
   * Four bytes of the packet's payload, little-endian; zeroes beyond its end. Not a copy: the peer may write in
   * between.
   */
  u32(at: number): number {
    const place = this.#place;
    if (place < 0 || (at & 3) !== 0 || !(at >= 0 && at < this.#length)) return this.#unusualU32(at);
    return this.#words[place + (at >> 2)]! >>> 0;
  }

  copyTo(target: Uint8Array, from = 0): void {
    const wanted = target.length;
    if (from >= 0 && from + wanted <= this.#length) {
      this.#memory.copyOut(this.#position() + from, target);
      return;
    }
    for (let i = 0; i < wanted; i++) target[i] = this.u8(from + i);
  }

  payload(): Uint8Array {
    const copy = new Uint8Array(this.#length);
    this.#memory.copyOut(this.#position(), copy);
    return copy;
  }

  rewrite(at: number, value: number): void {
    if ((at & 3) === 0 && at >= 0 && at < this.#length) this.#words[this.#word(at)] = value;
  }

  /**
   * Copies the payload, rounded down to a multiple of eight, to other memory of the node that the ring lies in.
   *
   * @param offset - where to, as `GuestMemory.find` returns it; a multiple of 8
   */
  moveTo(offset: number, length: number): void {
    const most = Math.min(length & ~7, this.#length);
    if (this.#place >= 0) this.#memory.move(offset / 4, this.#place, most);
    else this.#memory.moveOut(this.#payload, offset, most);
  }

  get rangeCount(): number {
    return this.#ranges.count;
  }

  get transferSet(): number {
    return this.#ranges.transferSet;
  }

  rangeLength(range: number): number {
    return this.#ranges.length(range);
  }

  rangeOffset(range: number): number {
    return this.#ranges.offset(range);
  }

  rangePage(range: number, page: number): number {
    return this.#ranges.page(range, page);
  }

  /** The rest of {@link u32}: for what wraps, lies between words, or ends beyond the payload. */
  #unusualU32(at: number): number {
    if ((at & 3) === 0 && at >= 0 && at < this.#length) return this.#words[this.#word(at)]! >>> 0;
    return (this.u16(at) | (this.u16(at + 2) << 16)) >>> 0;
  }

  /** Word index of a place in the payload, a multiple of 4. */
  #word(at: number): number {
    return this.#place >= 0 ? this.#place + (at >> 2) : this.#memory.word(this.#payload + at);
  }

  /**
   * The rest of {@link next}: for a packet that wraps, has ranges, comes after one that had, or is broken.
   *
   * @param shape - the first word of its descriptor, and `lengths` the second, as they were read there
   */
  #nextUnusual(shape: number, lengths: number): boolean {
    if (this.#runEnd === 0) this.#enterRun();
    const start = this.#next;
    const offset = (shape >>> 16) * 8;
    const length = (lengths & 0xffff) * 8;
    const after = start + length + FOOTER_BYTES;
    if (offset < DESCRIPTOR_BYTES || offset > length || after > this.#end) return this.#broken('descriptor-invalid');
    // The transaction id may lie beyond a page or the end of the ring. It is read once it is known to be published.
    const second = this.#memory.word(start + 8);
    this.#low = this.#words[second]!;
    this.#high = this.#words[second + 1]!;
    this.#start = start;
    this.#shape = shape;
    this.#lengths = lengths;
    this.#length = length - offset;
    this.#payload = start + offset;
    this.#place = after <= this.#runEnd ? this.#base + (this.#payload >> 2) : -1;
    if (lengths >>> 16 > COMPLETION_REQUESTED) return this.#broken('flags-unknown');
    const plain = this.type === PacketType.InBand || this.type === PacketType.Completion;
    if (plain) this.#ranges.clear();
    else if (!this.#takeRanges(offset)) return false;
    this.#next = after;
    if (after >= this.#size) {
      this.#next -= this.#size;
      this.#end -= this.#size;
      this.#due -= this.#size;
    }
    if (after >= this.#runEnd) this.#enterRun();
    // So that the packet after this one comes here too, and the ranges are forgotten.
    if (!plain) this.#runEnd = 0;
    return true;
  }

  /** Ring position of the payload. */
  #position(): number {
    return this.#place >= 0 ? this.#start + (this.#shape >>> 16) * 8 : this.#payload;
  }

  #enterRun(): void {
    this.#base = this.#memory.base(this.#next);
    this.#runEnd = this.#next + this.#memory.run(this.#next);
  }

  /** Reloads the write index. @returns whether there is something to read. */
  #load(): boolean {
    if (this.#fault !== undefined) return false;
    const index = Atomics.load(this.#words, this.#control + Control.WriteIndex);
    if (!isIndex(this.#size, index)) return this.#broken('write-index-invalid');
    this.#end = this.#next + distance(this.#size, this.#next, index);
    return this.#next !== this.#end;
  }

  #takeRanges(offset: number): boolean {
    const { type } = this;
    if (type !== PacketType.GpaDirect && type !== PacketType.TransferPages) return this.#broken('type-unknown');
    const sound = offset >= HEADER_WITH_RANGES && this.#ranges.parse(this.#memory, type, this.#start, offset);
    return sound || this.#broken('ranges-invalid');
  }

  #broken(fault: RingFault): false {
    this.#fault = fault;
    this.#end = this.#next;
    return false;
  }

  #crosses(pending: number, before: number, after: number): boolean {
    const features = Atomics.load(this.#words, this.#control + Control.FeatureBits);
    if ((features & FEATURE_PENDING_SEND_SIZE) === 0) return false;
    const writeIndex = Atomics.load(this.#words, this.#control + Control.WriteIndex);
    if (!isIndex(this.#size, writeIndex)) return this.#broken('write-index-invalid');
    return mustSignalWriter(
      pending,
      freeBytes(this.#size, before, writeIndex),
      freeBytes(this.#size, after, writeIndex),
    );
  }
}

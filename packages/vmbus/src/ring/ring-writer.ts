/**
 * Ring writer: the producing end of one ring.
 *
 * A packet is begun, filled in place and ended; all of it is private until {@link RingWriter.commit} publishes every
 * packet written since the last one with a single store, and says whether the peer must be signalled.
 */
import { invariant } from '@ringlet/wire';
import { PAGE_SIZE } from '@ringlet/microkernel';
import {
  Control,
  DESCRIPTOR_BYTES,
  FEATURE_PENDING_SEND_SIZE,
  FOOTER_BYTES,
  LONGEST_PACKET_BYTES,
  packetBytes,
} from './layout.ts';
import type { TransferRanges } from '../channel/channel.ts';
import type { RingFault } from './layout.ts';
import type { RingMemory } from './ring-memory.ts';
import { distance, freeBytes, isIndex, mustSignalReader } from './signalling.ts';

/** The bits of a payload length that needs no padding, and is below the longest by far. */
const PLAIN_LENGTH = 0x3fff8;

/** What processors pass to each other; and how far ahead {@link RingWriter.prepare} goes: some twenty small packets. */
const LINE_BYTES = 64;
const PREPARED_BYTES = 2048;

/** The producing end of a ring. */
export class RingWriter {
  /** Bytes of the longest packet that can ever fit, footer included. */
  readonly longest: number;
  readonly #memory: RingMemory;
  readonly #words: Int32Array;
  readonly #control: number;
  readonly #size: number;

  /** Where the next packet starts; private until committed. */
  #next = 0;
  /** The write index as the peer sees it. */
  #committed = 0;
  /** Where room ends, as of the last load of the read index: a ring's size more when that is wrapped. */
  #limit = 0;
  /** The run of memory that {@link #next} lies in: word index of position 0 as seen from it, and where it ends. */
  #base = 0;
  #runEnd = 0;
  /** Up to where {@link prepare} came in that run. */
  #prepared = 0;
  /** What {@link Control.PendingSendSize} holds. */
  #pending = 0;
  #fault: RingFault | undefined;
  #open = true;

  /** The packet being written: where the next payload byte goes, and where its payload ends. */
  #at = 0;
  #end = 0;

  /** Attaches to the ring where its header says the producer is, waiting for nothing. */
  constructor(memory: RingMemory) {
    this.#memory = memory;
    this.#words = memory.words;
    this.#control = memory.control;
    this.#size = memory.size;
    this.longest = Math.min(memory.size - 8, LONGEST_PACKET_BYTES);
    const index = Atomics.load(this.#words, this.#control + Control.WriteIndex);
    if (isIndex(this.#size, index)) this.#next = this.#limit = this.#committed = this.#at = this.#end = index;
    else this.#fault = 'write-index-invalid';
    this.#enterRun();
    Atomics.store(this.#words, this.#control + Control.PendingSendSize, 0);
    Atomics.or(this.#words, this.#control + Control.FeatureBits, FEATURE_PENDING_SEND_SIZE);
  }

  /** How the peer broke the ring. Once set, nothing more is written. */
  get fault(): RingFault | undefined {
    return this.#fault;
  }

  /** Lets nothing more be written, or lets it again: as if the ring were full. */
  setOpen(open: boolean): void {
    this.#open = open;
    if (!open) this.#limit = this.#next;
  }

  /**
   * Fetches the free memory that is written next to this processor, changing nothing. The other one has it since it read
   * it a lap ago, and each store would wait for it in turn; these few wait together. For a thread that reads as much as
   * it writes, every 16 packets or so; one that only writes runs ahead anyway.
   */
  prepare(): void {
    const words = this.#words;
    const until = Math.min(this.#next + PREPARED_BYTES, this.#limit, this.#runEnd);
    let at = Math.max(this.#prepared, this.#next);
    // Four lines at a time: between iterations the engine checks the view's shape anew, within one it does not.
    for (; at + 4 * LINE_BYTES <= until; at += 4 * LINE_BYTES) {
      const word = this.#base + (at >> 2);
      // oxlint-disable-next-line no-self-assign -- the store is what fetches
      words[word] = words[word]!;
      words[word + 16] = words[word + 16]!;
      words[word + 32] = words[word + 32]!;
      words[word + 48] = words[word + 48]!;
    }
    this.#prepared = at;
  }

  /** Bytes written and not yet published. */
  get uncommitted(): number {
    return distance(this.#size, this.#committed, this.#next);
  }

  /** Whether a packet of `bytes` can be written now and leave `reserved` bytes free. */
  fits(bytes: number, reserved: number): boolean {
    return bytes <= this.longest && this.hasRoom(bytes + reserved);
  }

  /** Whether `bytes`, footers included, can be written now. Looks at the peer's index only when it must. */
  hasRoom(bytes: number): boolean {
    return this.#next + bytes <= this.#limit || this.#load(bytes);
  }

  /**
   * Begins a packet: writes its descriptor and places the cursor after it.
   *
   * @param headerBytes - type-specific header after the descriptor, a multiple of 8; written like payload, first
   * @param payloadBytes - any number; {@link end} pads with zeroes
   * @returns false when there is no room, now or ever; nothing was written
   */
  begin(type: number, flags: number, low: number, high: number, headerBytes: number, payloadBytes: number): boolean {
    const total = packetBytes(headerBytes, payloadBytes);
    if (total > this.longest || !this.hasRoom(total)) return false;
    const words = this.#words;
    const start = this.#next;
    const length = total - FOOTER_BYTES;
    this.#at = start + DESCRIPTOR_BYTES;
    this.#end = start + length;
    const first = this.#base + (start >> 2);
    words[first] = type | (((DESCRIPTOR_BYTES + headerBytes) >> 3) << 16);
    words[first + 1] = (length >> 3) | (flags << 16);
    const second = this.#word(start + 8);
    words[second] = low;
    words[second + 1] = high;
    if ((payloadBytes & 7) !== 0) {
      const last = this.#word(start + length - 8);
      words[last] = 0;
      words[last + 1] = 0;
    }
    return true;
  }

  /** Writes one word at the cursor. The cursor must stand on a multiple of 4. */
  u32(value: number): void {
    invariant(this.#at + 4 <= this.#end, 'a packet is written within what it reserved');
    this.#words[this.#word(this.#at)] = value;
    this.#at += 4;
  }

  /** Writes bytes at the cursor. */
  write(source: Uint8Array): void {
    invariant(this.#at + source.length <= this.#end, 'a packet is written within what it reserved');
    this.#memory.copyIn(this.#at, source);
    this.#at += source.length;
  }

  /** Writes one GPA-direct range: `length` bytes from `offset` in the first of its pages. */
  range(pages: ArrayLike<number>, offset: number, length: number): void {
    this.u32(length);
    this.u32(offset);
    const count = Math.ceil((offset + length) / PAGE_SIZE);
    for (let i = 0; i < count; i++) {
      const page = pages[i]!;
      this.u32(page >>> 0);
      this.u32(Math.floor(page / 0x1_0000_0000));
    }
  }

  /** Writes the header and ranges of a transfer-pages packet. */
  transferRanges({ set, count, offsets, lengths }: TransferRanges): void {
    this.u32(set & 0xffff);
    this.u32(count);
    for (let i = 0; i < count; i++) {
      this.u32(lengths[i]!);
      this.u32(offsets[i]!);
    }
  }

  /**
   * Writes a whole packet whose payload lies in the same node as the ring, at the speed of the host's memory copy.
   *
   * @param offset - where from, as `GuestMemory.find` returns it; a multiple of 8
   * @returns false when there is no room, now or ever; nothing was written
   */
  put(type: number, flags: number, low: number, high: number, offset: number, length: number): boolean {
    const start = this.#next;
    const footer = start + DESCRIPTOR_BYTES + length;
    const after = footer + FOOTER_BYTES;
    if (after >= this.#runEnd || after > this.#limit || (length & ~PLAIN_LENGTH) !== 0) {
      // Seldom: it wraps, is padded or very long, or must look whether there is room at all.
      if (!this.begin(type, flags, low, high, 0, length)) return false;
      this.#memory.moveIn(this.#at, offset, length);
      this.end();
      return true;
    }
    const words = this.#words;
    const base = this.#base;
    const first = base + (start >> 2);
    words[first] = type | ((DESCRIPTOR_BYTES >> 3) << 16);
    words[first + 1] = ((footer - start) >> 3) | (flags << 16);
    words[first + 2] = low | 0;
    words[first + 3] = high | 0;
    this.#memory.move(first + 4, offset / 4, length);
    const last = base + (footer >> 2);
    words[last] = 0;
    words[last + 1] = start;
    this.#next = after;
    return true;
  }

  /** Ends the packet: the next commit publishes it. */
  end(): void {
    const start = this.#next;
    const footer = this.#word(this.#end);
    this.#words[footer] = 0;
    this.#words[footer + 1] = start;
    const after = this.#end + FOOTER_BYTES;
    if (after >= this.#size) this.#limit -= this.#size;
    this.#next = after >= this.#size ? after - this.#size : after;
    if (after >= this.#runEnd) this.#enterRun();
  }

  /** Bytes of the packet that was written last, without its footer: as its footer says, in which the peer can write too. */
  get lastBytes(): number {
    return distance(this.#size, this.#lastStart(), this.#next) - FOOTER_BYTES;
  }

  /** Bytes of it before its payload, as its descriptor says. */
  get lastHeaderBytes(): number {
    return (this.#words[this.#memory.word(this.#lastStart())]! >>> 16) * 8;
  }

  /** Copies its first words. */
  copyLast(target: Int32Array, at: number, words: number): void {
    this.#memory.wordsOut(this.#lastStart(), target, at, words);
  }

  /**
   * Publishes what was written.
   *
   * @returns whether the peer may be asleep on an empty ring and must be signalled
   */
  commit(): boolean {
    const before = this.#committed;
    const after = this.#next;
    if (after === before) return false;
    this.#committed = after;
    Atomics.store(this.#words, this.#control + Control.WriteIndex, after);
    if (Atomics.load(this.#words, this.#control + Control.InterruptMask) !== 0) return false;
    // Compared with an index of ours, so that a read index outside the ring is simply not equal; `#load` reports it.
    return mustSignalReader(0, Atomics.load(this.#words, this.#control + Control.ReadIndex), before);
  }

  /**
   * Asks the peer for a signal when `bytes` are free, then looks once more: space that it returned before it saw the
   * request would be lost. A quarter of the ring is asked for at least, so that a full ring does not cost one signal
   * for each packet.
   *
   * @returns whether there is room after all; if not, the caller may sleep. Never true, and nothing asked, when a
   * packet of that size cannot fit
   */
  awaitRoom(bytes: number): boolean {
    if (bytes > this.longest) return false;
    const wanted = Math.min(Math.max(bytes, this.#size >> 2), this.#size - 8);
    if (this.#pending !== wanted) {
      this.#pending = wanted;
      Atomics.store(this.#words, this.#control + Control.PendingSendSize, wanted);
    }
    return this.#load(bytes);
  }

  /** Asks for no more signals. Called as soon as the room is there, before it is used. */
  stopWaiting(): void {
    if (this.#pending === 0) return;
    this.#pending = 0;
    Atomics.store(this.#words, this.#control + Control.PendingSendSize, 0);
  }

  /**
   * Whether a signal for packets may be owed to the peer by an earlier owner of this end, as after a restore: there are
   * packets, and it did not mask.
   */
  owesSignal(): boolean {
    const readIndex = Atomics.load(this.#words, this.#control + Control.ReadIndex);
    return Atomics.load(this.#words, this.#control + Control.InterruptMask) === 0 && readIndex !== this.#committed;
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
      room: this.#limit - this.#next,
      pending: this.#pending,
      fault: this.#fault,
    };
  }

  /** Word index of a position in the packet being written. */
  #word(position: number): number {
    return position < this.#runEnd ? this.#base + (position >> 2) : this.#memory.word(position);
  }

  #lastStart(): number {
    const footer = (this.#next === 0 ? this.#size : this.#next) - FOOTER_BYTES;
    const start = this.#words[this.#memory.word(footer) + 1]!;
    const sound =
      isIndex(this.#size, start) && distance(this.#size, start, this.#next) >= DESCRIPTOR_BYTES + FOOTER_BYTES;
    return sound ? start : (this.#next + this.#size - DESCRIPTOR_BYTES - FOOTER_BYTES) % this.#size;
  }

  #enterRun(): void {
    this.#prepared = 0;
    this.#base = this.#memory.base(this.#next);
    this.#runEnd = this.#next + this.#memory.run(this.#next);
  }

  /** Reloads the read index. @returns whether `bytes` are free. */
  #load(bytes: number): boolean {
    if (!this.#open || this.#fault !== undefined) return false;
    const index = Atomics.load(this.#words, this.#control + Control.ReadIndex);
    if (!isIndex(this.#size, index)) {
      this.#fault = 'read-index-invalid';
      this.#limit = this.#next;
      return false;
    }
    const room = freeBytes(this.#size, index, this.#next);
    this.#limit = this.#next + room;
    return bytes <= room;
  }
}

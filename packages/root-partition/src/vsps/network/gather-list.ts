/**
 * Gather list: the pieces of guest memory that one packet's data lie in, read from front to end, each byte once.
 *
 * Whatever the guest writes meanwhile, who reads sees one value and checks that one.
 */
import { Access, type GuestMemory, PAGE_SIZE } from '@ringlet/microkernel';
import type { Packet } from '@ringlet/vmbus';
import type { GuestBuffer } from './guest-buffer.ts';

/** Up to so many bytes a loop over words beats making a view and calling the copy routine (measured on V8 11). */
const LOOP_BYTES = 2048;
const INITIAL_RUNS = 32;

/** Where copies go: a private buffer, as bytes and as words of 64 bits. */
export interface CopyTarget {
  readonly bytes: Uint8Array;
  readonly quads: BigUint64Array;
}

/** The data of one packet. Used again for the next. */
export class GatherList {
  /** Bytes that were not read yet. */
  left = 0;
  readonly #memory: GuestMemory;
  readonly #quads: BigUint64Array;
  #count = 0;
  #offsets = new Float64Array(INITIAL_RUNS);
  #lengths = new Float64Array(INITIAL_RUNS);
  /** The run that is read, and how much of it was. */
  #at = 0;
  #done = 0;

  constructor(memory: GuestMemory) {
    this.#memory = memory;
    const { bytes } = memory;
    this.#quads = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 3);
  }

  /** Forgets an earlier packet. */
  clear(): void {
    this.left = 0;
    this.#count = 0;
    this.#at = 0;
    this.#done = 0;
  }

  /** Adds part of a buffer. @returns false when that is not readable guest memory */
  addBuffer(buffer: GuestBuffer, start: number, length: number): boolean {
    for (let done = 0; done < length; done += buffer.run) {
      const offset = buffer.find(start + done, length - done, Access.Read);
      if (offset < 0) return false;
      this.#add(offset, buffer.run);
    }
    return true;
  }

  /** Adds a packet's GPA-direct ranges, `most` bytes in all. @returns what is wrong with them */
  addRanges(packet: Packet, most: number): string | undefined {
    for (let range = 0; range < packet.rangeCount; range++) {
      const length = packet.rangeLength(range);
      if (this.left + length > most) return 'more data than a packet can have';
      let inPage = packet.rangeOffset(range);
      for (let page = 0, left = length; left > 0; page++) {
        const part = Math.min(left, PAGE_SIZE - inPage);
        const offset = this.#memory.locate(packet.rangePage(range, page) * PAGE_SIZE + inPage, part, Access.Read);
        if (offset < 0) return 'a data range outside the guest’s memory';
        this.#add(offset, part);
        left -= part;
        inPage = 0;
      }
    }
    return undefined;
  }

  /** What the address of the next byte is, modulo 8: copies to such a place are the fastest. */
  get phase(): number {
    return this.#at < this.#count ? (this.#offsets[this.#at]! + this.#done) % 8 : 0;
  }

  /** Copies the next `length` bytes; there are as many. */
  copy(target: CopyTarget, at: number, length: number): void {
    for (let copied = 0; copied < length;) {
      const part = this.#part(length - copied);
      this.#copyPart(target, at + copied, this.#offsets[this.#at]! + this.#done, part);
      this.#skipPart(part);
      copied += part;
    }
  }

  /** Passes over the next `length` bytes; there are as many. */
  skip(length: number): void {
    for (let passed = 0; passed < length;) {
      const part = this.#part(length - passed);
      this.#skipPart(part);
      passed += part;
    }
  }

  #part(most: number): number {
    return Math.min(most, this.#lengths[this.#at]! - this.#done);
  }

  #skipPart(length: number): void {
    this.left -= length;
    this.#done += length;
    if (this.#done < this.#lengths[this.#at]!) return;
    this.#at++;
    this.#done = 0;
  }

  #copyPart({ bytes, quads }: CopyTarget, to: number, from: number, length: number): void {
    const memory = this.#memory.bytes;
    if (length > LOOP_BYTES || ((to ^ from) & 7) !== 0) {
      bytes.set(memory.subarray(from, from + length), to);
      return;
    }
    let done = 0;
    for (; done < length && ((to + done) & 7) !== 0; done++) bytes[to + done] = memory[from + done]!;
    const source = this.#quads;
    let at = (to + done) >> 3;
    let word = (from + done) / 8;
    for (; done + 8 <= length; done += 8) quads[at++] = source[word++]!;
    for (; done < length; done++) bytes[to + done] = memory[from + done]!;
  }

  #add(offset: number, length: number): void {
    this.left += length;
    const last = this.#count - 1;
    if (last >= 0 && this.#offsets[last]! + this.#lengths[last]! === offset) {
      this.#lengths[last]! += length;
      return;
    }
    if (this.#count === this.#offsets.length) this.#grow();
    this.#offsets[this.#count] = offset;
    this.#lengths[this.#count++] = length;
  }

  #grow(): void {
    const offsets = new Float64Array(2 * this.#count);
    const lengths = new Float64Array(2 * this.#count);
    offsets.set(this.#offsets);
    lengths.set(this.#lengths);
    this.#offsets = offsets;
    this.#lengths = lengths;
  }
}

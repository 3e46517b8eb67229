/**
 * Ring memory: one ring's pages, found once in the partition's memory, and addressed by ring position.
 *
 * The pages come from a GPADL and can lie anywhere. Adjacent ones, the normal case, are addressed by adding; scattered
 * ones through a table that lists every data page twice, so that a packet that wraps needs no modulo:
 *
 *     position   0 … size              size … 2 × size
 *               ┌────┬────┬────┬────┬────┬────┬────┬────┐
 *     table     │ p1 │ p2 │ p3 │ p4 │ p1 │ p2 │ p3 │ p4 │
 *               └────┴────┴────┴────┴────┴────┴────┴────┘
 *
 * One class serves both, so that the code which calls it stays monomorphic. All word arithmetic is in 32-bit words,
 * whose indices fit a small integer on a node of any size.
 */
import { Access, type GuestMemory, PAGE_SIZE } from '@ringlet/microkernel';
import { Control } from './layout.ts';

const PAGE_MASK = PAGE_SIZE - 1;
/** Up to this many bytes a loop beats the call of a copy routine (measured on V8 11). */
const LOOP_BYTES = 128;

/** One thread's access to the pages of one ring. */
export class RingMemory {
  /** The partition's memory. */
  readonly guest: GuestMemory;
  /** All of the node that the ring's pages lie in, as words. Index it by {@link word} or {@link control}. */
  readonly words: Int32Array;
  /** The same as bytes; index by {@link offset}. */
  readonly bytes: Uint8Array;
  /** Word index of the header page. */
  readonly control: number;
  /** Bytes of data: the modulus of ring positions. */
  readonly size: number;
  /** Whether the data pages are adjacent. */
  readonly contiguous: boolean;
  readonly #quads: BigUint64Array;
  readonly #first: number;
  readonly #table: Int32Array;

  /** The words that both ends share, as they are now: indices in bytes, and what each has asked of the other. */
  inspect(): Record<string, unknown> {
    const word = (at: number): number => Atomics.load(this.words, this.control + at) >>> 0;
    return {
      writeIndex: word(Control.WriteIndex),
      readIndex: word(Control.ReadIndex),
      interruptMask: word(Control.InterruptMask),
      pendingSendSize: word(Control.PendingSendSize),
      featureBits: word(Control.FeatureBits),
    };
  }

  private constructor(guest: GuestMemory, header: number, data: readonly number[]) {
    this.guest = guest;
    this.words = guest.words;
    this.bytes = guest.bytes;
    this.control = header / 4;
    this.size = data.length * PAGE_SIZE;
    this.contiguous = data.every((offset, i) => offset === data[0]! + i * PAGE_SIZE);
    this.#quads = new BigUint64Array(guest.bytes.buffer, guest.bytes.byteOffset, guest.bytes.length >>> 3);
    this.#first = data[0]! / 4;
    this.#table = Int32Array.from([...data, ...data], (offset) => offset / 4);
  }

  /**
   * Finds the pages of a ring.
   *
   * @param pages - guest page numbers: the header page, then one or more data pages
   * @returns undefined when there are too few, or one of them is not readable and writable memory
   */
  static map(guest: GuestMemory, pages: ArrayLike<number>): RingMemory | undefined {
    if (pages.length < 2) return undefined;
    const offsets = Array.from(pages, (page) => guest.find(page * PAGE_SIZE, PAGE_SIZE, Access.ReadWrite));
    return offsets.some((offset) => offset < 0) ? undefined : new RingMemory(guest, offsets[0]!, offsets.slice(1));
  }

  /** What the opener of a channel does before it gives the ring away: empties it. Feature bits are the producer's. */
  initialize(): void {
    this.words.fill(0, this.control, this.control + PAGE_SIZE / 4);
    Atomics.store(this.words, this.control + Control.WriteIndex, 0);
  }

  /** Word index of a ring position, a multiple of 4 below twice the size. */
  word(position: number): number {
    return this.contiguous
      ? this.#first + ((position >= this.size ? position - this.size : position) >> 2)
      : this.#table[position >> 12]! + ((position & PAGE_MASK) >> 2);
  }

  /**
   * Word index that position 0 would have if memory went on, back to there, as it does at `position`, below the size: up
   * to the end of that {@link run}, a position's word is this plus a quarter of it.
   */
  base(position: number): number {
    return this.word(position) - (position >> 2);
  }

  /** Byte offset of a ring position below twice the size. */
  offset(position: number): number {
    return this.word(position & ~3) * 4 + (position & 3);
  }

  /** Bytes from a ring position, below twice the size, to the next place where memory may not go on. */
  run(position: number): number {
    if (!this.contiguous) return PAGE_SIZE - (position & PAGE_MASK);
    return position >= this.size ? 2 * this.size - position : this.size - position;
  }

  /** Copies `source` into the ring. */
  copyIn(position: number, source: Uint8Array): void {
    const length = source.length;
    if (length <= this.run(position)) {
      this.bytes.set(source, this.offset(position));
      return;
    }
    for (let done = 0; done < length;) {
      const step = Math.min(this.run(position + done), length - done);
      this.bytes.set(source.subarray(done, done + step), this.offset(position + done));
      done += step;
    }
  }

  /** Fills `target` from the ring. Beyond a small size this makes one short-lived view for each run. */
  copyOut(position: number, target: Uint8Array): void {
    const length = target.length;
    for (let done = 0; done < length;) {
      const step = Math.min(this.run(position + done), length - done);
      const offset = this.offset(position + done);
      if (step <= LOOP_BYTES) {
        const bytes = this.bytes;
        for (let i = 0; i < step; i++) target[done + i] = bytes[offset + i]!;
      } else {
        target.set(this.bytes.subarray(offset, offset + step), done);
      }
      done += step;
    }
  }

  /** Copies `count` words from a ring position, a multiple of 8, to other memory. */
  wordsOut(position: number, target: Int32Array, at: number, count: number): void {
    const words = this.words;
    for (let done = 0; done < count;) {
      const step = Math.min(this.run(position + 4 * done) >> 2, count - done);
      const from = this.word(position + 4 * done);
      for (let i = 0; i < step; i++) target[at + done + i] = words[from + i]!;
      done += step;
    }
  }

  /** Copies `length` bytes at `offset` of the same node into the ring. Positions and offsets are multiples of 8. */
  moveIn(position: number, offset: number, length: number): void {
    for (let done = 0; done < length;) {
      const step = Math.min(this.run(position + done), length - done);
      this.move(this.word(position + done), (offset + done) / 4, step);
      done += step;
    }
  }

  /** Copies `length` bytes out of the ring to `offset` of the same node. Positions and offsets are multiples of 8. */
  moveOut(position: number, offset: number, length: number): void {
    for (let done = 0; done < length;) {
      const step = Math.min(this.run(position + done), length - done);
      this.move((offset + done) / 4, this.word(position + done), step);
      done += step;
    }
  }

  /** Copies `length` bytes inside the node. Both places are word indices, and even. */
  move(target: number, source: number, length: number): void {
    if (length > LOOP_BYTES || (length & 7) !== 0) {
      this.guest.copyWithin(target * 4, source * 4, length);
      return;
    }
    // 64-bit integers rather than doubles: a double may lose the bits of a NaN on its way through.
    const quads = this.#quads;
    let to = target >> 1;
    let from = source >> 1;
    let left = length >> 3;
    // Eight by eight: between iterations the engine checks the view's shape and bounds anew, within one it does not.
    for (; left >= 8; left -= 8, to += 8, from += 8) {
      quads[to] = quads[from]!;
      quads[to + 1] = quads[from + 1]!;
      quads[to + 2] = quads[from + 2]!;
      quads[to + 3] = quads[from + 3]!;
      quads[to + 4] = quads[from + 4]!;
      quads[to + 5] = quads[from + 5]!;
      quads[to + 6] = quads[from + 6]!;
      quads[to + 7] = quads[from + 7]!;
    }
    for (let i = 0; i < left; i++) quads[to + i] = quads[from + i]!;
  }
}

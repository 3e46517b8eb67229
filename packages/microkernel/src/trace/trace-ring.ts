/**
 * Trace ring: what one thread saw, on its way to the thread that keeps it. One writer, one reader, in shared memory. While
 * somebody reads along, a full ring drops what comes and counts it. While nobody does, it is a flight recorder: its writer
 * goes around in the first eighth of it, which stays in the processor's cache, drives out what is oldest there, and no other
 * thread has any work. No guest ever waits for who watches it.
 *
 *     words    0 on     1 dropped     2 written up to     3 read up to     4 keeps the oldest     5 snap length
 *              6 records before those that were not driven out
 *              16…79 where the first record of each part begins, 80…143 how many were before it
 *              144… data, one circular buffer, in 64 parts
 *
 *     record   0 bytes, all of it, a multiple of 8     1 kind | sender << 8 | virtual processor << 16
 *              2 time, a double: clock units of 100 ns  4 partition     5 relid | subchannel << 16
 *              6 bytes that there were                  7 bytes that follow, up to the snap length
 *
 * Positions count on without end, modulo 2^32; data is a power of two long. A record never wraps: what is left at the end
 * of the data is filled by a record of kind 0.
 */
import type { Clock } from '../clock.ts';

/** What a record is of. 0 fills the end of the ring. */
export const TraceKind = {
  Hypercall: 1,
  Msr: 2,
  Message: 3,
  Channel: 4,
  Packet: 5,
  Data: 6,
  /** Made by who keeps the records: so many were dropped here. */
  Lost: 7,
} as const;

/** Who sent, or did, what a record is of. */
export const TraceSender = { Guest: 0, Root: 1 } as const;

/** Bytes of a record before what it carries. */
export const TRACE_HEADER_BYTES = 32;

const On = 0;
const Dropped = 1;
const Written = 2;
const Read = 3;
const KeepsOldest = 4;
const Snap = 5;
const DrivenOut = 6;
const FIRSTS = 16;
const PARTS = 64;
/** Parts that a ring goes around in while nobody reads. */
const FLIGHT_PARTS = 8;
const COUNTS = FIRSTS + PARTS;
const DATA = COUNTS + PARTS;

/** Data of a ring. Only what is used is committed: an eighth while nobody reads. */
const RING_BYTES = 16 * 1024 * 1024;
/** Bytes of frames that are kept, at most, unless the ring says otherwise: all of the longest large send. */
const LONGEST_SNAP = 0x2_0000;
/** Bytes of a packet's payload that are kept, at most: frames are elsewhere. */
const MOST_PAYLOAD_BYTES = 2048;

/** Makes a ring, off and empty. @param bytes - of its data, a power of two */
export function createTraceRing(bytes = RING_BYTES): SharedArrayBuffer {
  const ring = new SharedArrayBuffer(DATA * 4 + bytes);
  new Int32Array(ring)[Snap] = LONGEST_SNAP;
  return ring;
}

/** Switches a ring on or off; its writer sees it at its next look. */
export function switchTraceRing(ring: SharedArrayBuffer, on: boolean): void {
  Atomics.store(new Int32Array(ring), On, on ? 1 : 0);
}

/** What a writer has before it has a ring: always off. */
const NO_RING = new SharedArrayBuffer(DATA * 4);

/** The writing end: of the one thread that it belongs to. Off until it has a ring. Writing allocates nothing. */
export class TraceWriter {
  /** All of the ring. */
  words!: Int32Array;
  /** The whole ring, its header included. */
  bytes!: Uint8Array;
  readonly #clock: Clock;
  #size = 0;
  #time!: Float64Array;
  /** Position of the next record, private until {@link close}. */
  #next = 0;
  /** Up to where there is room, as of the last look at the reader. */
  #limit = 0;
  /** log2 of a part's bytes, and the part that the last record began in. */
  #shift = 0;
  /** Where it goes around while nobody reads. */
  #flight = 0;
  #part = -1;
  /** Records so far. */
  #count = 0;
  #inBatch = false;
  #now = 0;

  constructor(clock: Clock, ring: SharedArrayBuffer | undefined = NO_RING) {
    this.#clock = clock;
    this.plug(ring);
  }

  /** Writes to this ring from now on. */
  plug(ring: SharedArrayBuffer): void {
    this.words = new Int32Array(ring);
    this.bytes = new Uint8Array(ring);
    this.#time = new Float64Array(ring);
    this.#size = (this.words.length - DATA) * 4;
    this.#flight = (this.#size / PARTS) * FLIGHT_PARTS;
    this.#shift = 31 - Math.clz32(this.#size / PARTS);
    this.#next = this.#limit = Atomics.load(this.words, Written);
    this.#part = -1;
  }

  /** Whether anything is to be written. One load. */
  get on(): boolean {
    return this.words[On] !== 0;
  }

  /** Switches writing on or off. */
  switch(on: boolean): void {
    Atomics.store(this.words, On, on ? 1 : 0);
  }

  /** Reads the clock, for the records that follow: those of a batch have one time. @returns what it says */
  tick(): number {
    return (this.#now = this.#clock.now());
  }

  /** The records that follow are of an earlier time, when what they are of began. */
  at(time: number): void {
    this.#now = time;
  }

  /** How many of `bytes` are kept of a frame. @param head - those before it, which are all kept */
  kept(bytes: number, head = 0): number {
    const most = head + this.words[Snap]!;
    return bytes < most ? bytes : most;
  }

  /** How many of `bytes` are kept of a packet or call. @param head - those before its payload, which are all kept */
  keptOfPacket(bytes: number, head = 0): number {
    const most = head + MOST_PAYLOAD_BYTES;
    return bytes < most ? bytes : most;
  }

  /**
   * Begins a record. Fill in what it carries, then {@link close}.
   *
   * @param length - bytes that there are
   * @param kept - bytes that the record carries
   * @returns word index of the first of them; -1 when the ring is full, and the record counted as dropped
   */
  open(
    kind: number,
    sender: number,
    vp: number,
    partition: number,
    relid: number,
    subchannel: number,
    length: number,
    kept: number,
  ): number {
    const { words } = this;
    const size = this.#size;
    const total = TRACE_HEADER_BYTES + ((kept + 7) & ~7);
    const next = this.#next;
    let start = next & (size - 1);
    const rest = size - start;
    const around = total > rest || (start >= this.#flight && words[KeepsOldest] === 0);
    const filler = around ? rest : 0;
    if (((this.#limit - next) | 0) < filler + total && !this.#makeRoom(filler + total, total)) {
      Atomics.add(words, Dropped, 1);
      return -1;
    }
    if (start >> this.#shift !== this.#part) this.#enterPart(start >> this.#shift, next);
    if (filler > 0) {
      words[DATA + (start >> 2)] = filler;
      words[DATA + (start >> 2) + 1] = 0;
      for (let part = (start >> this.#shift) + 1; part < PARTS; part++) this.#enterPart(part, next + filler);
      start = 0;
      this.#enterPart(0, next + filler);
    }
    this.#count++;
    const at = DATA + (start >> 2);
    words[at] = total;
    words[at + 1] = kind | (sender << 8) | (vp << 16);
    this.#time[(at >> 1) + 1] = this.#now;
    words[at + 4] = partition;
    words[at + 5] = relid | (subchannel << 16);
    words[at + 6] = length;
    words[at + 7] = kept;
    this.#next = (next + filler + total) | 0;
    return at + TRACE_HEADER_BYTES / 4;
  }

  /** Ends the record: its reader may have it, at the end of the batch when there is one. */
  close(): void {
    if (!this.#inBatch) Atomics.store(this.words, Written, this.#next);
  }

  /** The records that follow are published together. */
  beginBatch(): void {
    this.#inBatch = true;
  }

  /** Publishes what was written. */
  endBatch(): void {
    this.#inBatch = false;
    this.publish();
  }

  /** Publishes what was written, in the middle of a batch. */
  publish(): void {
    Atomics.store(this.words, Written, this.#next);
  }

  /** The first record of a part is about to be written, or what fills the ring's end. What was before is published. */
  #enterPart(part: number, position: number): void {
    Atomics.store(this.words, Written, this.#next);
    this.#part = part;
    this.words[FIRSTS + part] = position;
    this.words[COUNTS + part] = this.#count;
  }

  /**
   * Looks how far the reader is; when nobody reads, drives the oldest out.
   *
   * @param bytes - that are needed, `total` of them for the record
   * @returns whether there is room now
   */
  #makeRoom(bytes: number, total: number): boolean {
    const { words } = this;
    const size = this.#size;
    for (;;) {
      const read = Atomics.load(words, Read);
      this.#limit = (read + size) | 0;
      const missing = bytes - ((this.#limit - this.#next) | 0);
      if (missing <= 0) return true;
      // Records no longer than a part leave none without a beginning.
      if (Atomics.load(words, KeepsOldest) !== 0 || total > 1 << this.#shift) return false;
      const last = ((read + missing - 1) & (size - 1)) >> this.#shift;
      const part = (last + 1) & (PARTS - 1);
      const first = words[FIRSTS + part]!;
      words[DrivenOut] = words[COUNTS + part]!;
      // The reader may have moved meanwhile: it has made room then.
      Atomics.compareExchange(words, Read, read, first);
    }
  }
}

/** The reading end. */
export class TraceReader {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #size: number;
  /** Where the next chunk begins, unless it was driven out. */
  #next = 0;
  #before: number | undefined;

  constructor(ring: SharedArrayBuffer) {
    this.#words = new Int32Array(ring);
    this.#bytes = new Uint8Array(ring);
    this.#size = (this.#words.length - DATA) * 4;
  }

  /** How many records were before the last chunk, modulo 2^32, when some were driven out that nobody had taken. */
  get before(): number | undefined {
    return this.#before;
  }

  /** Says whether somebody reads along: what does not fit is dropped then, instead of what is oldest. */
  follow(on: boolean): void {
    Atomics.store(this.#words, KeepsOldest, on ? 1 : 0);
  }

  /** Bytes of frames that are kept from now on. */
  snap(bytes: number): void {
    Atomics.store(this.#words, Snap, Math.min(bytes, LONGEST_SNAP));
  }

  /** Records that were dropped since this was called last. */
  takeDropped(): number {
    return Atomics.exchange(this.#words, Dropped, 0);
  }

  /** A copy of all records that are there, one behind the other, in the order in which they were written. */
  take(): Uint8Array {
    const words = this.#words;
    for (;;) {
      const from = Atomics.load(words, Read);
      const written = Atomics.load(words, Written);
      // The writer has driven out more in between than there is.
      if (((written - from) | 0) > this.#size) continue;
      const chunk = this.#copy(from, written);
      // What was driven out while it was copied may be something else already. Whole records are driven out.
      const read = Atomics.load(words, Read);
      const gone = (read - from) | 0;
      if (gone > 0 && gone >= chunk.length) continue;
      const before = words[DrivenOut];
      if (Atomics.compareExchange(words, Read, read, written) !== read) continue;
      this.#before = read === this.#next ? undefined : before;
      this.#next = written;
      return gone === 0 ? chunk : chunk.slice(gone);
    }
  }

  #copy(from: number, to: number): Uint8Array {
    const length = (to - from) | 0;
    const start = from & (this.#size - 1);
    const first = Math.min(length, this.#size - start);
    if (first === length) return this.#bytes.slice(DATA * 4 + start, DATA * 4 + start + length);
    const chunk = new Uint8Array(length);
    chunk.set(this.#bytes.subarray(DATA * 4 + start), 0);
    chunk.set(this.#bytes.subarray(DATA * 4, DATA * 4 + length - first), first);
    return chunk;
  }
}

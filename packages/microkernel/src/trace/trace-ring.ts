/**
 * Trace ring: what one thread saw, on its way to the thread that keeps it. One writer, one reader, in shared memory; a
 * full ring drops what comes and counts it, so that no guest ever waits for who watches it.
 *
 *     words    0 on    1 dropped    2 written up to    3 read up to    4… data, one circular buffer
 *              │ what is traced: 0 nothing, and that is all that anybody looks at then
 *
 *     record   0 bytes, all of it, a multiple of 8     1 kind | sender << 8 | virtual processor << 16
 *              2 time, a double: clock units of 100 ns  4 partition     5 relid | subchannel << 16
 *              6 bytes that there were                  7 bytes that follow, up to the snap length
 *
 * A record never wraps: what is left at the end of the data is filled by a record of kind 0.
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
const DATA = 16;

/** Data of a ring: a fiftieth of a second of a hundred thousand packets, ten times over. Only what is used is committed. */
const RING_BYTES = 4 * 1024 * 1024;
/** Bytes of what is traced that are kept, at most: an Ethernet frame with all that is around it. */
const SNAP_BYTES = 2048;

/** Makes a ring, off and empty. */
export const createTraceRing = (bytes = RING_BYTES): SharedArrayBuffer => new SharedArrayBuffer(DATA * 4 + bytes);

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
  /** Byte offsets in the data, private until {@link close}. */
  #next = 0;
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
    this.#next = Atomics.load(this.words, Written);
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

  /** How many of `bytes` are kept. @param head - those before what can be long, which are all kept */
  kept(bytes: number, head = 0): number {
    const most = head + SNAP_BYTES;
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
    const read = Atomics.load(words, Read);
    let start = this.#next;
    // Eight bytes stay free: a full ring must not look like an empty one.
    let free = (read > start ? read - start : size - start + read) - 8;
    if (start + total > size) {
      const rest = size - start;
      if (free < rest + total) return this.#drop();
      words[DATA + (start >> 2)] = rest;
      words[DATA + (start >> 2) + 1] = 0;
      start = 0;
      free -= rest;
    }
    if (free < total) return this.#drop();
    const at = DATA + (start >> 2);
    words[at] = total;
    words[at + 1] = kind | (sender << 8) | (vp << 16);
    this.#time[(at >> 1) + 1] = this.#now;
    words[at + 4] = partition;
    words[at + 5] = relid | (subchannel << 16);
    words[at + 6] = length;
    words[at + 7] = kept;
    this.#next = start + total === size ? 0 : start + total;
    return at + TRACE_HEADER_BYTES / 4;
  }

  /** Ends the record: its reader may have it. */
  close(): void {
    Atomics.store(this.words, Written, this.#next);
  }

  #drop(): number {
    Atomics.add(this.words, Dropped, 1);
    return -1;
  }
}

/** The reading end. */
export class TraceReader {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #size: number;

  constructor(ring: SharedArrayBuffer) {
    this.#words = new Int32Array(ring);
    this.#bytes = new Uint8Array(ring);
    this.#size = (this.#words.length - DATA) * 4;
  }

  /** Records that were dropped since this was called last. */
  takeDropped(): number {
    return Atomics.exchange(this.#words, Dropped, 0);
  }

  /** A copy of all records that are there, one behind the other, in the order in which they were written. */
  take(): Uint8Array {
    const written = Atomics.load(this.#words, Written);
    const read = Atomics.load(this.#words, Read);
    const from = DATA * 4 + read;
    let chunk: Uint8Array;
    if (written >= read) chunk = this.#bytes.slice(from, DATA * 4 + written);
    else {
      chunk = new Uint8Array(this.#size - read + written);
      chunk.set(this.#bytes.subarray(from), 0);
      chunk.set(this.#bytes.subarray(DATA * 4, DATA * 4 + written), this.#size - read);
    }
    Atomics.store(this.#words, Read, written);
    return chunk;
  }
}

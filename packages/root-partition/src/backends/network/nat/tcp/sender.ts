/**
 * The sending half of a TCP connection (RFC 9293), with selective acknowledgment (RFC 2018, 6675) and tail-loss probes
 * (RFC 8985, section 7).
 *
 * Positions are offsets into the stream, which only grow: the SYN is 0, the first byte 1, the FIN comes after the last.
 *
 *     unacked          rexmit        lossEdge           next              edge
 *       ├── lost, sent ──┼── lost ─────┼── under way ────┼── may be sent ──┤
 *         again                                            (window)
 */
import { ByteRing, type MemoryBudget } from './byte-ring.ts';
import { Congestion } from './congestion.ts';
import { Ranges } from './ranges.ts';
import { RoundTrip } from './round-trip.ts';

/** Bytes from the host that wait for one guest's connection, at most. */
export const MOST_SEND_BUFFER = 1024 * 1024;
const MOST_SACK_RANGES = 64;
/** Duplicate acknowledgments that say "lost". */
const DUPLICATES = 3;
/** The guest's buffers were full: tried again after so many milliseconds. */
const BLOCKED_MS = 2;
const PERSIST_MS = 200;
const MOST_PERSIST_MS = 5000;
const MOST_TIMEOUT_MS = 60_000;
/** Time-outs in a row after which the guest is gone: a quarter of an hour, as Linux has it. */
const MOST_UNANSWERED = 15;

/** Sends the segment of `[offset, offset + length)`, and a FIN after it if `fin`. @returns false when it was not taken */
export type Emit = (offset: number, length: number, fin: boolean) => boolean;

/** One connection's way to the guest. */
export class Sender {
  /** What was taken from the host and is not acknowledged. */
  readonly ring: ByteRing;
  readonly roundTrip = new RoundTrip();
  readonly #congestion = new Congestion();
  readonly #sacked = new Ranges(MOST_SACK_RANGES);
  readonly #emit: Emit;
  segmentSize = 536;
  retransmissions = 0;
  #unacked = 1;
  #next = 1;
  #edge = 1;
  /** Offset after the last byte so far. */
  #dataEnd = 1;
  #finQueued = false;
  #recovering = false;
  #recoverPoint = 0;
  #lossEdge = 0;
  #rexmit = 0;
  /** {@link #next} when the present pass over what was lost began. */
  #passBegan = 0;
  #duplicates = 0;
  /** The guest took nothing; tried again then. */
  #blockedUntil = Infinity;
  #probed = false;
  #unanswered = 0;
  #progressAt = 0;

  constructor(emit: Emit, budget: MemoryBudget) {
    this.#emit = emit;
    this.ring = new ByteRing(MOST_SEND_BUFFER, budget);
  }

  /** Everything before this offset has arrived. */
  get unacked(): number {
    return this.#unacked;
  }

  /** The next offset to be sent for the first time. */
  get next(): number {
    return this.#next;
  }

  /** A FIN was sent, and everything up to it has arrived. */
  get finished(): boolean {
    return this.#finQueued && this.#unacked > this.#dataEnd;
  }

  /** Takes bytes from the host. @returns false when there is no room for them; nothing is taken */
  append(bytes: Uint8Array): boolean {
    if (!this.ring.append(bytes)) return false;
    this.#dataEnd += bytes.length;
    return true;
  }

  /** Nothing more will be appended: a FIN follows the last byte. */
  finish(): void {
    this.#finQueued = true;
  }

  /** The window that came with the handshake. */
  opened(window: number, now: number): void {
    this.#edge = 1 + window;
    this.#progressAt = now;
  }

  /**
   * An acknowledgment came.
   *
   * @param offset - everything before it has arrived; at most {@link next}
   * @param window - bytes that the guest takes beyond it
   * @param pure - the segment held neither data nor FIN
   */
  acknowledged(offset: number, window: number, pure: boolean, now: number): void {
    this.#unanswered = 0;
    const edge = offset + window;
    if (offset > this.#unacked) {
      this.#advance(offset, now);
    } else if (pure && edge === this.#edge && this.#next > this.#unacked && offset === this.#unacked) {
      this.#duplicates++;
    }
    // An older segment that comes late may not shrink what a newer one has opened.
    if (offset >= this.#unacked) this.#edge = edge;
    this.#detectLoss();
  }

  /** The guest holds a range beyond what it acknowledges. Called before {@link acknowledged}. */
  sacked(start: number, end: number): void {
    if (start < this.#unacked || end <= start || end > this.#next) return;
    this.#sacked.add(start, end);
  }

  #advance(offset: number, now: number): void {
    const bytes = offset - this.#unacked;
    this.ring.drop(Math.min(offset, this.#dataEnd) - Math.min(this.#unacked, this.#dataEnd));
    this.#unacked = offset;
    this.#sacked.advance(offset);
    this.#duplicates = 0;
    this.#probed = false;
    this.#progressAt = now;
    this.roundTrip.acknowledged(offset, now);
    if (!this.#recovering) {
      this.#congestion.acknowledged(bytes, this.segmentSize);
    } else if (offset >= this.#recoverPoint) {
      this.#recovering = false;
    } else if (this.#sacked.count === 0) {
      // A partial acknowledgment of a guest that says no ranges: the next segment is lost, too (RFC 6582).
      this.#lossEdge = Math.max(this.#lossEdge, offset + this.segmentSize);
    }
  }

  #detectLoss(): void {
    const { highest } = this.#sacked;
    // With nothing more to send, no later segment will tell reordering from loss.
    const last = highest >= this.#next && this.#next >= this.#end;
    const lossEdge = highest - (last ? 0 : (DUPLICATES - 1) * this.segmentSize);
    const lost = lossEdge > this.#unacked || (this.#duplicates >= DUPLICATES && this.#sacked.count === 0);
    if (lost && !this.#recovering) {
      this.#recover(Math.max(lossEdge, Math.min(this.#next, this.#unacked + this.segmentSize)));
      this.#congestion.lost(this.segmentSize);
    } else if (this.#recovering && lossEdge > this.#lossEdge) {
      this.#lossEdge = lossEdge;
    }
    // What was sent after this pass began has arrived, so what the pass sent again was lost again.
    if (this.#recovering && highest >= this.#passBegan + DUPLICATES * this.segmentSize) this.#newPass();
  }

  #recover(lossEdge: number): void {
    this.#recovering = true;
    this.#recoverPoint = this.#next;
    this.#lossEdge = lossEdge;
    this.#newPass();
  }

  #newPass(): void {
    this.#rexmit = this.#unacked;
    this.#passBegan = this.#next;
  }

  /** Offset after everything, FIN included. */
  get #end(): number {
    return this.#dataEnd + (this.#finQueued ? 1 : 0);
  }

  /** Bytes that are probably on the wire. */
  get #underWay(): number {
    const bytes = this.#next - this.#unacked - this.#sacked.bytes;
    if (!this.#recovering) return bytes;
    const lost = this.#sacked.missing(Math.max(this.#rexmit, this.#unacked), this.#lossEdge);
    const unsaid = this.#sacked.count === 0 ? this.#duplicates * this.segmentSize : 0;
    return bytes - lost - unsaid;
  }

  /** Sends what may be sent: first what was lost, then what is new. */
  transmit(now: number): void {
    this.#blockedUntil = Infinity;
    if (this.#recovering && !this.#resend(now)) return;
    for (;;) {
      const left = this.#end - this.#next;
      if (left <= 0) return;
      const room = Math.min(this.#edge - this.#next, this.#congestion.window - this.#underWay);
      if (room <= 0) return;
      const length = Math.min(this.segmentSize, room, this.#dataEnd - this.#next);
      const fin = this.#finQueued && this.#next + length === this.#dataEnd && room > length;
      // No silly windows: a part of a segment waits while something is under way (RFC 9293, section 3.8.6.2.1).
      const part = length < this.segmentSize && length < this.#dataEnd - this.#next;
      if ((part && this.#next > this.#unacked) || (length === 0 && !fin)) return;
      if (!this.#emit(this.#next, length, fin)) return this.#block(now);
      if (this.#next === this.#unacked) this.#progressAt = now;
      this.#next += length + (fin ? 1 : 0);
      this.roundTrip.sent(this.#next, now);
    }
  }

  /** Sends again what was lost, as far as the congestion window goes. @returns whether new data may follow */
  #resend(now: number): boolean {
    for (;;) {
      const at = this.#sacked.gapAt(Math.max(this.#rexmit, this.#unacked));
      if (at >= this.#lossEdge || at >= this.#next) return true;
      if (at !== this.#unacked && this.#underWay >= this.#congestion.window) return false;
      const end = Math.min(at + this.segmentSize, this.#sacked.nextStart(at), this.#next);
      if (!this.#again(at, end, now)) return false;
      this.#rexmit = end;
    }
  }

  #again(at: number, end: number, now: number): boolean {
    this.roundTrip.retransmitted();
    const dataEnd = Math.min(end, this.#dataEnd);
    if (!this.#emit(at, dataEnd - at, end > dataEnd)) {
      this.#block(now);
      return false;
    }
    this.retransmissions++;
    return true;
  }

  #block(now: number): void {
    this.#blockedUntil = now + BLOCKED_MS;
  }

  /** When {@link timer} is to be called; Infinity when nothing waits. */
  get deadline(): number {
    if (this.#blockedUntil !== Infinity) return this.#blockedUntil;
    if (this.#next > this.#unacked) {
      const { timeout, probeTimeout } = this.roundTrip;
      if (this.#mayProbe) return this.#progressAt + Math.min(probeTimeout, timeout);
      return this.#progressAt + Math.min(timeout * 2 ** this.#unanswered, MOST_TIMEOUT_MS);
    }
    if (this.#end > this.#next) {
      return this.#progressAt + Math.min(PERSIST_MS * 2 ** this.#unanswered, MOST_PERSIST_MS);
    }
    return Infinity;
  }

  get #mayProbe(): boolean {
    return !this.#recovering && !this.#probed && this.roundTrip.smoothed > 0;
  }

  /** The deadline has passed. @returns false when the guest has not answered for too long */
  timer(now: number): boolean {
    if (this.#blockedUntil !== Infinity) {
      this.transmit(now);
      return true;
    }
    this.#progressAt = now;
    if (this.#next > this.#unacked && this.#mayProbe) {
      this.#probed = true;
      this.#again(Math.max(this.#unacked, this.#next - this.segmentSize), this.#next, now);
      return true;
    }
    if (++this.#unanswered > MOST_UNANSWERED) return false;
    if (this.#next > this.#unacked) {
      // A guest may take back what it said it holds (RFC 2018, section 8).
      if (this.#unanswered > 1) this.#sacked.clear();
      this.#duplicates = 0;
      this.#congestion.timedOut(this.segmentSize);
      this.#recover(this.#next);
      this.transmit(now);
    } else {
      this.probe();
    }
    return true;
  }

  /** Asks for an acknowledgment, and with it for the guest's window, by a segment from before what it expects. */
  probe(): void {
    this.#emit(this.#unacked - 1, 0, false);
  }

  inspect(): Record<string, unknown> {
    return {
      underWay: this.#next - this.#unacked,
      waiting: this.#end - this.#next,
      window: this.#edge - this.#unacked,
      congestionWindow: Math.round(this.#congestion.window),
      roundTrip: Math.round(this.roundTrip.smoothed * 1000) / 1000,
      retransmissions: this.retransmissions,
    };
  }
}

/**
 * One TCP connection of a guest: the guest's end is ours (RFC 9293), the other a socket of the host.
 *
 *     guest opens:   opening ──host connected──► syn-received ──ACK──► open
 *     host opens:    syn-sent ────────────SYN, ACK───────────────────► open
 *     open ──both FINs acknowledged──► time-wait (when ours was first) ──► closed
 *     any  ──RST, host gone, guest silent──────────────────────────────► closed
 */
import type { Endpoints } from './connection-table.ts';
import type { ConnectionWorld } from './connection-world.ts';
import type { HostStream, HostStreamEvents } from './host-stream.ts';
import { MOST_SEND_BUFFER, Sender } from './sender.ts';
import { RECEIVE_WINDOW, Receiver } from './receiver.ts';
import { SegmentWriter } from './segment-writer.ts';
import { TcpFlag, type TcpSegment } from './segment.ts';

/** Where a connection stands. */
export type Phase = 'opening' | 'syn-received' | 'syn-sent' | 'open' | 'time-wait' | 'closed';

/** A guest that takes less is not believed: headers would be most of what is sent. */
const LEAST_SEGMENT = 64;
const MOST_SYN_TRIES = 7;
const SYN_MS = 1000;
/** A guest whose address is being asked for may answer soon. */
const SYN_UNHEARD_MS = 250;
const MOST_SYN_MS = 75_000;
const TIME_WAIT_MS = 30_000;
const IDLE_MS = 600_000;
const IDLE_PROBE_MS = 15_000;
const MOST_IDLE_PROBES = 8;
/** The host's next read may bring so much. */
const READ_ROOM = 128 * 1024;
/** So much may come before an acknowledgment that would otherwise wait for the end of the turn. */
const ACKNOWLEDGE_AFTER = 64 * 1024;

/** One connection. */
export class TcpConnection implements Endpoints, HostStreamEvents {
  readonly guestIp: number;
  readonly guestPort: number;
  readonly remoteIp: number;
  readonly remotePort: number;
  /** The next connection of the same bucket of the table. */
  nextInBucket: TcpConnection | undefined;
  /** The world has it on its list for the end of this turn. */
  isTouched = false;
  readonly #world: ConnectionWorld;
  readonly #host: HostStream;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #writer: SegmentWriter;
  #phase: Phase;
  #peerScale = 0;
  #paused = false;
  /** Bytes of the host for which there was no memory; nothing more is read meanwhile. */
  #held: Uint8Array | undefined;
  #acknowledgeSoon = false;
  #unacknowledged = 0;
  #closesFirst = false;
  #hostEnded = false;
  #synTries = 0;
  #synDue = Infinity;
  #synSince = 0;
  #heardAt = 0;
  #idleProbes = 0;
  #timeWaitEnds = 0;

  /** @param firstSequence - our initial sequence number, hard to guess */
  constructor(ends: Endpoints, world: ConnectionWorld, host: HostStream, firstSequence: number, byHost: boolean) {
    this.guestIp = ends.guestIp;
    this.guestPort = ends.guestPort;
    this.remoteIp = ends.remoteIp;
    this.remotePort = ends.remotePort;
    this.#world = world;
    this.#host = host;
    this.#writer = new SegmentWriter(ends, world.outlet, world.mtu, firstSequence);
    this.#sender = new Sender((offset, length, fin) => this.#emit(offset, length, fin), world.budget);
    this.#receiver = new Receiver((bytes, start, end) => host.write(bytes, start, end), world.budget);
    this.#phase = byHost ? 'syn-sent' : 'opening';
    this.#heardAt = this.#synSince = world.now();
    host.events = this;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Sequence number of the guest's SYN. */
  get guestSequence(): number {
    return this.#writer.theirs;
  }

  /** The guest's first segment: a SYN. */
  accept(syn: TcpSegment): void {
    this.#learn(syn);
  }

  /** The host's connection was accepted: asks the guest. */
  open(): void {
    this.#sendSyn(false);
  }

  #learn(syn: TcpSegment): void {
    const writer = this.#writer;
    writer.theirs = syn.sequence;
    writer.scaled = syn.windowScale >= 0;
    writer.sack = syn.sackPermitted;
    this.#peerScale = Math.max(0, syn.windowScale);
    this.#sender.segmentSize = Math.max(LEAST_SEGMENT, Math.min(syn.segmentSize, writer.segmentSize));
  }

  /** A segment of the guest. */
  receive(segment: TcpSegment): void {
    const now = this.#world.now();
    this.#heardAt = now;
    this.#idleProbes = 0;
    switch (this.#phase) {
      case 'opening':
        if (segment.flags & TcpFlag.Reset) this.#close(true);
        return;
      case 'syn-sent':
        return this.#answered(segment, now);
      case 'syn-received':
        if (segment.flags & TcpFlag.Syn && segment.sequence === this.#writer.theirs) {
          return this.#sendSyn(true);
        }
        if (segment.flags & TcpFlag.Reset) return this.#close(true);
        if (!(segment.flags & TcpFlag.Ack) || segment.acknowledgment !== (this.#writer.ours + 1) >>> 0) return;
        this.#opened(segment, now);
        break;
      case 'time-wait':
        // Our last acknowledgment was lost.
        if (segment.flags & TcpFlag.Fin) this.#sendAcknowledgment();
        return;
      case 'closed':
        return;
      case 'open':
    }
    this.#process(segment, now);
    this.#afterwards(now);
  }

  #answered(segment: TcpSegment, now: number): void {
    const right = segment.flags & TcpFlag.Ack && segment.acknowledgment === (this.#writer.ours + 1) >>> 0;
    if (!right) return;
    if (segment.flags & TcpFlag.Reset) return this.#close(true);
    if (!(segment.flags & TcpFlag.Syn)) return;
    this.#learn(segment);
    // The window of a SYN is never scaled.
    const scale = this.#peerScale;
    this.#peerScale = 0;
    this.#opened(segment, now);
    this.#peerScale = scale;
    this.#sendAcknowledgment();
    if (!this.#paused) this.#host.resume();
    this.#afterwards(now);
  }

  #opened(segment: TcpSegment, now: number): void {
    this.#phase = 'open';
    this.#synDue = Infinity;
    this.#sender.opened(segment.window << this.#peerScale, now);
  }

  #process(segment: TcpSegment, now: number): void {
    const { flags } = segment;
    const length = segment.end - segment.data;
    const receiver = this.#receiver;
    const offset = receiver.next + ((segment.sequence - this.#writer.theirs - receiver.next) | 0);
    if (flags & TcpFlag.Reset) {
      // Exactly what is expected, or it could be anybody's (RFC 5961, section 3).
      if (offset === receiver.next) this.#close(true);
      else if (offset > receiver.next && offset < receiver.edge) this.#sendAcknowledgment();
      return;
    }
    const outside = offset + length < receiver.next || offset > receiver.edge;
    if (flags & TcpFlag.Syn || outside) return this.#sendAcknowledgment();
    if (!(flags & TcpFlag.Ack)) return;
    const acknowledged = this.#sendOffset(segment.acknowledgment);
    if (acknowledged > this.#sender.next) return this.#sendAcknowledgment();
    for (let block = 0; block < segment.blockCount; block++) {
      this.#sender.sacked(this.#sendOffset(segment.blockStart[block]!), this.#sendOffset(segment.blockEnd[block]!));
    }
    const fin = (flags & TcpFlag.Fin) !== 0;
    this.#sender.acknowledged(acknowledged, segment.window << this.#peerScale, length === 0 && !fin, now);
    if (length > 0 || fin) this.#take(segment, offset, fin);
  }

  #sendOffset(sequence: number): number {
    const { unacked } = this.#sender;
    return unacked + ((sequence - this.#writer.ours - unacked) | 0);
  }

  #take({ bytes, data, end }: TcpSegment, offset: number, fin: boolean): void {
    const receiver = this.#receiver;
    if (receiver.finished) return this.#sendAcknowledgment();
    const expected = receiver.take(offset, bytes, data, end, fin);
    this.#unacknowledged += end - data;
    if (receiver.finished) {
      this.#host.end();
      this.#sendAcknowledgment();
    } else if (!expected || this.#unacknowledged >= ACKNOWLEDGE_AFTER) {
      this.#sendAcknowledgment();
      this.#world.touched(this);
    } else {
      this.#acknowledgeSoon = true;
      this.#world.touched(this);
    }
  }

  /** The turn has ended: what has gathered goes out. */
  settle(): void {
    if (this.#phase !== 'open') return;
    this.#host.flush();
    if (this.#acknowledgeSoon) this.#sendAcknowledgment();
  }

  /** What every change in the guest's favour may allow. */
  #afterwards(now: number): void {
    if (this.#phase !== 'open') return;
    this.#sender.transmit(now);
    if (this.#held && this.#sender.append(this.#held)) {
      this.#held = undefined;
      this.#sender.transmit(now);
    }
    if (this.#hostEnded && !this.#held) this.#finish(now);
    if (this.#paused && !this.#held && this.#sender.ring.free >= MOST_SEND_BUFFER / 2) {
      this.#paused = false;
      this.#host.resume();
    }
    if (this.#receiver.finished && this.#sender.finished) return this.#finished(now);
    this.#world.rescheduled(this);
  }

  #finished(now: number): void {
    this.#release();
    if (!this.#closesFirst && this.#host.pending === 0) return this.#over();
    // Also while the host takes the last bytes: until then the connection counts.
    this.#phase = 'time-wait';
    this.#timeWaitEnds = now + TIME_WAIT_MS;
    this.#world.rescheduled(this);
  }

  /** Host: it has connected. */
  connected(): void {
    if (this.#phase !== 'opening') return;
    this.#phase = 'syn-received';
    this.#synSince = this.#world.now();
    this.#sendSyn(true);
  }

  /** Host: bytes for the guest. */
  data(bytes: Uint8Array): void {
    if (this.#held) {
      // Read before the pause took effect.
      this.#held = Buffer.concat([this.#held, bytes]);
    } else if (!this.#sender.append(bytes)) {
      this.#held = bytes.slice();
    }
    if (!this.#paused && (this.#held || this.#sender.ring.free < READ_ROOM)) {
      this.#paused = true;
      this.#host.pause();
    }
    this.#afterwards(this.#world.now());
  }

  /** Host: nothing more comes. */
  ended(): void {
    this.#hostEnded = true;
    this.#afterwards(this.#world.now());
  }

  #finish(now: number): void {
    if (!this.#receiver.finished) this.#closesFirst = true;
    this.#hostEnded = false;
    this.#sender.finish();
    this.#sender.transmit(now);
  }

  /** Host: it is gone. */
  failed(code: string): void {
    if (this.#phase === 'closed' || this.#phase === 'time-wait') return;
    if (this.#phase === 'opening') this.#world.unreachable(this, code);
    else if (this.#phase !== 'syn-sent') this.#sendReset();
    this.#close(false);
  }

  /** Host: it has taken some of what it was given. */
  drained(): void {
    if (this.#phase === 'time-wait' && !this.#closesFirst && this.#host.pending === 0) return this.#over();
    if (this.#phase !== 'open' || this.#receiver.finished) return;
    const gain = this.#receiver.gain(this.#host.pending);
    const closed = this.#receiver.edge - this.#receiver.next < 2 * this.#sender.segmentSize;
    if (gain >= RECEIVE_WINDOW / 4 || (closed && gain >= 2 * this.#sender.segmentSize)) this.#sendAcknowledgment();
  }

  /** When {@link timer} is to be called. */
  get deadline(): number {
    switch (this.#phase) {
      case 'syn-sent':
      case 'syn-received':
        return this.#synDue;
      case 'open': {
        const due = this.#sender.deadline;
        if (due !== Infinity) return due;
        return this.#heardAt + IDLE_MS + this.#idleProbes * IDLE_PROBE_MS;
      }
      case 'time-wait':
        return this.#timeWaitEnds;
      case 'opening':
      case 'closed':
        return Infinity;
    }
  }

  /** The deadline has passed. */
  timer(now: number): void {
    switch (this.#phase) {
      case 'syn-received':
        return this.#synTries > MOST_SYN_TRIES ? this.#close(true) : this.#sendSyn(true);
      case 'syn-sent':
        return now - this.#synSince > MOST_SYN_MS ? this.#close(true) : this.#sendSyn(false);
      case 'open':
        if (this.#sender.deadline <= now) {
          if (!this.#sender.timer(now)) this.abort();
        } else if (this.#idleProbes++ < MOST_IDLE_PROBES) {
          this.#sender.probe();
        } else {
          this.abort();
        }
        return;
      case 'time-wait':
        return this.#close(true);
      case 'opening':
      case 'closed':
    }
  }

  /** Ends it at once, for both sides. */
  abort(): void {
    if (this.#phase === 'open' || this.#phase === 'syn-received') this.#sendReset();
    this.#close(true);
  }

  #close(reset: boolean): void {
    if (this.#phase === 'closed') return;
    this.#host.destroy(reset);
    this.#release();
    this.#over();
  }

  #release(): void {
    this.#sender.ring.release();
    this.#receiver.release();
    this.#held = undefined;
  }

  #over(): void {
    this.#phase = 'closed';
    this.#world.closed(this);
  }

  #sendSyn(answer: boolean): void {
    const sent = this.#writer.syn(answer);
    const wait = sent ? SYN_MS * 2 ** Math.min(this.#synTries, 4) : SYN_UNHEARD_MS;
    if (sent) this.#synTries++;
    this.#synDue = this.#world.now() + wait;
    this.#world.rescheduled(this);
  }

  /** Answers the guest's SYN with a reset. */
  refuse(): void {
    this.#writer.reset(0, 1);
  }

  #sendReset(): void {
    this.#writer.reset(this.#sender.next, this.#receiver.next);
  }

  #sendAcknowledgment(): void {
    this.#emit(this.#sender.next, 0, false);
  }

  #emit(offset: number, length: number, fin: boolean): boolean {
    this.#acknowledgeSoon = false;
    this.#unacknowledged = 0;
    return this.#writer.data(this.#sender, this.#receiver, this.#host.pending, offset, length, fin);
  }

  inspect(): Record<string, unknown> {
    const { addresses } = this.#world.outlet;
    return {
      guest: addresses.formatEnd(this.guestIp, this.guestPort),
      remote: addresses.formatEnd(this.remoteIp, this.remotePort),
      phase: this.#phase,
      toHost: this.#host.pending,
      ...this.#sender.inspect(),
    };
  }
}

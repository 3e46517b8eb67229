/**
 * Ring channel: one end of an open channel, over the two rings of its GPADL.
 *
 * A turn of {@link RingChannel.poll} is the whole protocol of the receiving side: mask, take what is there, return the
 * space and publish the answers in one go, signal once if either needs it; when nothing is left unmask and look again.
 * Only after that second look may the owner of the thread sleep: until then the peer saw a mask and kept quiet.
 */
import type { Observable } from 'rxjs';
import type { GuestMemory } from '@ringlet/microkernel';
import { packetBytes, RANGE_HEADER_BYTES, type RingFault } from '../ring/layout.ts';
import { RingMemory } from '../ring/ring-memory.ts';
import { RingReader } from '../ring/ring-reader.ts';
import { RingWriter } from '../ring/ring-writer.ts';
import type { Channel, ChannelState, ChannelStatistics, PacketHandler, TransferRanges } from './channel.ts';
import { COMPLETION_REQUESTED, type Packet, PacketType } from './packet.ts';
import { ChannelEvents, type TracedPacket } from './channel-events.ts';
import type { ChannelTrace, PacketTrace } from './channel-trace.ts';
import { detachedRing } from './detached-ring.ts';
import { RoomQueue } from './room-queue.ts';

/** Packets taken before the memory for more answers is prepared: not for a few, of which each must be quick. */
const PACKETS_PER_PREPARE = 16;
/** Packets taken before space and answers are published, at most: the peer should not wait for a long batch to end. */
const PACKETS_PER_COMMIT = 64;
/** Packets for each poll that the channel starts by itself. */
const OWN_BUDGET = 256;

/** What one end of an open channel is made of. */
export interface RingChannelOptions {
  /** Number of the channel, on the bus. */
  readonly relid: number;
  /** 0 for the primary channel. */
  readonly subchannelIndex: number;
  /** The 120 bytes that the opener passed. */
  readonly userData: Uint8Array;
  /** The guest's memory, in which the rings lie. */
  readonly memory: GuestMemory;
  /** Guest page numbers of the ring that this end reads: its header page, then its data pages. */
  readonly incoming: ArrayLike<number>;
  /** Guest page numbers of the ring that this end writes. */
  readonly outgoing: ArrayLike<number>;
  /** Rings the peer's doorbell. */
  signal(): void;
  /**
   * Asks the owner of the thread to call `poll` soon, when there may be packets that no doorbell will announce. Absent:
   * the channel polls itself at once.
   */
  pollSoon?(): void;
  /** Where its packets are traced, while that is switched on; nowhere when absent. */
  readonly trace?: ChannelTrace | undefined;
  /** This end opens the channel: both headers are emptied before anything else. */
  readonly initialize?: boolean;
}

/** One end of an open channel. Rings that cannot be mapped make one that is `faulted` from the start. */
export class RingChannel implements Channel {
  readonly relid: number;
  readonly subchannelIndex: number;
  readonly userData: Uint8Array;
  readonly memory: GuestMemory;
  readonly batches$: Observable<Channel>;
  readonly doorbell$: Observable<void>;
  readonly state$: Observable<ChannelState>;
  readonly packets$: Observable<TracedPacket>;

  readonly #reader: RingReader;
  readonly #writer: RingWriter;
  readonly #waiting: RoomQueue;
  readonly #signal: () => void;
  readonly #pollSoon: (() => void) | undefined;

  readonly #events = new ChannelEvents();
  /** Where its packets are traced, if anywhere. */
  readonly trace: ChannelTrace | undefined;
  /** The same while it is switched on, as of the last batch. */
  #tracing: ChannelTrace | undefined;

  #state: ChannelState = 'open';
  /** A device that closes still answers what it was asked. */
  #sends = true;
  #fault: RingFault | undefined;
  #handler: PacketHandler | undefined;
  #batchEnd: ((channel: Channel) => void) | undefined;
  #polling = false;
  #paused = false;
  /** `resume` was called since the handler was last entered. */
  #resumed = false;

  #packetsReceived = 0;
  #packetsSent = 0;
  #bytesReceived = 0;
  #bytesSent = 0;
  #signalsSent = 0;
  #signalsReceived = 0;
  #fullEvents = 0;

  constructor(options: RingChannelOptions) {
    this.relid = options.relid;
    this.subchannelIndex = options.subchannelIndex;
    this.userData = options.userData;
    this.memory = options.memory;
    this.trace = options.trace;
    this.#signal = () => options.signal();
    this.#pollSoon = options.pollSoon && (() => options.pollSoon?.());
    this.batches$ = this.#events.batches$;
    this.doorbell$ = this.#events.doorbell$;
    this.state$ = this.#events.state$;
    this.packets$ = this.#events.packets$;
    this.#events.state('open');

    const incoming = RingMemory.map(options.memory, options.incoming);
    const outgoing = RingMemory.map(options.memory, options.outgoing);
    const mapped = incoming !== undefined && outgoing !== undefined;
    if (mapped && options.initialize === true) {
      incoming.initialize();
      outgoing.initialize();
    }
    this.#reader = new RingReader(mapped ? incoming : detachedRing());
    this.#writer = new RingWriter(mapped ? outgoing : detachedRing());
    this.#waiting = new RoomQueue(this.#writer);
    if (!mapped) this.#fail('ring-unmapped');
    else this.#checkRings();
  }

  /** Whether packets can pass now. */
  get state(): ChannelState {
    return this.#state;
  }

  /** Where to trace what packets stand for, while packets are traced. */
  get tracing(): PacketTrace | undefined {
    return this.#tracing;
  }

  /** What the peer did to the rings, in state `faulted`. */
  get fault(): RingFault | undefined {
    return this.#fault;
  }

  /** Counters since it was opened; a fresh copy. */
  get statistics(): ChannelStatistics {
    return {
      packetsReceived: this.#packetsReceived,
      packetsSent: this.#packetsSent,
      bytesReceived: this.#bytesReceived,
      bytesSent: this.#bytesSent,
      signalsSent: this.#signalsSent,
      signalsReceived: this.#signalsReceived,
      fullEvents: this.#fullEvents,
    };
  }

  // Sending.

  send(payload: Uint8Array, transactionLow = 0, transactionHigh = 0): boolean {
    return this.#write(PacketType.InBand, 0, transactionLow, transactionHigh, payload);
  }

  request(payload: Uint8Array, transactionLow: number, transactionHigh: number): boolean {
    return this.#write(PacketType.InBand, COMPLETION_REQUESTED, transactionLow, transactionHigh, payload);
  }

  requestDirect(
    payload: Uint8Array,
    pages: ArrayLike<number>,
    offset: number,
    length: number,
    low: number,
    high: number,
  ): boolean {
    const count = Math.ceil((offset + length) / 4096);
    const header = RANGE_HEADER_BYTES + 8 + 8 * count;
    if (!this.#begin(PacketType.GpaDirect, COMPLETION_REQUESTED, low, high, header, payload.length)) return false;
    this.#writer.u32(0);
    this.#writer.u32(1);
    this.#writer.range(pages, offset, length);
    this.#writer.write(payload);
    return this.#end();
  }

  requestTransfer(payload: Uint8Array, ranges: TransferRanges, low: number, high: number): boolean {
    const header = RANGE_HEADER_BYTES + 8 * ranges.count;
    if (!this.#begin(PacketType.TransferPages, COMPLETION_REQUESTED, low, high, header, payload.length)) return false;
    this.#writer.transferRanges(ranges);
    this.#writer.write(payload);
    return this.#end();
  }

  /**
   * Sends a packet whose payload already lies in the memory that the rings lie in, at the speed of the host's memory
   * copy: the fastest way to send anything larger than a few words.
   *
   * @param type - {@link PacketType.InBand}, or {@link PacketType.Completion} to answer
   * @param flags - {@link COMPLETION_REQUESTED} or 0
   * @param offset - where from, as `GuestMemory.find` returns it; a multiple of 8
   * @param length - bytes, in one run
   */
  sendFrom(type: number, flags: number, low: number, high: number, offset: number, length: number): boolean {
    const written = this.#counted(this.#writer.put(type, flags, low, high, offset, length));
    if (written) this.#tracing?.sent(this.#writer);
    return written;
  }

  complete(request: Packet, payload: Uint8Array): boolean {
    if (!request.completionRequested) return true;
    return this.completeTransaction(request.transactionLow, request.transactionHigh, payload);
  }

  completeTransaction(transactionLow: number, transactionHigh: number, payload: Uint8Array): boolean {
    return this.#write(PacketType.Completion, 0, transactionLow, transactionHigh, payload);
  }

  hasRoom(payloadBytes: number, reservedBytes = 0): boolean {
    return this.#sends && this.#writer.fits(packetBytes(0, payloadBytes), reservedBytes);
  }

  packetBytes(payloadBytes: number): number {
    return packetBytes(0, payloadBytes);
  }

  flush(): void {
    this.#tracing = this.trace?.look();
    if (!this.#polling && this.#sends) this.#publish();
  }

  whenRoom(payloadBytes: number, ready: () => void): boolean {
    if (!this.#sends) return false;
    // The peer frees no space for packets that it cannot see.
    this.flush();
    return this.#waiting.add(packetBytes(0, payloadBytes), ready);
  }

  // Receiving.

  onPacket(handler: PacketHandler, batchEnd?: (channel: Channel) => void): void {
    this.#handler = handler;
    this.#batchEnd = batchEnd;
    this.#kick();
  }

  resume(): void {
    this.#resumed = true;
    if (!this.#paused) return;
    this.#paused = false;
    this.#kick();
  }

  /** Notes that the peer rang; the owner of the thread polls next. */
  rang(): void {
    this.#signalsReceived++;
    this.#events.doorbell();
  }

  /** Whether a handler waits for packets and there are some. */
  get hasPackets(): boolean {
    return this.#handler !== undefined && !this.#paused && this.#sends && this.#reader.waiting();
  }

  /**
   * Handles packets that wait, at most `budget` of them. @returns whether there are more
   *
   * @param stayMasked - for a thread that looks again by itself: the peer is not asked to ring. Before such a thread
   * sleeps it must poll once without
   */
  poll(budget: number, stayMasked = false): boolean {
    if (this.#polling || !this.#sends) return false;
    this.#polling = true;
    try {
      const more = this.#turn(budget, stayMasked);
      this.#checkRings();
      return more;
    } catch (thrown) {
      // A device's mistake. Its packet counts as handled, and the ring must not stay masked for want of a turn's end.
      this.#publish();
      this.#reader.unmask();
      throw thrown;
    } finally {
      this.trace?.endBatch();
      this.#polling = false;
    }
  }

  /**
   * Rings for the peer if an earlier owner of this end may have owed it a signal: after a restore, and after the peer
   * was told that the channel is open.
   */
  signalIfOwed(): void {
    if (this.#sends && (this.#reader.owesSignal() || this.#writer.owesSignal())) this.#ring();
  }

  // Life.

  close(): void {
    this.flush();
    this.become('closed');
  }

  /** The bus tells what became of the channel. Nothing leaves `closed`. */
  become(state: ChannelState): void {
    if (state === this.#state || this.#state === 'closed') return;
    this.#state = state;
    this.#sends = state === 'open' || state === 'closing';
    this.#writer.setOpen(this.#sends);
    if (state !== 'open') this.#handler = undefined;
    if (!this.#sends) this.#waiting.clear();
    this.#events.state(state);
  }

  /** The control words of both rings, as they are now. */
  inspectShared(): { readonly incoming: object; readonly outgoing: object } {
    return { incoming: this.#reader.inspectShared(), outgoing: this.#writer.inspectShared() };
  }

  /** Plain data for `inspect`. */
  inspect(): Record<string, unknown> {
    return {
      relid: this.relid,
      subchannelIndex: this.subchannelIndex,
      state: this.#state,
      fault: this.#fault,
      paused: this.#paused,
      resumed: this.#resumed,
      waitingForRoom: this.#waiting.length,
      incoming: this.#reader.inspect(),
      outgoing: this.#writer.inspect(),
      statistics: this.statistics,
    };
  }

  #begin(type: number, flags: number, low: number, high: number, headerBytes: number, length: number): boolean {
    return this.#counted(this.#writer.begin(type, flags, low, high, headerBytes, length));
  }

  #write(type: number, flags: number, low: number, high: number, payload: Uint8Array): boolean {
    if (!this.#begin(type, flags, low, high, 0, payload.length)) return false;
    this.#writer.write(payload);
    return this.#end();
  }

  /** Ends the packet that is being written. */
  #end(): true {
    this.#writer.end();
    this.#tracing?.sent(this.#writer);
    return true;
  }

  #counted(written: boolean): boolean {
    if (written) this.#packetsSent++;
    else if (this.#sends) this.#fullEvents++;
    return written;
  }

  /** Publishes packets, which the peer may be spinning for, then returns space; one signal serves both. */
  #publish(): void {
    this.#bytesReceived += this.#reader.uncommitted;
    this.#bytesSent += this.#writer.uncommitted;
    const data = this.#writer.commit();
    const space = this.#reader.commit();
    if (space || data) this.#ring();
  }

  #ring(): void {
    this.#signalsSent++;
    this.#signal();
  }

  #turn(budget: number, stayMasked: boolean): boolean {
    const reader = this.#reader;
    this.#tracing = this.trace?.beginBatch();
    this.#waiting.serve();
    let left = budget;
    for (;;) {
      // A paused reader sleeps like an idle one, unmasked: another wake-up than ours must be able to reach it.
      if (this.#handler === undefined || this.#paused) break;
      if (!reader.waiting()) {
        if (stayMasked || !reader.unmask()) return this.#finish(false);
      }
      if (left <= 0) return this.#finish(true);
      reader.mask();
      left -= this.#batch(this.#handler, left);
    }
    reader.unmask();
    return this.#finish(false);
  }

  /** Publishes what was sent outside a batch: by those who waited for room. */
  #finish(more: boolean): boolean {
    this.#publish();
    return more;
  }

  /** Handles the packets that the last look found, at most `most`. @returns how many times the handler was called. */
  #batch(handler: PacketHandler, most: number): number {
    const reader = this.#reader;
    const watched = this.#events.tracing || this.#tracing !== undefined;
    let calls = 0;
    let refused = 0;
    while (calls < most && reader.found && reader.next()) {
      if (watched) this.#watch(reader);
      calls++;
      this.#resumed = false;
      if (handler(reader, this) === false) {
        reader.revert();
        refused++;
        this.#tracing?.refused();
        // Room or whatever it waited for may have come while it was deciding to wait.
        this.#paused = !this.#resumed;
        break;
      }
      if (this.#handler !== handler) break;
      if (calls % PACKETS_PER_PREPARE === 0) this.#writer.prepare();
      if (calls % PACKETS_PER_COMMIT === 0 || reader.due) this.#publish();
    }
    this.#packetsReceived += calls - refused;
    this.#batchEnd?.(this);
    this.#events.batch(this);
    this.#publish();
    return calls;
  }

  /** Tells of a packet that was taken: those who asked for it. */
  #watch(reader: RingReader): void {
    if (this.#events.tracing) this.#events.packet(reader);
    this.#tracing?.received(reader);
  }

  #kick(): void {
    if (this.#polling) return;
    if (this.#pollSoon) this.#pollSoon();
    else while (this.poll(OWN_BUDGET));
  }

  #checkRings(): void {
    const fault = this.#reader.fault ?? this.#writer.fault;
    if (fault !== undefined) this.#fail(fault);
  }

  #fail(fault: RingFault): void {
    this.#fault ??= fault;
    this.become('faulted');
  }
}

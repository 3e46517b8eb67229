/**
 * Channel trace: writes the packets of one end of a channel, both ways, as they lie in the rings, to the trace of the
 * thread that owns it. The peer may change a packet while it is copied: a trace shows what was there, and decides nothing.
 */
import { TraceKind, TraceSender, type TraceWriter } from '@ringlet/microkernel';
import { guid, named, reserved, struct, u16, utf8 } from '@ringlet/wire';
import type { OfferDescription } from '../device.ts';
import type { RingReader } from '../ring/ring-reader.ts';
import type { RingWriter } from '../ring/ring-writer.ts';

/** Bytes of a device's name in a trace. */
const TRACED_NAME_BYTES = 36;

/** How the packets of a channel are framed, as a trace numbers it: see {@link OfferDescription.kind}. */
export const ChannelFraming = { device: 0, 'byte-pipe': 1, 'message-pipe': 2, 'hv-socket': 3 } as const;

/** What a trace is told of a channel when it opens: whose it is. Packets name it by its relid. */
export const ChannelTraceRecord = struct('CHANNEL', 36 + TRACED_NAME_BYTES, {
  interfaceId: guid,
  instanceId: guid,
  device: utf8(TRACED_NAME_BYTES),
  framing: named(u16, ChannelFraming),
  _reserved: reserved(2),
});

/** What a device may add to the trace of its packets. */
export interface PacketTrace {
  /**
   * Writes something that a packet stands for, and that lies elsewhere in memory.
   *
   * @param sender - one of `TraceSender`
   * @param memory - where the first `length` bytes of it lie, from `start` on; `rest` is behind them
   */
  data(sender: number, memory: DataView, start: number, length: number, rest?: Uint8Array): void;
}

/** Packets that share one reading of the clock. */
const PACKETS_PER_TICK = 16;
/** Bytes before a frame that are kept beside it. */
const FRAME_HEAD_BYTES = 128;
const NOTHING = new Uint8Array(0);

/** One channel of the root's, and where it is traced. */
export class ChannelTrace implements PacketTrace {
  /** Where its records go. */
  readonly writer: TraceWriter;
  readonly #partition: number;
  readonly #relid: number;
  readonly #subchannel: number;
  /** The guest's virtual processor that the channel belongs to. */
  vp: number;
  #sinceTick = 0;
  #inBatch = false;
  /** The next packet was traced already: its receiver did not take it then. */
  #again = false;

  constructor(writer: TraceWriter, partition: number, relid: number, subchannel: number, vp: number) {
    this.writer = writer;
    this.#partition = partition;
    this.#relid = relid;
    this.#subchannel = subchannel;
    this.vp = vp & 0xffff;
  }

  /** Looks whether packets are traced. @returns this when they are */
  look(): this | undefined {
    return this.writer.on ? this : undefined;
  }

  /** Packets are received until {@link endBatch}: they share readings of the clock. @returns as {@link look} */
  beginBatch(): this | undefined {
    if (!this.writer.on) return undefined;
    this.#sinceTick = PACKETS_PER_TICK;
    this.#inBatch = true;
    this.writer.beginBatch();
    return this;
  }

  /** No more packets of the batch; the next one reads the clock anew. */
  endBatch(): void {
    if (!this.#inBatch) return;
    this.#inBatch = false;
    this.writer.endBatch();
  }

  /** Writes whose channel it is. */
  opened({ interfaceId, instanceId, name, kind = 'device' }: OfferDescription): void {
    const { writer } = this;
    const bytes = ChannelTraceRecord.encode({ interfaceId, instanceId, device: name, framing: ChannelFraming[kind] });
    writer.tick();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bytes(TraceKind.Channel, TraceSender.Root, view, 0, bytes.length, NOTHING);
  }

  /** Writes the packet that the reader stands on. */
  received(reader: RingReader): void {
    if (this.#again) {
      this.#again = false;
      return;
    }
    const { writer } = this;
    this.#tickSometimes();
    const length = reader.packetBytes;
    const kept = writer.keptOfPacket(length, reader.headerBytes);
    const at = this.#open(TraceKind.Packet, TraceSender.Guest, length, kept);
    if (at < 0) return;
    reader.copyPacket(writer.words, at, kept >> 2);
    writer.close();
  }

  /** The packet that was received last stays in its ring, and comes again. */
  refused(): void {
    this.#again = true;
  }

  /** Writes the packet that was written last. */
  sent(ring: RingWriter): void {
    const { writer } = this;
    this.#tickSometimes();
    const length = ring.lastBytes;
    const kept = writer.keptOfPacket(length, Math.min(ring.lastHeaderBytes, length));
    const at = this.#open(TraceKind.Packet, TraceSender.Root, length, kept);
    if (at < 0) return;
    ring.copyLast(writer.words, at, kept >> 2);
    writer.close();
  }

  data(sender: number, memory: DataView, start: number, length: number, rest: Uint8Array = NOTHING): void {
    this.#tickSometimes();
    this.#bytes(TraceKind.Data, sender, memory, start, length, rest);
  }

  #tickSometimes(): void {
    if (this.#inBatch && ++this.#sinceTick < PACKETS_PER_TICK) return;
    this.#sinceTick = 0;
    // What has an earlier time must not come much later than it.
    if (this.#inBatch) this.writer.publish();
    this.writer.tick();
  }

  #bytes(kind: number, sender: number, memory: DataView, start: number, head: number, rest: Uint8Array): void {
    const { writer } = this;
    const length = head + rest.length;
    const kept = writer.kept(length, FRAME_HEAD_BYTES);
    const at = this.#open(kind, sender, length, kept);
    if (at < 0) return;
    const { words, bytes } = writer;
    const first = Math.min(kept, head);
    const whole = first >> 2;
    for (let i = 0; i < whole; i++) words[at + i] = memory.getInt32(start + 4 * i, true);
    for (let i = 4 * whole; i < first; i++) bytes[at * 4 + i] = memory.getUint8(start + i);
    if (kept > first) {
      bytes.set(kept === length ? rest : rest.subarray(0, kept - first), at * 4 + first);
    }
    writer.close();
  }

  #open(kind: number, sender: number, length: number, kept: number): number {
    return this.writer.open(kind, sender, this.vp, this.#partition, this.#relid, this.#subchannel, length, kept);
  }
}

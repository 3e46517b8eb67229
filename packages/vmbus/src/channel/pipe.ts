/**
 * Pipes: streams of bytes or of messages over a channel, as sockets between partitions and some simple devices use it.
 *
 * Each packet is in-band, and its payload begins with a header of its own:
 *
 *     0        4                4 + 4
 *    ┌────────┬────────────────┬──────────────┐   type 1  data: `length` bytes follow; none at all means end of stream
 *    │ type   │ length         │ bytes …      │   type 2  the same, partly consumed: its reader has put the number of
 *    └────────┴────────────────┴──────────────┘           bytes taken in the upper half of `length`, in the ring itself
 *
 * so that a stream can be handed over in the middle of a packet (after a restore, or when a channel is relayed). Devices
 * whose offer says "pipe" but whose packets have no header, keyboards for one, use raw mode. Linux's hv_sock driver
 * and `struct vmpipe_proto_header` are the other end.
 */
import { invariant } from '@ringlet/wire';
import type { Channel } from './channel.ts';
import { type Packet, PacketType } from './packet.ts';

/** Values of the header's type. Types 3 and 4 set up transfers by reference; no peer of ours uses them. */
export const PipePacket = { Data: 1, Partial: 2 } as const;

/** Bytes of a pipe packet's header. */
export const PIPE_HEADER_BYTES = 8;
/** Most bytes that one pipe packet may carry. */
export const PIPE_PACKET_BYTES = 16384;
/** Bytes written to a byte pipe at once: a packet of them fits the smallest ring, one page, twice less a little. */
const CHUNK_BYTES = 2000;

/** What the peer did wrong. The packet stays in the ring, nothing more is read: close the channel. */
export type PipeFault = 'packet-type-unknown' | 'pipe-type-unknown' | 'length-invalid' | 'message-too-large';

/** Who receives a byte pipe's stream. */
export interface ByteReader {
  /**
   * Some bytes; valid during the call.
   *
   * @returns how many of them were taken. Fewer than given pauses the stream until {@link BytePipe.resume}
   */
  data(bytes: Uint8Array): number;
  /** The peer sends no more. */
  end(): void;
  /** The other end broke the protocol; nothing follows. */
  fault(fault: PipeFault): void;
}

/** Who receives a message pipe's messages. */
export interface MessageReader {
  /** One message; valid during the call. `false` leaves it, and pauses until {@link MessagePipe.resume}. */
  message(bytes: Uint8Array): boolean | void;
  /** The peer sends no more. Raw pipes have no such thing. */
  end(): void;
  /** The other end broke the protocol; nothing follows. */
  fault(fault: PipeFault): void;
}

/** The sending half that both kinds of pipe have. */
class PipeWriter {
  readonly channel: Channel;
  readonly #frame = new Uint8Array(PIPE_HEADER_BYTES + PIPE_PACKET_BYTES);
  readonly #view = new DataView(this.#frame.buffer);
  ended = false;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  /** Sends one packet with a header. @returns whether there was room. */
  send(bytes: Uint8Array): boolean {
    this.#view.setUint32(0, PipePacket.Data, true);
    this.#view.setUint32(4, bytes.length, true);
    this.#frame.set(bytes, PIPE_HEADER_BYTES);
    return this.channel.send(this.#frame.subarray(0, PIPE_HEADER_BYTES + bytes.length));
  }

  /** Sends the packet that ends the stream, now or when there is room. A channel that is gone needs none. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    const nothing = new Uint8Array(0);
    this.channel.whenRoom(PIPE_HEADER_BYTES, () => {
      this.send(nothing);
      this.channel.flush();
    });
  }
}

/** What a pipe packet's header says, checked. */
interface PipeSpan {
  /** Where unread bytes start, after the header. */
  readonly consumed: number;
  /** Bytes in the packet, consumed ones included. */
  readonly total: number;
  /** Whether an earlier reader took some. */
  readonly partial: boolean;
}

/** Reads the header once and checks that copy. */
function pipeSpan(packet: Packet): PipeSpan | PipeFault {
  if (packet.type !== PacketType.InBand) return 'packet-type-unknown';
  if (packet.length < PIPE_HEADER_BYTES) return 'length-invalid';
  const type = packet.u32(0);
  const length = packet.u32(4);
  if (type !== PipePacket.Data && type !== PipePacket.Partial) return 'pipe-type-unknown';
  const total = type === PipePacket.Data ? length : length & 0xffff;
  const consumed = type === PipePacket.Data ? 0 : length >>> 16;
  if (total > PIPE_PACKET_BYTES) return 'message-too-large';
  if (total > packet.length - PIPE_HEADER_BYTES) return 'length-invalid';
  if (type === PipePacket.Partial && consumed >= total) return 'length-invalid';
  return { consumed, total, partial: type === PipePacket.Partial };
}

/** A stream of bytes in each direction. Takes over the channel's packet handler. */
export class BytePipe {
  readonly #writer: PipeWriter;
  readonly #reader: ByteReader;
  readonly #buffer = new Uint8Array(PIPE_PACKET_BYTES);
  #fault: PipeFault | undefined;

  constructor(channel: Channel, reader: ByteReader) {
    this.#writer = new PipeWriter(channel);
    this.#reader = reader;
    channel.onPacket((packet) => this.#read(packet));
  }

  /** What the peer did wrong, if it did. */
  get fault(): PipeFault | undefined {
    return this.#fault;
  }

  /** Writes as much as there is room for. @returns how many bytes; 0 when there is no room, or the channel is gone. */
  write(bytes: Uint8Array): number {
    invariant(!this.#writer.ended, 'nothing is written to a pipe after its end');
    let done = 0;
    while (done < bytes.length && this.#writer.send(bytes.subarray(done, done + CHUNK_BYTES))) {
      done = Math.min(done + CHUNK_BYTES, bytes.length);
    }
    this.#writer.channel.flush();
    return done;
  }

  /** Calls `ready` once, when writing can go on. @returns false when the channel is gone. */
  whenWritable(ready: () => void): boolean {
    return this.#writer.channel.whenRoom(PIPE_HEADER_BYTES + CHUNK_BYTES, ready);
  }

  /** Ends our direction, after what was written. The other one goes on. */
  end(): void {
    this.#writer.end();
  }

  /** The reader takes bytes again. */
  resume(): void {
    this.#writer.channel.resume();
  }

  #read(packet: Packet): boolean {
    const span = this.#fault ?? pipeSpan(packet);
    if (typeof span === 'string') {
      if (this.#fault === undefined) this.#reader.fault((this.#fault = span));
      return false;
    }
    if (span.total === 0) {
      // Told and taken in one step, so that no one who takes over the ring in between misses it. The peer may wait for
      // this packet to be taken before it frees the ring.
      this.#reader.end();
      return true;
    }
    const bytes = this.#buffer.subarray(0, span.total - span.consumed);
    packet.copyTo(bytes, PIPE_HEADER_BYTES + span.consumed);
    const taken = this.#reader.data(bytes);
    invariant(taken >= 0 && taken <= bytes.length, 'a reader takes no more bytes than it is given');
    if (taken === bytes.length) return true;
    if (taken > 0) {
      packet.rewrite(0, PipePacket.Partial);
      packet.rewrite(4, span.total | ((span.consumed + taken) << 16));
    }
    return false;
  }
}

/** Messages in each direction. Takes over the channel's packet handler. */
export class MessagePipe {
  readonly #writer: PipeWriter;
  readonly #reader: MessageReader;
  readonly #raw: boolean;
  #fault: PipeFault | undefined;

  /**
   * @param options.raw - packets have no pipe header: a message is a packet's payload, padded to a multiple of eight,
   * and there is no end of stream
   */
  constructor(channel: Channel, reader: MessageReader, options: { raw?: boolean } = {}) {
    this.#writer = new PipeWriter(channel);
    this.#reader = reader;
    this.#raw = options.raw ?? false;
    channel.onPacket((packet) => (this.#raw ? this.#readRaw(packet) : this.#read(packet)));
  }

  /** What the peer did wrong, if it did. */
  get fault(): PipeFault | undefined {
    return this.#fault;
  }

  /** Sends one message of at most {@link PIPE_PACKET_BYTES}. @returns false when there is no room now. */
  send(message: Uint8Array): boolean {
    invariant(!this.#writer.ended, 'nothing is written to a pipe after its end');
    invariant(message.length <= PIPE_PACKET_BYTES, 'a message fits one pipe packet');
    invariant(message.length > 0 || this.#raw, 'an empty message would end the stream');
    const sent = this.#raw ? this.#writer.channel.send(message) : this.#writer.send(message);
    this.#writer.channel.flush();
    return sent;
  }

  /** Calls `ready` once, when a message of `length` bytes can be sent. @returns false when it never can. */
  whenWritable(length: number, ready: () => void): boolean {
    return this.#writer.channel.whenRoom((this.#raw ? 0 : PIPE_HEADER_BYTES) + length, ready);
  }

  /** Ends our direction, after what was sent. */
  end(): void {
    invariant(!this.#raw, 'a raw pipe has no end of stream');
    this.#writer.end();
  }

  /** The reader takes messages again. */
  resume(): void {
    this.#writer.channel.resume();
  }

  #readRaw(packet: Packet): boolean {
    const fault = packet.type === PacketType.InBand ? undefined : 'packet-type-unknown';
    if (fault !== undefined) return this.#fail(fault);
    return this.#reader.message(packet.payload()) !== false;
  }

  #read(packet: Packet): boolean {
    const span = this.#fault ?? pipeSpan(packet);
    if (typeof span === 'string') return this.#fail(span);
    if (span.partial) return this.#fail('pipe-type-unknown');
    if (span.total === 0) {
      this.#reader.end();
      return true;
    }
    const message = new Uint8Array(span.total);
    packet.copyTo(message, PIPE_HEADER_BYTES);
    return this.#reader.message(message) !== false;
  }

  #fail(fault: PipeFault): false {
    if (this.#fault === undefined) this.#reader.fault((this.#fault = fault));
    return false;
  }
}

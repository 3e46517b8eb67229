/**
 * Channel: one API for both ends and for every kind of memory.
 *
 * Packets arrive in batches through a handler; what is sent while a batch is handled is published once, at its end.
 * Offers, lifecycle, doorbells and batches are rxjs; packets are not events.
 */
import type { GuestMemory } from '@ringlet/microkernel';
import type { Observable } from 'rxjs';
import type { PacketTrace } from './channel-trace.ts';
import type { Packet } from './packet.ts';

/** Where a channel is in its life. */
export type ChannelState = 'open' | 'closing' | 'closed' | 'rescinded' | 'faulted';

/** Counters of one end of a channel, since it was opened. */
export interface ChannelStatistics {
  /** Packets that were taken out of the incoming ring. */
  readonly packetsReceived: number;
  /** Packets that were put into the outgoing ring. */
  readonly packetsSent: number;
  /** Ring bytes, descriptors, padding and footers included. */
  readonly bytesReceived: number;
  /** Ring bytes, descriptors, padding and footers included. */
  readonly bytesSent: number;
  /** Doorbells rung for the peer, for data or for space. */
  readonly signalsSent: number;
  /** Times the peer rang. */
  readonly signalsReceived: number;
  /** Times a packet did not fit. */
  readonly fullEvents: number;
}

/** Handles one packet. `false` leaves it in the ring and pauses reading until {@link Channel.resume}. */
export type PacketHandler = (packet: Packet, channel: Channel) => boolean | void;

/** Ranges of a buffer that both ends know. Whoever sends many of them keeps one such object. */
export interface TransferRanges {
  /** The buffer's number: 16 bits. */
  readonly set: number;
  /** How many entries of the two arrays are meant. */
  readonly count: number;
  /** Where in the buffer each range begins, in bytes. */
  readonly offsets: ArrayLike<number>;
  /** Bytes in each range. */
  readonly lengths: ArrayLike<number>;
}

/** One end of an open channel. */
export interface Channel {
  /** Channel id (relid), the bit in the event flags page. */
  readonly relid: number;
  /** 0 for a primary channel, 1… for its subchannels. */
  readonly subchannelIndex: number;
  /** The 120 bytes the opener passed in OPENCHANNEL. */
  readonly userData: Uint8Array;
  /** The partition's memory, which GPA-direct ranges address. */
  readonly memory: GuestMemory;
  /** Whether packets can pass now. */
  readonly state: ChannelState;
  /** Counters since it was opened; a fresh copy. */
  readonly statistics: ChannelStatistics;
  /** Where to trace what packets stand for, such as frames in shared memory; `undefined` while nothing is traced. */
  readonly tracing?: PacketTrace | undefined;

  /** Sends an in-band packet that asks for no completion. @returns false when the ring has no room: nothing was sent. */
  send(payload: Uint8Array, transactionLow?: number, transactionHigh?: number): boolean;
  /** Sends an in-band packet that asks for a completion. */
  request(payload: Uint8Array, transactionLow: number, transactionHigh: number): boolean;
  /**
   * Sends a GPA-direct packet with one range that asks for a completion.
   *
   * @param pages - guest page numbers of the range's pages, in order
   * @param offset - byte offset in the first page
   * @param length - bytes in the range
   */
  requestDirect(
    payload: Uint8Array,
    pages: ArrayLike<number>,
    offset: number,
    length: number,
    transactionLow: number,
    transactionHigh: number,
  ): boolean;
  /**
   * Sends a transfer-pages packet that asks for a completion. It takes the room of an in-band packet that is longer by 8
   * bytes, and by 8 more for each range.
   */
  requestTransfer(payload: Uint8Array, ranges: TransferRanges, low: number, high: number): boolean;
  /** Answers a packet; does nothing, successfully, for one that asked for no answer. */
  complete(request: Packet, payload: Uint8Array): boolean;
  /** Answers by transaction id, for answers that come later than their request. */
  completeTransaction(transactionLow: number, transactionHigh: number, payload: Uint8Array): boolean;
  /** Whether a packet with `payloadBytes` would fit now, after `reservedBytes` of ring space promised to others. */
  hasRoom(payloadBytes: number, reservedBytes?: number): boolean;
  /** Bytes of ring space that an in-band or completion packet with this payload takes, descriptor and footer included. */
  packetBytes(payloadBytes: number): number;
  /** Publishes what was sent outside a handler, and rings if needed. Inside a handler the end of the batch does it. */
  flush(): void;

  /** Installs the packet handler and starts reading. One handler a channel. */
  onPacket(handler: PacketHandler, batchEnd?: (channel: Channel) => void): void;
  /** Starts reading again after a handler returned `false`. May be called at any time. */
  resume(): void;
  /**
   * Reads what is there. Called by the owner of the thread when the peer rang, or to poll.
   *
   * @param budget - packets to handle at most
   * @returns whether more may be waiting (the budget was spent); the caller polls again soon
   */
  poll(budget: number): boolean;
  /**
   * Calls `ready` once when a packet with `payloadBytes` fits: at once when it does now, else when the peer freed space.
   *
   * @returns false when a packet of that size can never fit, or the channel is closed: `ready` is never called
   */
  whenRoom(payloadBytes: number, ready: () => void): boolean;

  /** Ends this end's use of the rings. Packets no longer arrive; sending returns false. */
  close(): void;

  /** One emission for each batch handled. */
  readonly batches$: Observable<Channel>;
  /** The peer rang, for data or space; spurious ones are normal. */
  readonly doorbell$: Observable<void>;
  /** The channel's state now and whenever it changes; completes when closed. */
  readonly state$: Observable<ChannelState>;
  /** A copy of each packet. An order of magnitude slower than the handler: for tests and traces. */
  readonly packets$: Observable<{ type: number; transactionId: bigint; payload: Uint8Array }>;
}

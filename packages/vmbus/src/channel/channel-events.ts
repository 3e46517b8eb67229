/**
 * Channel events: what observers of a channel are told. Nobody who does not ask pays: each emission is behind a look at
 * whether anyone listens, and there is one for each batch, never one for each packet, unless packets are traced.
 */
import { type Observable, ReplaySubject, Subject } from 'rxjs';
import type { Channel, ChannelState } from './channel.ts';
import type { Packet } from './packet.ts';

/** A copy of a packet. */
export interface TracedPacket {
  /** One of `PacketType`. */
  type: number;
  /** What ties a request and its completion together. */
  transactionId: bigint;
  /** Its bytes, without descriptor and padding. */
  payload: Uint8Array;
}

/** The observable side of one channel. */
export class ChannelEvents {
  readonly batches$: Observable<Channel>;
  readonly doorbell$: Observable<void>;
  readonly state$: Observable<ChannelState>;
  readonly packets$: Observable<TracedPacket>;
  readonly #batches = new Subject<Channel>();
  readonly #doorbells = new Subject<void>();
  readonly #states = new ReplaySubject<ChannelState>(1);
  readonly #packets = new Subject<TracedPacket>();

  constructor() {
    this.batches$ = this.#batches.asObservable();
    this.doorbell$ = this.#doorbells.asObservable();
    this.state$ = this.#states.asObservable();
    this.packets$ = this.#packets.asObservable();
  }

  /** Whether packets are traced: asked once for each batch. */
  get tracing(): boolean {
    return this.#packets.observed;
  }

  batch(channel: Channel): void {
    if (this.#batches.observed) this.#batches.next(channel);
  }

  doorbell(): void {
    if (this.#doorbells.observed) this.#doorbells.next();
  }

  packet(packet: Packet): void {
    const transactionId = (BigInt(packet.transactionHigh) << 32n) | BigInt(packet.transactionLow);
    this.#packets.next({ type: packet.type, transactionId, payload: packet.payload() });
  }

  /** Tells the state; after `closed` nothing is told any more. */
  state(state: ChannelState): void {
    this.#states.next(state);
    if (state !== 'closed') return;
    for (const subject of [this.#states, this.#batches, this.#doorbells, this.#packets]) subject.complete();
  }
}

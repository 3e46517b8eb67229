/**
 * How the state machine of a child's bus reaches the world: everything it wants done goes through {@link BusNotifier},
 * everything that was done comes back as a call. Nothing waits; answers may come at once or much later.
 */
import type { OfferDescription } from '../device.ts';

/** Where a message goes in the child. */
export interface MessageTarget {
  /** Number of the virtual processor. */
  readonly vp: number;
  /** Its synthetic interrupt source, 0 to 15. */
  readonly sint: number;
}

/** SINT of bus messages and channel interrupts. */
export const BUS_SINT = 2;

/** What a channel is opened with. */
export interface OpenRequest {
  /** Echoed in the answer. */
  readonly openId: number;
  /** Id of the GPADL that both rings lie in. */
  readonly ringGpadl: number;
  /** Virtual processor for interrupts, or `NO_INTERRUPTS`. Follows the child's later moves. */
  readonly targetVp: number;
  /** Pages of the child → root ring; the root → child ring follows in the same GPADL. */
  readonly downstreamPageOffset: number;
  /** 120 bytes that the guest sends along to the device. */
  readonly userData: Uint8Array;
}

/** What the machine is told to open. */
export interface OpenOrder {
  /** Channel id, and event flag. */
  readonly relid: number;
  /** 0 for the primary channel. */
  readonly subchannelIndex: number;
  /** What the guest said. */
  readonly request: OpenRequest;
  /** Guest page numbers of the child → root ring, its header page first. */
  readonly incoming: Float64Array;
  /** Guest page numbers of the root → child ring, its header page first. */
  readonly outgoing: Float64Array;
  /** Bit of the monitor page that the child rings with, or `NO_MONITOR`. */
  readonly monitorId: number;
}

/** Guest pages of the two monitor pages. */
export interface MonitorPages {
  /** GPA of the page for root → child. */
  readonly toChild: number;
  /** GPA of the page whose trigger bits the child sets. */
  readonly toRoot: number;
}

/** A guest socket wants to reach a service of the host. */
export interface SocketRequest {
  /** Becomes the instance id of the offer that accepts it. */
  readonly endpointId: string;
  /** Becomes the interface id of the offer that accepts it. */
  readonly serviceId: string;
  /** The container it comes from, where the child said so. */
  readonly siloId: string | undefined;
}

/** What the state machine asks of its host. Channels are named by the number that `RootBus.offer` gave. */
export interface BusNotifier {
  /** Posts a message. @returns false when the child's slot is occupied and its queue full: offered again later. */
  send(message: Uint8Array, target: MessageTarget): boolean;
  /**
   * A child connects: bus messages go to `target`, and these are its monitor pages.
   *
   * @returns false when the virtual processor or a page does not exist: the connection is refused
   */
  connected(target: MessageTarget, monitor: MonitorPages | undefined): boolean;
  /** The child is gone; its monitor pages are not to be touched any more. */
  disconnected(): void;
  /** Open the rings, then the device. Answer with `RootBus.openCompleted`. */
  open(channel: number, ticket: number, order: OpenOrder): void;
  /** The channel was open when the state was saved. @returns false when it cannot be, and is rescinded. */
  reopen(channel: number, order: OpenOrder): boolean;
  /** Close the device, then the rings. Answer with `RootBus.closeCompleted` when nothing touches the rings. */
  close(channel: number, ticket: number): void;
  /** Interrupts of an open channel go to `vp` from now on. @returns false when there is no such processor. */
  retarget(channel: number, vp: number): boolean;
  /** The channel is gone for good: closed if it was open, and no call about it follows. */
  removed(channel: number): void;
  /** Answer with `RootBus.socketAnswered`. */
  connectSocket(request: SocketRequest): void;
  /** The child did something it should not; `what` is one of few constant phrases. */
  guestError(what: string): void;
}

/** One channel that the bus can offer. */
export interface ChannelOffer extends OfferDescription {
  /** 0 for the primary channel. */
  readonly subchannelIndex: number;
}

/** Offer: a channel that the root announced, as the guest sees it. */
import type { OfferChannel } from '../messages/connection.ts';
import { OfferFlag } from '../messages/connection.ts';

/** Channel ids end here: the event flags page has this many bits. Bit 0 is no channel's. */
export const RELID_LIMIT = 2048;

/** A channel that can be opened. */
export interface Offer {
  /** Number of the channel, and of its event flag. */
  readonly relid: number;
  /** GUID of the device class. */
  readonly interfaceId: string;
  /** GUID of the one device. */
  readonly instanceId: string;
  /** 0 for a primary channel, 1… for its subchannels. */
  readonly subchannelIndex: number;
  /** Low MMIO to reserve for the device, in MiB. */
  readonly mmioMegabytes: number;
  /** The 120 device-defined bytes. */
  readonly userDefined: Uint8Array;
  /** Whether this is one end of an hv_sock connection. */
  readonly socket: boolean;
  /** What a doorbell signals. */
  readonly connectionId: number;
  /** The bit of the monitor page that is the doorbell instead; `undefined`: ring by hypercall. */
  readonly monitorId: number | undefined;
}

/** Offers come, go, and grow subchannels. */
export type OfferEvent =
  | { readonly kind: 'offered'; readonly offer: Offer }
  /** A further channel of a device that is offered already. */
  | { readonly kind: 'subchannel'; readonly offer: Offer; readonly primary: Offer }
  /** The root took it back: its channel, if open, is closed already. */
  | { readonly kind: 'rescinded'; readonly offer: Offer };

/** Takes the message apart. */
export const offerOf = (body: OfferChannel): Offer => ({
  relid: body.relid,
  interfaceId: body.interfaceId,
  instanceId: body.instanceId,
  subchannelIndex: body.subchannelIndex,
  mmioMegabytes: body.mmioMegabytes,
  userDefined: body.userDefined,
  socket: (body.flags & OfferFlag.HvSocket) !== 0,
  connectionId: body.connectionId,
  monitorId: body.monitorAllocated !== 0 && body.monitorId < 128 ? body.monitorId : undefined,
});

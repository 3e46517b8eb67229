/**
 * One channel as the root sees it: two small states side by side.
 *
 * What the **child** knows of it and what its **device** is doing change independently: a device can still be closing
 * when the child has long given the channel up, and the child can hold the id of a device that is gone.
 *
 *     child    unaware ──offer──▶ offered ──rescind──▶ rescinded ──release──▶ (record gone)
 *                                    └──────release──▶ released   (until the next connection)
 *
 *     device   closed ──open──▶ opening ──ok──▶ open ──close──▶ closing ──done──▶ closed
 *                                   └──failed──▶ closed             └─ reopen waits ─▶ opening
 *
 * A channel id (relid) is held exactly while the child is `offered` or `rescinded`, or the channel is reserved.
 */
import { NO_MONITOR } from '../messages/connection.ts';
import type { ChannelOffer, MessageTarget, OpenRequest } from './notifier.ts';

/** What the child knows of a channel. */
export type ChildState = 'unaware' | 'offered' | 'rescinded' | 'released';

/** What the device of a channel is doing. Tickets tell a late answer from the one that is awaited. */
type DeviceState =
  | { readonly is: 'closed' }
  /** Taken off the bus; what is left is the child's to release. */
  | { readonly is: 'removed' }
  | {
      readonly is: 'opening';
      readonly ticket: number;
      readonly request: OpenRequest;
      /** The child or the device is gone: close as soon as it is open, and answer nobody. */
      cancelled: boolean;
    }
  | { readonly is: 'open'; request: OpenRequest }
  | {
      readonly is: 'closing';
      /** 0 until the device was told: subchannels close first. */
      ticket: number;
      /** The child opened it again without waiting; there is no message that says when it may. */
      reopen: OpenRequest | undefined;
    };

/** One channel. */
export interface ChannelRecord {
  /** The root's own number for it, never used twice. */
  readonly id: number;
  offer: ChannelOffer;
  /** What {@link keyOf} says of the offer. */
  readonly key: string;
  /** The channel this is a subchannel of. */
  readonly primary: ChannelRecord | undefined;
  /** The channels that are subchannels of this. */
  readonly subchannels: Set<ChannelRecord>;
  /** Channel id, 0 for none. */
  relid: number;
  /** The id that a predecessor with the same key had, 0 for none: a device that returns gets it back. */
  formerRelid: number;
  monitorId: number;
  child: ChildState;
  device: DeviceState;
  /** The device is going away, or gone. */
  leaving: boolean;
  /** Open outside any connection, without interrupts: where its answers go. */
  reserved: MessageTarget | undefined;
  /** Restored, and no device has taken it up yet. */
  unclaimed: boolean;
}

/** Channels of one key are one after the other, never at the same time. */
export const keyOf = (offer: Pick<ChannelOffer, 'interfaceId' | 'instanceId' | 'subchannelIndex'>): string =>
  `${offer.interfaceId}/${offer.instanceId}/${offer.subchannelIndex}`.toLowerCase();

/** A channel nobody has heard of yet. */
export const newRecord = (id: number, offer: ChannelOffer, primary: ChannelRecord | undefined): ChannelRecord => ({
  id,
  offer,
  key: keyOf(offer),
  primary,
  subchannels: new Set(),
  relid: 0,
  formerRelid: 0,
  monitorId: NO_MONITOR,
  child: 'unaware',
  device: { is: 'closed' },
  leaving: false,
  reserved: undefined,
  unclaimed: false,
});

/** The usual name of the two states together, for people. */
function stateName(record: ChannelRecord): string {
  const { child, device, reserved } = record;
  if (device.is === 'closing' && device.reopen !== undefined) return 'closing-reopen';
  if (device.is !== 'closed' && device.is !== 'removed') {
    if (reserved !== undefined) return `${device.is}-reserved`;
    if (child === 'unaware' || child === 'released') return `${device.is}-release`;
    return record.leaving ? `${device.is}-revoke` : device.is;
  }
  if (device.is === 'removed' || child === 'rescinded') return 'revoked';
  return child === 'offered' ? 'closed' : child;
}

/** Whether the device of the channel touches nothing of the child's. */
export const isQuiet = ({ device }: ChannelRecord): boolean => device.is === 'closed' || device.is === 'removed';

/** Whether messages of the child about this channel still mean anything to a device. */
export const isGone = (record: ChannelRecord): boolean => record.leaving || record.child === 'rescinded';

/** A channel as `inspect` shows it. */
export function inspectRecord(record: ChannelRecord): Record<string, unknown> {
  const { offer, device } = record;
  return {
    name: offer.name,
    interfaceId: offer.interfaceId,
    instanceId: offer.instanceId,
    subchannel: offer.subchannelIndex,
    relid: record.relid,
    state: stateName(record),
    ...(device.is === 'open' ? { targetVp: device.request.targetVp } : {}),
  };
}

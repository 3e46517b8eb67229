/**
 * Putting a saved bus back: the channels wait, unclaimed, until their devices come and take them up.
 *
 * The order is: the bus, then each device, then {@link Restore.finish}, which rescinds what no device has claimed and
 * announces devices that are new.
 */
import { UserError } from '@ringlet/wire';
import { isGone, keyOf, type ChannelRecord } from './channel-record.ts';
import type { ChannelTable } from './channels.ts';
import type { Connection } from './connection.ts';
import type { ChannelOffer } from './notifier.ts';
import { isSameOffer, loadRecord } from './saved-channel.ts';
import type { SavedBus, SavedChannel } from './saved-state.ts';

/** A restore under way. */
export class Restore {
  readonly #channels: ChannelTable;
  readonly #saved: SavedBus;
  readonly #records = new Map<ChannelRecord, SavedChannel>();

  constructor(saved: SavedBus, channels: ChannelTable) {
    this.#saved = saved;
    this.#channels = channels;
    const primaries = new Map<string, ChannelRecord>();
    const byIndex = saved.channels.toSorted((a, b) => a.subchannelIndex - b.subchannelIndex);
    for (const [index, each] of byIndex.entries()) {
      const device = `${each.interfaceId}/${each.instanceId}`.toLowerCase();
      const record = loadRecord(each, index + 1, each.subchannelIndex === 0 ? undefined : primaries.get(device));
      if (each.subchannelIndex === 0 && !isGone(record)) primaries.set(device, record);
      this.#records.set(record, each);
      channels.adopt(record);
    }
  }

  /** The saved channel of a device, or `undefined` for a device that is new. @throws UserError when it has changed. */
  claim(offer: ChannelOffer): ChannelRecord | undefined {
    for (const [record, saved] of this.#records) {
      if (!record.unclaimed || isGone(record) || record.key !== keyOf(offer)) continue;
      if (!isSameOffer(saved, offer)) {
        throw new UserError(
          'restored-device-differs',
          `${offer.name}: not offered as it was when the state was saved`,
          {
            hint: 'restore with the same device options',
          },
        );
      }
      record.unclaimed = false;
      record.offer = offer;
      for (const sub of record.subchannels) {
        sub.unclaimed = false;
        sub.offer = { ...offer, subchannelIndex: sub.offer.subchannelIndex };
      }
      return record;
    }
    return undefined;
  }

  /** Goes on where the saved bus was. */
  finish(): void {
    for (const record of this.#records.keys()) {
      if (this.#channels.get(record.id) === undefined) continue;
      if (record.unclaimed) this.#channels.abandon(record);
      else this.#channels.resume(record);
    }
    if (this.#saved.allOffersDue) this.#channels.expectAllOffers();
  }
}

/** The connection as it was saved. */
export function loadConnection({ connection: saved }: SavedBus): Connection {
  if (saved.is === 'connected' && saved.version !== undefined) {
    return {
      is: 'connected',
      version: saved.version,
      monitor: saved.monitor,
      offersRequested: saved.offersRequested ?? false,
    };
  }
  if (saved.is === 'disconnecting') {
    return { is: 'disconnecting', unload: saved.unload ?? false, contact: saved.contact };
  }
  return { is: 'disconnected' };
}

/** The connection as plain data. */
export function saveConnection(connection: Connection): SavedBus['connection'] {
  switch (connection.is) {
    case 'connected':
      return {
        is: connection.is,
        version: connection.version,
        offersRequested: connection.offersRequested,
        ...(connection.monitor === undefined ? {} : { monitor: { ...connection.monitor } }),
      };
    case 'disconnecting':
      return {
        is: connection.is,
        unload: connection.unload,
        ...(connection.contact === undefined ? {} : { contact: connection.contact }),
      };
    case 'disconnected':
      return { is: connection.is };
  }
}

/** A channel as plain data, and back. */
import { newRecord, type ChannelRecord, type ChildState } from './channel-record.ts';
import type { ChannelOffer, OpenRequest } from './notifier.ts';
import { fingerprint } from './offer-message.ts';
import type { SavedChannel, SavedRequest } from './saved-state.ts';

const saveRequest = (request: OpenRequest): SavedRequest => ({ ...request, userData: Array.from(request.userData) });
const loadRequest = (saved: SavedRequest): OpenRequest => ({ ...saved, userData: Uint8Array.from(saved.userData) });

/** The record as plain data. */
export function saveRecord(record: ChannelRecord): SavedChannel {
  const { device, offer } = record;
  return {
    interfaceId: offer.interfaceId,
    instanceId: offer.instanceId,
    subchannelIndex: offer.subchannelIndex,
    fingerprint: fingerprint(offer),
    relid: record.relid,
    monitorId: record.monitorId,
    child: record.child,
    leaving: record.leaving,
    device: {
      is: device.is,
      ...(device.is === 'opening' || device.is === 'open' ? { request: saveRequest(device.request) } : {}),
      ...(device.is === 'opening' ? { cancelled: device.cancelled } : {}),
      ...(device.is === 'closing' && device.reopen !== undefined ? { reopen: saveRequest(device.reopen) } : {}),
    },
    ...(record.reserved === undefined ? {} : { reserved: { ...record.reserved } }),
  };
}

/** A record from saved data, waiting for its device. Tickets are given anew. */
export function loadRecord(saved: SavedChannel, id: number, primary: ChannelRecord | undefined): ChannelRecord {
  const { is, request, reopen, cancelled } = saved.device;
  const { interfaceId, instanceId, subchannelIndex } = saved;
  const offer: ChannelOffer = { name: 'restored', interfaceId, instanceId, subchannelIndex };
  return {
    ...newRecord(id, offer, primary),
    relid: saved.relid,
    monitorId: saved.monitorId,
    child: saved.child as ChildState,
    leaving: saved.leaving,
    device:
      is === 'opening' && request !== undefined
        ? { is, ticket: 0, request: loadRequest(request), cancelled: cancelled ?? false }
        : is === 'open' && request !== undefined
          ? { is, request: loadRequest(request) }
          : is === 'closing'
            ? { is, ticket: 0, reopen: reopen === undefined ? undefined : loadRequest(reopen) }
            : { is: 'closed' },
    reserved: saved.reserved === undefined ? undefined : { ...saved.reserved },
    unclaimed: true,
  };
}

/** Whether `offer` is what the child was told when the state was saved. */
export const isSameOffer = (saved: SavedChannel, offer: ChannelOffer): boolean =>
  saved.fingerprint === fingerprint(offer);

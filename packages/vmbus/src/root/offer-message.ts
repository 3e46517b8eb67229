/**
 * The announcement of a channel: what is on the wire, in which order ids are given, and what a caller may ask for.
 */
import { UserError } from '@ringlet/wire';
import type { BodyOf } from '../messages/catalogue.ts';
import { NO_MONITOR, OfferFlag, PipeMode, USER_BYTES } from '../messages/connection.ts';
import type { ChannelRecord } from './channel-record.ts';
import { BUS_SINT, type ChannelOffer } from './notifier.ts';

/** The order in which ids are given, so that they are the same at every boot. */
export function compareOffers(a: ChannelOffer, b: ChannelOffer): number {
  return (
    compareText(a.interfaceId, b.interfaceId) ||
    (a.order ?? 0) - (b.order ?? 0) ||
    compareText(a.instanceId, b.instanceId) ||
    a.subchannelIndex - b.subchannelIndex
  );
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What every message about a connection id says of a channel. */
export const connectionIdOf = (relid: number): number => (BUS_SINT << 12) | relid;

/** The announcement of a channel. */
export function offerMessage(record: ChannelRecord): BodyOf<'OfferChannel'> {
  const { offer, relid, monitorId } = record;
  return {
    interfaceId: offer.interfaceId,
    instanceId: offer.instanceId,
    flags: offerFlags(offer),
    mmioMegabytes: offer.mmioMegabytes ?? 0,
    userDefined: userDefined(offer),
    subchannelIndex: offer.subchannelIndex,
    mmioMegabytesOptional: 0,
    relid,
    monitorId,
    monitorAllocated: monitorId === NO_MONITOR ? 0 : 1,
    dedicatedInterrupt: 1,
    connectionId: connectionIdOf(relid),
  };
}

function offerFlags(offer: ChannelOffer): number {
  switch (offer.kind ?? 'device') {
    case 'byte-pipe':
    case 'message-pipe':
      return OfferFlag.EnumerateDeviceInterface | OfferFlag.NamedPipe;
    case 'hv-socket':
      return OfferFlag.EnumerateDeviceInterface | OfferFlag.HvSocket;
    default:
      return 0;
  }
}

/** Pipes and sockets begin with a pipe mode; what the device defines follows it. */
function userDefined(offer: ChannelOffer): Uint8Array {
  const out = new Uint8Array(USER_BYTES);
  const own = offer.userDefined ?? new Uint8Array(0);
  const kind = offer.kind ?? 'device';
  out.set(own, kind === 'device' ? 0 : 4);
  if (kind === 'message-pipe') out[0] = PipeMode.Message;
  return out;
}

/** Checks what a caller wants to offer. @throws UserError when it cannot be put on the wire. */
export function checkOffer(offer: ChannelOffer): void {
  const room = (offer.kind ?? 'device') === 'device' ? USER_BYTES : USER_BYTES - 4;
  if ((offer.userDefined?.length ?? 0) > room) {
    throw new UserError('offer-too-long', `${offer.name}: an offer carries at most ${room} bytes of its own`);
  }
  const mmio = offer.mmioMegabytes ?? 0;
  if (!Number.isInteger(mmio) || mmio < 0 || mmio > 0xffff) {
    throw new UserError('offer-mmio', `${offer.name}: MMIO is a whole number of MiB below 65536, not ${mmio}`);
  }
}

/** What a child was told of a device: a restored channel must be offered the same. */
export const fingerprint = (offer: ChannelOffer): string =>
  [
    offer.kind ?? 'device',
    offer.mmioMegabytes ?? 0,
    offer.monitorLatency === undefined ? 'rings' : 'monitored',
    Array.from(offer.userDefined ?? []).join('.'),
  ].join(' ');

/** Packet filter: which frames the guest's driver wants, by their destination (OID_GEN_CURRENT_PACKET_FILTER). */
import { PacketFilter } from '@ringlet/protocols';
import { isBroadcast } from './statistics.ts';

/** Addresses of groups that a driver may list. */
export const MOST_MULTICAST = 32;

/** The filter of one adapter. */
export class FrameFilter {
  /** Bits of {@link PacketFilter}. 0, as at first: nothing is wanted. */
  wanted = 0;
  /** The adapter's address. */
  readonly address: Uint8Array;
  /** Addresses of groups, six bytes each. */
  multicast: Uint8Array = new Uint8Array(0);

  /** @param address - kept, not copied: it may change */
  constructor(address: Uint8Array) {
    this.address = address;
  }

  /** Whether the driver wants a frame, which has at least six bytes. */
  admits(frame: Uint8Array): boolean {
    const { wanted } = this;
    if (wanted === 0) return false;
    if ((wanted & PacketFilter.Promiscuous) !== 0) return true;
    if ((frame[0]! & 1) === 0) return (wanted & PacketFilter.Directed) !== 0 && isAt(this.address, 0, frame);
    if (isBroadcast(frame)) return (wanted & PacketFilter.Broadcast) !== 0;
    if ((wanted & PacketFilter.AllMulticast) !== 0) return true;
    return (wanted & PacketFilter.Multicast) !== 0 && this.#lists(frame);
  }

  #lists(frame: Uint8Array): boolean {
    for (let at = 0; at < this.multicast.length; at += 6) if (isAt(this.multicast, at, frame)) return true;
    return false;
  }
}

function isAt(addresses: Uint8Array, at: number, frame: Uint8Array): boolean {
  for (let i = 0; i < 6; i++) if (addresses[at + i] !== frame[i]) return false;
  return true;
}

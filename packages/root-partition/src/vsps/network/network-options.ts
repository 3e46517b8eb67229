/** What a network adapter is made of, and its limits with their defaults. */
import { NETWORK_INTERFACE } from '@ringlet/protocols';
import type { OfferDescription } from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import type { NetworkPort } from '../../backends/network/network-port.ts';

/** Options of a network adapter. */
export interface NetworkOptions {
  /** For people. */
  readonly name?: string;
  /** Which adapter this is among several; a GUID. */
  readonly instanceId?: string;
  /** What it is plugged into. Absent: nothing, and the link is down. */
  readonly port?: NetworkPort;
  /** Its permanent address, six bytes. */
  readonly mac?: Uint8Array;
  /** Largest MTU that the guest may choose; the port's when absent. */
  readonly mtu?: number;
  /** Subchannels that the guest may open; 7 when absent. */
  readonly maxSubchannels?: number;
  /** Link speed that the guest is told, in bits a second; 10 Gb/s when absent. */
  readonly linkSpeed?: number;
  /**
   * Calls `run` when the event at hand has been handled: frames that come one by one until then reach the guest as one
   * batch. The end of the microtask when absent.
   */
  readonly soon?: (run: () => void) => void;
}

/** Subchannels of an adapter when nothing is said. */
const DEFAULT_SUBCHANNELS = 7;
/** Queues that a driver can use at most: a port has 64 (NVSP 5). */
const MOST_SUBCHANNELS = 63;
const DEFAULT_INSTANCE = '72696e67-6c65-746e-8353-000000000000';
/** Locally administered, and an individual's. */
const DEFAULT_MAC = [0x02, 0x52, 0x6c, 0, 0, 1];
const LEAST_MTU = 576;
const MOST_MTU = 9000;
const DEFAULT_MTU = 1500;

/** The offer of an adapter. @throws UserError when an option is out of range */
export function networkOffer(options: NetworkOptions): OfferDescription {
  const maxSubchannels = options.maxSubchannels ?? DEFAULT_SUBCHANNELS;
  if (!Number.isInteger(maxSubchannels) || maxSubchannels < 0 || maxSubchannels > MOST_SUBCHANNELS) {
    throw new UserError('bad-subchannels', `a network adapter cannot have ${maxSubchannels} subchannels`, {
      hint: `0 to ${MOST_SUBCHANNELS}`,
    });
  }
  return {
    name: options.name ?? 'network',
    interfaceId: NETWORK_INTERFACE,
    instanceId: options.instanceId ?? DEFAULT_INSTANCE,
    maxSubchannels,
  };
}

/** The largest MTU of an adapter. @throws UserError when it is out of range */
export function mtuOf({ mtu, port }: NetworkOptions): number {
  const most = Math.min(mtu ?? MOST_MTU, port?.mtu ?? DEFAULT_MTU);
  if (Number.isInteger(most) && most >= LEAST_MTU && most <= MOST_MTU) return most;
  throw new UserError('bad-mtu', `a network adapter cannot have an MTU of ${most} bytes`, {
    hint: `${LEAST_MTU} to ${MOST_MTU}`,
  });
}

/** The address of an adapter. @throws UserError when it is no address of one adapter */
export function macOf({ mac = Uint8Array.from(DEFAULT_MAC) }: NetworkOptions): Uint8Array {
  if (isAddress(mac)) return mac.slice();
  throw new UserError('bad-mac', `a network adapter cannot have the address ${formatAddress(mac)}`, {
    hint: 'six bytes, the first of them even, not all of them zero',
  });
}

/** Whether these bytes can be the address of one adapter: not a group's, not none. */
export function isAddress(mac: Uint8Array): boolean {
  return mac.length === 6 && (mac[0]! & 1) === 0 && mac.some((byte) => byte !== 0);
}

/** `02:52:6c:00:00:01`. */
export function formatAddress(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

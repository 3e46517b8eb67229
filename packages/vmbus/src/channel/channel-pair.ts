/** Channel pair: both ends of one channel on one thread, over the smallest rings there are. A fixture of the tests. */
import type { GuestMemory } from '@ringlet/microkernel';
import { guestMemory, pageRun } from '../ring/ring-fixture.ts';
import { RingChannel, type RingChannelOptions } from './ring-channel.ts';

/** Pages of each ring: its header and one page of data. */
export const RING_PAGES = 2;
/** Payload of which two fit such a ring, and three do not. */
export const HALF = new Uint8Array(2000);

/** Both ends of a channel. */
export interface ChannelPair {
  readonly memory: GuestMemory;
  readonly root: RingChannel;
  readonly child: RingChannel;
  /** How often each end rang. */
  readonly rings: { root: number; child: number };
}

/** Opens both ends. `more` changes what the root's end is made of. */
export function channelPair(more: Partial<RingChannelOptions> = {}): ChannelPair {
  const memory = guestMemory({ pages: 2 * RING_PAGES });
  const rings = { root: 0, child: 0 };
  const options = (incoming: number, outgoing: number, signal: () => void): RingChannelOptions => ({
    relid: 5,
    subchannelIndex: 0,
    userData: new Uint8Array(120),
    memory,
    incoming: pageRun(incoming, RING_PAGES),
    outgoing: pageRun(outgoing, RING_PAGES),
    signal,
  });
  const child = new RingChannel(options(RING_PAGES, 0, () => void rings.child++));
  const root = new RingChannel({ ...options(0, RING_PAGES, () => void rings.root++), ...more });
  return { memory, root, child, rings };
}

/** A word of the header of the ring from child to root. */
export const header = (memory: GuestMemory, word: number): number => memory.words[memory.find(0, 4096, 1) / 4 + word]!;

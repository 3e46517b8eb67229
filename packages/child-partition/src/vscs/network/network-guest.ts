/** What the network driver needs of the guest it runs in: a part of what `Guest` offers, so that it can be tested alone. */
import type { GuestMemory } from '@ringlet/microkernel';
import type { BusClient } from '@ringlet/vmbus';

/** The driver's world. */
export interface NetworkGuest {
  /** The guest's memory, in which the buffers lie. */
  readonly memory: GuestMemory;
  /** Where the pages of the buffers come from. */
  readonly pages: {
    /** Takes contiguous guest pages. @returns the first page number, or -1 */
    allocate(count: number): number;
    /** Gives pages back. */
    free(firstPage: number, count: number): void;
  };
  /** Finds the subchannels, and shares the buffers with the root. */
  readonly bus: Pick<BusClient, 'offers' | 'createGpadl' | 'tearDownGpadl'>;
}

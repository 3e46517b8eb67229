/** What the network driver needs of the guest it runs in: a part of what `Guest` offers, so that it can be tested alone. */
import type { GuestMemory } from '@ringlet/microkernel';
import type { BusClient } from '@ringlet/vmbus';

/** The driver's world. */
export interface NetworkGuest {
  readonly memory: GuestMemory;
  readonly pages: {
    /** Takes contiguous guest pages. @returns the first page number, or -1 */
    allocate(count: number): number;
    free(firstPage: number, count: number): void;
  };
  readonly bus: Pick<BusClient, 'offers' | 'createGpadl' | 'tearDownGpadl'>;
}

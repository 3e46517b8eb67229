/** What the storage driver needs of the guest it runs in: a part of what `Guest` offers, so that it can be tested alone. */
import type { GuestMemory } from '@ringlet/microkernel';
import type { Channel } from '@ringlet/vmbus';

/** The driver's world. */
export interface StorageGuest {
  /** The guest's memory, in which data are read and written. */
  readonly memory: GuestMemory;
  /** Where pages for data come from that nobody else has provided. */
  readonly pages: {
    /** Takes contiguous guest pages. @returns the first page number, or -1 */
    allocate(count: number): number;
    /** Gives pages back. */
    free(firstPage: number, count: number): void;
  };
  /** Calls `run` once after `ticks` of 100 ns. @returns cancel. */
  after(ticks: number, run: () => void): () => void;
  /** Waits for so many subchannels of an open device, and opens them. */
  openSubchannels(primary: Channel, count: number): Promise<Channel[]>;
}

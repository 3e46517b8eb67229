/**
 * RingMemory: the two rings of a channel, laid out in the guest's own pages.
 *
 *     first page                      first + pages
 *     ┌────────┬──────────────────────┬────────┬──────────────────────┐
 *     │ header │ data, guest → root   │ header │ data, root → guest   │     one GPADL, 2 × pages
 *     └────────┴──────────────────────┴────────┴──────────────────────┘
 *
 * As Linux does at open: all zero, and bit 0 of the feature word of both headers set ("I honour pending send size").
 */
import { Access, type GuestMemory, PAGE_SIZE } from '@ringlet/microkernel';
import { invariant } from '@ringlet/wire';

const FEATURE_BITS_OFFSET = 64;
const FEATURE_PENDING_SEND_SIZE = 1;

/** Where the pages of rings and of the bus itself come from. */
export interface PageSource {
  /** Takes `count` contiguous pages. @returns the first guest page number, or -1. */
  allocate(count: number): number;
  /** Gives them back. */
  free(firstPage: number, count: number): void;
}

/** One channel's rings. */
export interface RingMemory {
  readonly firstPage: number;
  /** Pages of one direction, header included. */
  readonly ringPages: number;
  /** Guest page numbers of the guest → root ring, header first. */
  readonly outgoing: Float64Array;
  /** Guest page numbers of the root → guest ring, header first. */
  readonly incoming: Float64Array;
  /** Both, as a GPADL lists them. */
  readonly pages: Float64Array;
}

/** Takes and prepares the pages of a channel's rings; `undefined` when the guest has no such run of pages. */
export function allocateRings(memory: GuestMemory, source: PageSource, ringPages: number): RingMemory | undefined {
  invariant(Number.isInteger(ringPages) && ringPages >= 2, 'a ring is a header page and at least one data page');
  const firstPage = source.allocate(2 * ringPages);
  if (firstPage < 0) return undefined;
  memory.fill(firstPage * PAGE_SIZE, 0, 2 * ringPages * PAGE_SIZE);
  for (const header of [firstPage, firstPage + ringPages]) {
    const at = memory.locate(header * PAGE_SIZE + FEATURE_BITS_OFFSET, 4, Access.Write);
    invariant(at >= 0, 'a page source gives pages that are mapped');
    Atomics.store(memory.words, at >>> 2, FEATURE_PENDING_SEND_SIZE);
  }
  const pages = Float64Array.from({ length: 2 * ringPages }, (_, i) => firstPage + i);
  return { firstPage, ringPages, outgoing: pages.slice(0, ringPages), incoming: pages.slice(ringPages), pages };
}

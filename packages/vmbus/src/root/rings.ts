/**
 * Where the two rings of a channel are in the guest's memory.
 *
 *     ring GPADL   page 0          downstream page offset
 *                 ┌──────┬───────┬───────┬──────┬──────┐
 *                 │header│ data …│ data  │header│data …│
 *                 └──────┴───────┴───────┴──────┴──────┘
 *                  child → root           root → child
 */
import { PAGE_SIZE } from '@ringlet/microkernel';
import type { GpadlRange } from '../messages/gpadl-ranges.ts';

/** A ring is its header page and at least one page of data. */
const MIN_RING_PAGES = 2;

/** Guest page numbers of both rings, header pages first. */
export interface RingPages {
  readonly incoming: Float64Array;
  readonly outgoing: Float64Array;
}

/**
 * Splits a ring GPADL at a page offset that the child chose.
 *
 * @returns `undefined` when it is not one range of whole pages, or either part is too short for a ring
 */
export function splitRings(ranges: readonly GpadlRange[], downstreamPageOffset: number): RingPages | undefined {
  const [range, ...more] = ranges;
  if (range === undefined || more.length > 0) return undefined;
  if (range.byteOffset !== 0 || range.byteCount % PAGE_SIZE !== 0) return undefined;
  const { pages } = range;
  if (downstreamPageOffset < MIN_RING_PAGES || pages.length - downstreamPageOffset < MIN_RING_PAGES) return undefined;
  return { incoming: pages.slice(0, downstreamPageOffset), outgoing: pages.slice(downstreamPageOffset) };
}

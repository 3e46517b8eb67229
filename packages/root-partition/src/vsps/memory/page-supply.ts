/** Page supply: where pages that a guest gives go, and where those that it gets come from. What a balloon has below it. */
import type { PageRange } from '@ringlet/protocols';

/** The pages of one partition, for its balloon. */
export interface PageSupply {
  /** Takes pages from the guest: they are not its memory any more. What is in use otherwise stays, and is counted. */
  take(ranges: readonly PageRange[]): void;
  /** Puts zeroed memory under guest pages. @returns how many have it, from the first on */
  give(range: PageRange): number;
}

/** What a balloon knows of the guest's memory, in pages. */
export interface BalloonMemory {
  /** RAM that the guest starts with. */
  readonly ram: readonly PageRange[];
  /** Address space for memory that is added later; begins and ends at multiples of 128 MiB. */
  readonly room: PageRange;
}

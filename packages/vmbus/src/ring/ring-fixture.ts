/**
 * Ring fixture: guest memory with room for rings, for tests and benchmarks. Guest pages are adjacent; the system pages
 * below them are too, or are scattered on purpose.
 */
import { Access, type CopyWithinNode, GuestMemory, MemoryNode, PAGE_SIZE, Slat } from '@ringlet/microkernel';

/** How a fixture's memory is made. */
export interface RingFixtureOptions {
  /** Guest pages. */
  readonly pages: number;
  /** No two guest pages are adjacent in the node, and they are in reverse order. */
  readonly scattered?: boolean;
  /** Memory that another thread made with the same options, to attach to; absent: new memory. */
  readonly buffer?: SharedArrayBuffer;
  /** Moves bytes in the node; absent: the engine's own way. */
  readonly copy?: CopyWithinNode;
}

/** Bytes of system memory that a fixture with these options takes. */
export const fixtureBytes = (pages: number, scattered = false): number =>
  (1 + Math.ceil(pages / 1024) + pages * (scattered ? 2 : 1)) * PAGE_SIZE;

/** Makes guest memory whose pages are all mapped, readable and writable. */
export function guestMemory(options: RingFixtureOptions): GuestMemory {
  const scattered = options.scattered ?? false;
  const buffer = options.buffer ?? new SharedArrayBuffer(fixtureBytes(options.pages, scattered));
  const node = new MemoryNode({ id: 0, buffer }, options.copy);
  const slat = new Slat(node, 0, options.pages);
  const first = 1 + Math.ceil(options.pages / 1024);
  for (let page = 0; page < options.pages; page++) {
    const systemPage = scattered ? first + 2 * (options.pages - 1 - page) : first + page;
    slat.map(page, systemPage, Access.ReadWrite);
  }
  return new GuestMemory(node, slat);
}

/** `count` guest page numbers from `first` on. */
export const pageRun = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

/** Where the memory of one x86-64 machine comes from: a node of its own, or a pool that it shares with others. */
import { PAGE_SIZE } from '@ringlet/microkernel';
import type { MemoryRange } from '@ringlet/root-partition';
import { invariant } from '@ringlet/wire';
import type { NodeAccess, System } from './system.ts';

/** The core's constants lie below this address of every node it runs on. */
export const CORE_DATA_PAGES = 16;

/** A machine's way to its memory. */
export interface MemoryHome {
  readonly node: NodeAccess;
  /** Takes contiguous zeroed pages. @throws UserError `pool-too-small` */
  allocate(pages: number): number;
  /**
   * Gives everything back. The machine's threads have ended.
   *
   * @param partition - absent when it could not be created
   * @param ram - where its memory was
   */
  leave(partition?: number, ram?: readonly MemoryRange[]): void;
}

/** A node of the machine's own, which goes with it. */
export function ownHome(system: System, pages: number, gpaPages: number): MemoryHome {
  const { kernel } = system;
  const node = system.createNode(pages + CORE_DATA_PAGES, gpaPages);
  const allocate = (count: number): number => {
    const first = kernel.allocatePages(node.id, count);
    invariant(first >= 0, 'a node holds what it was made for');
    return first;
  };
  invariant(allocate(CORE_DATA_PAGES) === 0, "the core's data is at the beginning of its node");
  return {
    node,
    allocate,
    leave(partition) {
      if (partition !== undefined) system.deletePartition(partition);
      system.releaseNode(node);
    },
  };
}

/** Frees the pages that lie in some ranges of a partition, whose processors have stopped for good. */
export function freeRam({ kernel }: System, node: number, partition: number, ram: readonly MemoryRange[]): void {
  // Overlays go first: what lies under one would stay.
  kernel.resetPartition(partition);
  for (const { start, bytes } of ram) {
    for (const { systemPage, count } of kernel.withdrawGpaPages(partition, start / PAGE_SIZE, bytes / PAGE_SIZE)) {
      kernel.freePages(node, systemPage, count);
    }
  }
}

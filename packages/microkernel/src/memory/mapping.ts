/**
 * Mapping calls: which system pages lie under a partition's guest pages, and with which rights.
 *
 * Mapped pages stay the property of whoever allocated them; a partition that goes away only stops mapping them. So a
 * page can lie in several partitions at once.
 */
import type { Core } from '../core.ts';
import { PartitionState } from '../partition/partitions.ts';
import { PartitionWord } from '../state/layout.ts';
import { HvStatus } from '../status.ts';
import { bitmapPages } from './page-allocator.ts';
import { Access } from './slat.ts';

/** Maps a run of system pages of the partition's own node. */
export function mapPages(
  core: Core,
  partition: number,
  guestPage: number,
  systemPage: number,
  count: number,
  access: number,
): HvStatus {
  const status = mappable(core, partition, guestPage, count);
  if (status !== HvStatus.Success) return status;
  const record = core.state.partition(core.partitions.slot(partition));
  const node = core.nodes.get(core.words[record + PartitionWord.Node]!)?.node;
  const slat = core.slat(partition);
  if (node === undefined || slat === undefined) return HvStatus.OperationDenied;
  const end = node.pages - bitmapPages(node.pages);
  if (!Number.isInteger(systemPage) || systemPage < 0 || systemPage + count > end) {
    return HvStatus.InvalidParameter;
  }
  // Write or execute without read is a combination that no table format knows.
  if ((access & ~Access.All) !== 0 || (access & Access.Read) === 0) return HvStatus.InvalidParameter;
  slat.mapRun(guestPage, systemPage, count, access);
  return HvStatus.Success;
}

/** Removes the mappings of a run of guest pages, mapped or not. */
export function unmapPages(core: Core, partition: number, guestPage: number, count: number): HvStatus {
  const status = mappable(core, partition, guestPage, count);
  if (status !== HvStatus.Success) return status;
  core.slat(partition)?.unmapRun(guestPage, count);
  return HvStatus.Success;
}

/** Checks what both have in common: a partition in a state to be mapped, a reachable table, a run within it. */
function mappable(core: Core, partition: number, guestPage: number, count: number): HvStatus {
  const slot = core.partitions.slot(partition);
  if (slot < 0) return HvStatus.InvalidPartitionId;
  const state = core.words[core.state.partition(slot) + PartitionWord.State];
  if (state === PartitionState.Finalized) return HvStatus.InvalidPartitionState;
  const slat = core.slat(partition);
  if (slat === undefined) return HvStatus.OperationDenied;
  if (!Number.isInteger(guestPage) || !Number.isInteger(count) || guestPage < 0 || count < 1) {
    return HvStatus.InvalidParameter;
  }
  return guestPage + count <= slat.pageCount ? HvStatus.Success : HvStatus.InvalidParameter;
}

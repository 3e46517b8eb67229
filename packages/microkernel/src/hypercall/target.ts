/** Which partition or VP a hypercall names, and whether its caller may. */
import { PartitionWord } from '../state/layout.ts';
import { HvStatus } from '../status.ts';
import type { VpContext } from '../vp/context.ts';

/** HV_PARTITION_ID_SELF. */
const PARTITION_SELF = 0xffff_ffff_ffff_ffffn;
/** HV_VP_INDEX_SELF. */
const VP_SELF = 0xffff_fffe;

/**
 * The id of the partition that `named` stands for: the caller itself or one of its children.
 *
 * @returns the id, or a negative status: InvalidPartitionId when there is none, AccessDenied when it is someone else's
 */
export function targetPartition(caller: VpContext, named: bigint): number {
  if (named === PARTITION_SELF) return caller.partition;
  if (named > 0x7fff_ffffn) return -HvStatus.InvalidPartitionId;
  const id = Number(named);
  if (id === caller.partition) return id;
  const slot = caller.core.partitions.slot(id);
  if (slot < 0) return -HvStatus.InvalidPartitionId;
  const parent = caller.core.words[caller.core.state.partition(slot) + PartitionWord.Parent];
  return parent === caller.partition ? id : -HvStatus.AccessDenied;
}

/** As {@link targetPartition}, but a partition cannot name itself: for what only a parent does to its children. */
export function targetChild(caller: VpContext, named: bigint): number {
  const id = targetPartition(caller, named);
  return id === caller.partition ? -HvStatus.AccessDenied : id;
}

/** The VP index that `named` stands for within `partition`. */
export function targetVp(caller: VpContext, partition: number, named: number): number {
  return named === VP_SELF && partition === caller.partition ? caller.index : named;
}

/** The status that a negative number of this file carries. */
export const statusOf = (negative: number): HvStatus => -negative as HvStatus;

/** The steps of a partition's life that reach beyond its record: initialize, finalize, delete. */
import type { Core } from '../core.ts';
import { PartitionWord } from '../state/layout.ts';
import { HvStatus } from '../status.ts';
import { deleteVps } from '../vp/virtual-processors.ts';
import { PartitionState } from './partitions.ts';

const PAGE_WORDS = 1024;

/** Makes a created partition active: from now on it can have VPs. */
export function initializePartition(core: Core, partition: number): HvStatus {
  return core.partitions.advance(partition, PartitionState.Created, PartitionState.Active);
}

/** Takes everything from an active partition but its id: VPs, ports, connections, mappings. Their threads have stopped. */
export function finalizePartition(core: Core, partition: number): HvStatus {
  if (core.partitions.slot(partition) >= 0 && core.slat(partition) === undefined) return HvStatus.OperationDenied;
  const status = core.partitions.advance(partition, PartitionState.Active, PartitionState.Finalized);
  if (status === HvStatus.Success) strip(core, partition);
  return status;
}

/** Deletes a partition that is finalized, or was never initialized. Its id names nothing any more. */
export function deletePartition(core: Core, partition: number): HvStatus {
  const slot = core.partitions.slot(partition);
  if (slot < 0) return HvStatus.InvalidPartitionId;
  // One that was never initialized goes through the same door, so that nothing is mapped or created in it meanwhile.
  const record = core.state.partition(slot);
  if (core.slat(partition) === undefined) return HvStatus.OperationDenied;
  if (core.partitions.nextChild(partition, 0) !== 0) return HvStatus.ObjectInUse;
  if (core.words[record + PartitionWord.State] === PartitionState.Created) {
    core.partitions.advance(partition, PartitionState.Created, PartitionState.Finalized);
    strip(core, partition);
  }
  return core.partitions.delete(partition);
}

function strip(core: Core, partition: number): void {
  const { words, state } = core;
  deleteVps(core, partition);
  core.ports.removePartition(partition);
  const slot = core.partitions.slot(partition);
  const record = state.partition(slot);
  // The guest's bytes below the two overlays go with its memory; the next partition here finds the pages zero.
  for (const [register, page] of [
    [PartitionWord.HypercallMsr, state.hypercallPage(slot)],
    [PartitionWord.ReferenceTscMsr, state.tscPage(slot)],
  ] as const) {
    if (words[record + register] !== 0) words.fill(0, page, page + PAGE_WORDS);
    state.setQuad(record + register, 0n);
  }
  const slat = core.slat(partition);
  slat?.unmapRun(0, slat.pageCount);
}

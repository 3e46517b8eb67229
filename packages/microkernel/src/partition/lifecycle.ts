/** The steps of a partition's life that reach beyond its record: initialize, finalize, delete. */
import type { Core } from '../core.ts';
import { PartitionWord } from '../state/layout.ts';
import { HvStatus } from '../status.ts';
import { liftOverlay } from '../synic/overlay-page.ts';
import { deleteVps, resetVp } from '../vp/virtual-processors.ts';
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

/**
 * Puts an active partition's VPs and registers into the state they were created in; memory, ports and connections stay.
 * No thread runs its VPs meanwhile.
 */
export function resetPartition(core: Core, partition: number): HvStatus {
  const slot = core.partitions.slot(partition);
  if (slot < 0) return HvStatus.InvalidPartitionId;
  const memory = core.memory(partition);
  if (memory === undefined) return HvStatus.OperationDenied;
  const { words, state } = core;
  const record = state.partition(slot);
  if (words[record + PartitionWord.State] !== PartitionState.Active) return HvStatus.InvalidPartitionState;
  // Overlays go last in, first out, so that what lies below each reappears where it was: VPs, then the partition's.
  for (let index = state.vpLimit(slot) - 1; index >= 0; index--) resetVp(core, partition, index);
  liftOverlay(words, record + PartitionWord.ReferenceTscMsr, state.tscPage(slot), memory);
  liftOverlay(words, record + PartitionWord.HypercallMsr, state.hypercallPage(slot), memory);
  clearRegisters(core, slot);
  return HvStatus.Success;
}

/** Takes everything from a partition that is not its record. */
function strip(core: Core, partition: number): void {
  deleteVps(core, partition);
  core.ports.removePartition(partition);
  clearRegisters(core, core.partitions.slot(partition));
  const slat = core.slat(partition);
  slat?.unmapRun(0, slat.pageCount);
}

/** Registers that all VPs share become 0, and the pages that wait below their overlays with them. */
function clearRegisters(core: Core, slot: number): void {
  const { words, state } = core;
  const record = state.partition(slot);
  for (const [register, page] of [
    [PartitionWord.HypercallMsr, state.hypercallPage(slot)],
    [PartitionWord.ReferenceTscMsr, state.tscPage(slot)],
  ] as const) {
    // Only a page that was used is touched. What the guest had below an overlay goes with its memory.
    if (state.quad(record + register) !== 0n) words.fill(0, page, page + PAGE_WORDS);
    state.setQuad(record + register, 0n);
  }
  state.setQuad(record + PartitionWord.GuestOsId, 0n);
  for (let n = 0; n < 5; n++) state.setQuad(record + PartitionWord.Crash + 2 * n, 0n);
  words[record + PartitionWord.HypercallLocked] = 0;
}

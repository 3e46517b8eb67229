/**
 * Checkpoints of a lockstep run: everything that it needs to go on from there, as memory, disks and plain data.
 *
 * At a checkpoint the run itself goes on as if it had been restored: devices are saved, and new ones are made from what was
 * saved. So whatever a device leaves out of its state, the run and each restored one leave out alike.
 */
import type { SavedDevices, VersionedOverlay } from '@ringlet/root-partition';
import type { SavedResets } from '../machine/resets.ts';
import type { SuspendedGuest } from './participant.ts';

/** Where a run is, but for memory and what was written to disks. Plain data. */
export interface Checkpoint {
  readonly step: number;
  /** In units of 100 ns. */
  readonly time: number;
  /** Of all x86-64 processors together. */
  readonly instructions: number;
  readonly hash: number;
  readonly random: number;
  readonly guest: SuspendedGuest;
  readonly devices: SavedDevices;
  readonly resets: SavedResets;
}

/** What a machine holds that is large. */
export interface MachineImage {
  /** All memory that there is of it: the same buffers, in the same order, each time. */
  readonly buffers: readonly SharedArrayBuffer[];
  /** What takes the writes to its disks, by their place. */
  readonly overlays: ReadonlyMap<string, VersionedOverlay>;
}

/** A checkpoint to go on from. */
export interface Resumption {
  readonly checkpoint: Checkpoint;
  /** Makes memory what it was. */
  loadMemory(buffers: MachineImage['buffers']): void;
  /** Makes new overlays what they were. */
  loadDisks(overlays: MachineImage['overlays']): void;
}

/** Told of each checkpoint while memory and disks are as they were. */
export type CheckpointTaker = (checkpoint: Checkpoint, image: MachineImage) => void;

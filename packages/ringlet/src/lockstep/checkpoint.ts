/**
 * Checkpoints of a lockstep run: everything that it needs to go on from there, as memory and plain data.
 *
 * At a checkpoint the run itself goes on as if it had been restored: devices are saved, and new ones are made from what was
 * saved. So whatever a device leaves out of its state, the run and each restored one leave out alike.
 */
import type { SavedDevices } from '@ringlet/root-partition';
import type { SuspendedGuest } from './participant.ts';

/** Where a run is, but for memory. Plain data. */
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
}

/** A checkpoint to go on from. */
export interface Resumption {
  readonly checkpoint: Checkpoint;
  /** Makes memory what it was. */
  load(buffers: readonly SharedArrayBuffer[]): void;
}

/** Told of each checkpoint while memory is as it was. */
export type CheckpointTaker = (checkpoint: Checkpoint, buffers: readonly SharedArrayBuffer[]) => void;

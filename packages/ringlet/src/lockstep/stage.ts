/** A lockstep run that stands still between two steps, as somebody sees it who looks at it there. */
import type { GuestMemory } from '@ringlet/microkernel';
import type { CheckpointTaker, Resumption } from './checkpoint.ts';

/** An x86-64 processor on the stage. */
export interface StagedProcessor {
  /** Address of its area in the node. */
  readonly area: number;
  /** Instructions since power-up, over resets. */
  instructions(): number;
  /** Runs it alone. What comes after is no part of the run any more. */
  runFor(instructions: number): void;
}

/** Where a run stands. */
export interface Stage {
  /** Steps made. */
  readonly step: number;
  /** In units of 100 ns. */
  readonly time: number;
  /** Of all x86-64 processors together. */
  readonly instructions: number;
  /** The processor that takes the next turn; `undefined` when that is somebody else's. */
  readonly next: StagedProcessor | undefined;
  readonly processors: readonly StagedProcessor[];
  /** The node that the processors' areas are in. */
  readonly buffer: SharedArrayBuffer;
  /** The guest's. */
  readonly memory: GuestMemory;
  /** What the devices tell of themselves. */
  inspect(): Promise<Record<string, unknown>>;
}

/** Somebody who makes a run stand still, and keeps points of it to come back to. */
export interface Stagehand {
  readonly gate: Gate;
  readonly checkpoint: CheckpointTaker;
  /** Where to go on from; the start when absent. */
  readonly resume?: Resumption;
}

/** Asked before each step; the run goes on when it says so. The stage is good until then. */
type Gate = (stage: Stage) => Promise<void> | undefined;

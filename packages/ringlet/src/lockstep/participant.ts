/** What takes turns in a lockstep run, and what a kind of guest brings to one. */
import type { DisplayDescription, DynamicMemoryDescription } from '@ringlet/root-partition';
import type { Exit, Vp } from '@ringlet/microkernel';
import type { DebuggedPartition } from '@ringlet/x64';
import type { NodeAccess } from '../machine/system.ts';
import type { StagedProcessor } from './stage.ts';

/** Somebody who takes turns. */
export interface Participant {
  /** @returns what the turn cost in virtual time, in units of 100 ns; 0 when there was nothing to do */
  run(): number;
  /** What is to be compared after each turn, where there is anything. */
  readonly registers?: Int32Array;
  /** Who it is and where it is now, for people. */
  where(): string;
  /** A debugger interrupted its turn, which the next run goes on with. */
  readonly interrupted?: boolean;
}

/** A guest that was made ready in the harness's system. */
export interface LockstepGuest {
  readonly node: NodeAccess;
  readonly partition: number;
  readonly vram?: DisplayDescription['vram'];
  readonly memory?: DynamicMemoryDescription;
  /** One for each virtual processor. */
  readonly participants: readonly Participant[];
  readonly vps: readonly Vp[];
  /** Makes everything as it was before the guest's first instruction. The same participants and processors go on. */
  restart(): Promise<void>;
  /** After each turn: output was taken. */
  settled?(): void;
  /** A debugger holds all of its processors: nothing goes on, and no time passes, until it lets go. */
  readonly held?: boolean;
  /** Its processors for a debugger, where they can have one. */
  debug?(): DebuggedPartition;
  /** Takes bytes for the guest's console. */
  write(bytes: Uint8Array): void;
  /** Bytes that were typed and the guest has not taken; none when absent. */
  readonly typedAhead?: number;
  inspect?(): Record<string, unknown>;
  /** Its x86-64 processors, for whoever looks at them between two steps. */
  readonly processors?: readonly StagedProcessor[];
  /** Brings all its state into memory, but for what it returns; absent where that cannot be. */
  suspend?(): SuspendedGuest;
  /** Goes on from there, its memory being as it was. */
  resume?(suspended: SuspendedGuest): void;
  /** State that is neither in its node nor the microkernel's. */
  readonly state?: readonly SharedArrayBuffer[];
  dispose(): void;
}

/** What of a guest is not in memory. Plain data. */
export interface SuspendedGuest {
  readonly random: number;
  /** What was typed and waits. */
  readonly typed: readonly number[];
  /** Instructions of each processor before the guest's last reset. */
  readonly lived: readonly number[];
}

/** What a guest needs of the harness. */
export interface LockstepWorld {
  readonly clock: { now(): number };
  /** Takes a byte that the guest printed. @returns whether there is room for more before the turn ends */
  print(byte: number): boolean;
  /** A debugger did something. */
  wake(): void;
  /** The guest ended. */
  ended(exit: Exit): void;
}

/** A turn that did anything costs at least this: 1 µs. */
export const TICKS_PER_TURN = 10;

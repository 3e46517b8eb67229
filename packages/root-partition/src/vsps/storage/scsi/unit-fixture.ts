/** Unit fixture: commands straight to a logical unit, without a bus, for tests. */
import { DataDirection, ScsiStatus } from '@ringlet/protocols';
import type { LogicalUnit } from './logical-unit.ts';
import { ScsiTask } from './task.ts';

/** A task that counts how often it ended. */
export class TestTask extends ScsiTask {
  endings = 0;

  protected override finished(): void {
    this.endings++;
  }
}

/** How a command ended. */
export interface Outcome {
  readonly status: number;
  /** `key << 16 | code << 8 | qualifier`. */
  readonly sense: number;
  /** What the initiator was given. */
  readonly data: Uint8Array;
  readonly transferred: number;
  /** 1 when it has ended, 0 while it waits for a disk. */
  readonly endings: number;
}

/** What goes with a command. */
export interface CommandOptions {
  /** Data for the unit: a command that writes. */
  readonly out?: Uint8Array;
  /** Bytes of room for an answer; 4096 when absent. */
  readonly room?: number;
  readonly initiator?: number;
}

/** Bytes before and after each run, which no command may touch. */
const FENCE = 16;
const FENCE_BYTE = 0xa5;

/** A task whose buffer lies in two runs with fences around them. */
export function makeTask(cdb: ArrayLike<number>, options: CommandOptions = {}): TestTask {
  const { out, room = 4096 } = options;
  const length = out?.length ?? room;
  const half = length >> 1;
  const bytes = new Uint8Array(length + 3 * FENCE).fill(FENCE_BYTE);
  const task = new TestTask(bytes);
  task.begin();
  task.cdb.set(cdb);
  task.initiator = options.initiator ?? 0;
  task.direction = out === undefined ? DataDirection.In : DataDirection.Out;
  // The second half lies first: order is by run, not by address.
  if (half > 0) task.addRun(FENCE + (length - half) + FENCE, half);
  if (length - half > 0) task.addRun(FENCE, length - half);
  if (out !== undefined) {
    bytes.set(out.subarray(0, half), FENCE + (length - half) + FENCE);
    bytes.set(out.subarray(half), FENCE);
  }
  return task;
}

/** The buffer of such a task, put together again; `undefined` when a fence was damaged. */
export function bufferOf(task: TestTask): Uint8Array | undefined {
  const length = task.bytes.length - 3 * FENCE;
  const half = length >> 1;
  const [first, second] = [FENCE + (length - half) + FENCE, FENCE];
  const fences = [0, FENCE + length - half, task.bytes.length - FENCE];
  const whole = fences.every((at) => task.bytes.subarray(at, at + FENCE).every((byte) => byte === FENCE_BYTE));
  if (!whole) return undefined;
  const buffer = new Uint8Array(length);
  buffer.set(task.bytes.subarray(first, first + half));
  buffer.set(task.bytes.subarray(second, second + (length - half)), half);
  return buffer;
}

/** Runs a command. */
export function command(unit: LogicalUnit, cdb: ArrayLike<number>, options: CommandOptions = {}): Outcome {
  const task = makeTask(cdb, options);
  unit.execute(task);
  return outcomeOf(task);
}

/** How a task ended, or that it has not. */
export function outcomeOf(task: TestTask): Outcome {
  const { status, sense, transferred, endings } = task;
  const buffer = bufferOf(task) ?? new Uint8Array(0);
  return { status, sense, transferred, endings, data: buffer.slice(0, transferred) };
}

/** A command that went well and said nothing. */
export const GOOD = { status: ScsiStatus.Good, sense: 0, endings: 1 } as const;

/** A command that was refused for this reason. */
export const refusedFor = (sense: number): Partial<Outcome> => ({
  status: ScsiStatus.CheckCondition,
  sense,
  transferred: 0,
  endings: 1,
});

/** Steps that wait for each other: the shape of everything a disk does off its hot path. */
import { DiskStatus } from './disk.ts';

/** One step: does its work and calls `next` once, with a `DiskStatus`, at once or later. */
export type Step = (next: (status: number) => void) => void;

/** Runs steps one after another until one fails; then calls `done` with the status of the last that ran. */
export function inOrder(steps: readonly Step[], done: (status: number) => void): void {
  let index = 0;
  const next = (status: number): void => {
    const step = status === DiskStatus.Ok ? steps[index++] : undefined;
    if (step === undefined) done(status);
    else step(next);
  };
  next(DiskStatus.Ok);
}

/** Segment: the part of a request that one place answers, while its data is being moved. */
import { DiskStatus } from '../disk.ts';
import type { Completion } from '../executor/block-file.ts';
import type { Task, TaskHost } from './task.ts';

/** A part of a {@link Task}. Used again for the next. */
export class Segment implements Completion {
  next: Segment | undefined;
  sector = 0;
  count = 0;
  /** Whether it moves data of the disk's own file. */
  here = false;
  write = false;
  readonly #task: Task;
  readonly #host: TaskHost;

  constructor(task: Task, host: TaskHost) {
    this.#task = task;
    this.#host = host;
  }

  complete(status: number): void {
    if (this.here) this.#host.ended(this.sector, this.count, this.write && status === DiskStatus.Ok);
    this.#task.segmentEnded(this, status);
  }
}

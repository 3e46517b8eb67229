/** ParentRead: the part of a request that the disk below answers, as a request of its own. */
import { DiskOperation, type DiskRequest } from '../disk.ts';
import type { Completion } from '../executor/block-file.ts';
import type { Runs } from '../runs.ts';

/** A read passed on to the disk below. Used again for the next. */
export class ParentRead implements DiskRequest {
  next: ParentRead | undefined;
  readonly operation: number = DiskOperation.Read;
  readonly forceUnitAccess = false;
  sector = 0;
  count = 0;
  bytes: Uint8Array = NO_BYTES;
  runCount = 0;
  runOffset = new Float64Array(8);
  runLength = new Float64Array(8);
  readonly #free: (read: ParentRead) => void;
  #completion: Completion | undefined;

  /** `free` takes the object back once the read has ended. */
  constructor(free: (read: ParentRead) => void) {
    this.#free = free;
  }

  /** Asks for `count` sectors from `sector`, into `length` bytes of `runs` from `skip` on. */
  fill(runs: Runs, skip: number, length: number, sector: number, count: number, completion: Completion): this {
    if (this.runOffset.length < runs.runCount) {
      this.runOffset = new Float64Array(runs.runCount);
      this.runLength = new Float64Array(runs.runCount);
    }
    let used = 0;
    for (let run = 0; run < runs.runCount && length > 0; run++) {
      const size = runs.runLength[run]!;
      if (skip >= size) {
        skip -= size;
        continue;
      }
      const piece = Math.min(size - skip, length);
      this.runOffset[used] = runs.runOffset[run]! + skip;
      this.runLength[used++] = piece;
      length -= piece;
      skip = 0;
    }
    this.bytes = runs.bytes;
    this.runCount = used;
    this.sector = sector;
    this.count = count;
    this.#completion = completion;
    return this;
  }

  complete(status: number): void {
    const completion = this.#completion!;
    this.#completion = undefined;
    this.bytes = NO_BYTES;
    this.#free(this);
    completion.complete(status);
  }
}

const NO_BYTES = new Uint8Array(0);

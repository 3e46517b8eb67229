/**
 * PoolJob: one operation on the host's thread pool. Jobs are used again and keep their callbacks, so that a transfer
 * of one run allocates nothing of ours.
 */
import { DiskStatus } from '../disk.ts';
import { fillZeroes, MOST_VIEWS, type Runs, viewsOf } from '../runs.ts';
import type { Completion } from './block-file.ts';
import { type FileIo, isTransient, MOST_RETRIES, statusOfError } from './file-io.ts';

/** Whose job it is. */
export interface PoolHost {
  readonly fd: number;
  readonly io: FileIo;
  readonly zeroesTo: number;
  ended(job: PoolJob, status: number): void;
}

const Kind = { Read: 0, Write: 1, Sync: 2, SetSize: 3 } as const;

const NO_RUNS: Runs = {
  bytes: new Uint8Array(0),
  runCount: 0,
  runOffset: new Float64Array(0),
  runLength: new Float64Array(0),
};
const NOBODY: Completion = { complete: () => undefined };

/** One operation: filled in, started, and used again once it has {@link PoolHost.ended}. */
export class PoolJob {
  /** The next job in whichever list this one is in. */
  next: PoolJob | undefined;
  completion: Completion = NOBODY;
  /** Bytes to move; 0 for a sync or a change of size. */
  length = 0;
  /** When it was handed to the pool, and how many were there before it. */
  started = 0;
  ahead = 0;

  readonly #host: PoolHost;
  #kind: number = Kind.Read;
  #runs = NO_RUNS;
  #skip = 0;
  #left = 0;
  #position = 0;
  #retries = 0;

  constructor(host: PoolHost) {
    this.#host = host;
  }

  transfer(write: boolean, runs: Runs, skip: number, length: number, position: number, completion: Completion): this {
    this.#kind = write ? Kind.Write : Kind.Read;
    this.#runs = runs;
    this.#skip = skip;
    this.#left = this.length = length;
    this.#position = position;
    this.completion = completion;
    return this;
  }

  sync(completion: Completion): this {
    this.#kind = Kind.Sync;
    this.completion = completion;
    return this;
  }

  setSize(size: number, completion: Completion): this {
    this.#kind = Kind.SetSize;
    this.#position = size;
    this.completion = completion;
    return this;
  }

  /** Hands the operation, or what is left of it, to the pool. */
  start(): void {
    const { io, fd } = this.#host;
    if (this.#kind === Kind.Sync) return io.fdatasync(fd, this.#done);
    if (this.#kind === Kind.SetSize) return io.ftruncate(fd, this.#position, this.#done);
    const runs = this.#runs;
    let run = 0;
    let skip = this.#skip;
    while (run < runs.runCount && skip >= runs.runLength[run]!) skip -= runs.runLength[run++]!;
    if (run === runs.runCount || this.#left === 0) return this.#host.ended(this, DiskStatus.Ok);
    const rest = runs.runLength[run]! - skip;
    if (this.#left > rest) {
      const views = viewsOf(runs, this.#skip, this.#left, MOST_VIEWS);
      if (this.#kind === Kind.Write) io.writev(fd, views, this.#position, this.#moved);
      else io.readv(fd, views, this.#position, this.#moved);
      return;
    }
    const at = runs.runOffset[run]! + skip;
    if (this.#kind === Kind.Write) io.write(fd, runs.bytes, at, this.#left, this.#position, this.#moved);
    else io.read(fd, runs.bytes, at, this.#left, this.#position, this.#moved);
  }

  /** Forgets what it referred to. */
  release(): void {
    this.#runs = NO_RUNS;
    this.completion = NOBODY;
    this.length = 0;
    this.#retries = 0;
  }

  readonly #moved = (error: NodeJS.ErrnoException | null, count: number): void => {
    if (error) return this.#failed(error);
    if (count === 0) return this.#host.ended(this, this.#atEnd());
    this.#retries = 0;
    this.#skip += count;
    this.#left -= count;
    this.#position += count;
    if (this.#left === 0) this.#host.ended(this, DiskStatus.Ok);
    else this.start();
  };

  readonly #done = (error: NodeJS.ErrnoException | null): void => {
    if (error) this.#failed(error);
    else this.#host.ended(this, DiskStatus.Ok);
  };

  #failed(error: NodeJS.ErrnoException): void {
    if (isTransient(error) && ++this.#retries < MOST_RETRIES) this.start();
    else this.#host.ended(this, statusOfError(error));
  }

  /** The file ended before the read did: what may be missing is zeroes. For a write the host ought to have said why. */
  #atEnd(): number {
    if (this.#kind === Kind.Write || this.#position + this.#left > this.#host.zeroesTo) return DiskStatus.IoError;
    fillZeroes(this.#runs, this.#skip, this.#left);
    return DiskStatus.Ok;
  }
}

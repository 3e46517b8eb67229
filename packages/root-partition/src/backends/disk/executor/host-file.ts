/**
 * HostFile: a file of the host, read and written straight into guest pages.
 *
 * Transfers run inline or in the host's thread pool, as the file's {@link ExecutorPolicy} says. At most `depth`
 * operations of one file are in the pool at once; the rest wait here, so a slow disk cannot keep every thread of
 * the pool from the others.
 */
import { DiskStatus } from '../disk.ts';
import { MOST_VIEWS, type Runs, viewsOf } from '../runs.ts';
import type { BlockFile, Completion } from './block-file.ts';
import { type FileIo, isTransient, MOST_RETRIES, nodeFileIo, statusOfError } from './file-io.ts';
import { ExecutorPolicy } from './policy.ts';
import { PoolJob, type PoolHost } from './pool-job.ts';

/** From this many runs on, one vectored call is cheaper than a call for each, views included. */
const VECTORED_FROM = 6;

/** How a {@link HostFile} works; the defaults are right outside tests. */
export interface HostFileOptions {
  policy?: ExecutorPolicy;
  io?: FileIo;
  /** Operations in the pool at once. */
  depth?: number;
  /** A monotonic clock, in milliseconds. */
  now?: () => number;
}

/** An open file of the host. */
export class HostFile implements BlockFile, PoolHost {
  zeroesTo = 0;
  readonly fd: number;
  readonly io: FileIo;
  readonly policy: ExecutorPolicy;
  readonly now: () => number;
  readonly #depth: number;
  #inPool = 0;
  #free: PoolJob | undefined;
  #first: PoolJob | undefined;
  #last: PoolJob | undefined;
  #closing: Completion | undefined;
  #closed = false;
  #inlineCount = 0;
  #poolCount = 0;

  /** Takes over `fd`, and closes it in {@link close}. */
  constructor(fd: number, options: HostFileOptions = {}) {
    this.fd = fd;
    this.io = options.io ?? nodeFileIo;
    this.policy = options.policy ?? new ExecutorPolicy();
    this.now = options.now ?? now;
    this.#depth = options.depth ?? poolShare();
  }

  read(runs: Runs, skip: number, length: number, position: number, completion: Completion): void {
    this.#transfer(false, runs, skip, length, position, completion);
  }

  write(runs: Runs, skip: number, length: number, position: number, completion: Completion): void {
    this.#transfer(true, runs, skip, length, position, completion);
  }

  sync(completion: Completion): void {
    if (this.#closed || this.#closing) return completion.complete(DiskStatus.Closed);
    if (this.policy.inlineSync) return completion.complete(this.#attempt(() => this.io.fdatasyncSync(this.fd)));
    this.#queue(this.#take().sync(completion));
  }

  setSize(size: number, completion: Completion): void {
    if (this.#closed || this.#closing) return completion.complete(DiskStatus.Closed);
    if (this.policy.inlineSync) return completion.complete(this.#attempt(() => this.io.ftruncateSync(this.fd, size)));
    this.#queue(this.#take().setSize(size, completion));
  }

  close(completion: Completion): void {
    if (this.#closed || this.#closing) return completion.complete(DiskStatus.Closed);
    this.#closing = completion;
    if (this.#inPool === 0) this.#close();
  }

  inspect(): Record<string, unknown> {
    return { ...this.policy.inspect(), inline: this.#inlineCount, pool: this.#poolCount, inPool: this.#inPool };
  }

  /** A job of the pool ended: its place goes to the next one, and whoever waited is told. */
  ended(job: PoolJob, status: number): void {
    const { completion } = job;
    if (job.length > 0) this.policy.poolTook(this.now() - job.started, job.length, job.ahead);
    job.release();
    job.next = this.#free;
    this.#free = job;
    this.#inPool--;
    const next = this.#first;
    if (next !== undefined) {
      this.#first = next.next;
      if (this.#first === undefined) this.#last = undefined;
      this.#start(next);
    }
    completion.complete(status);
    if (this.#closing && this.#inPool === 0) this.#close();
  }

  #transfer(write: boolean, runs: Runs, skip: number, length: number, position: number, completion: Completion): void {
    if (this.#closed || this.#closing) return completion.complete(DiskStatus.Closed);
    if (!this.policy.inline(length)) {
      return this.#queue(this.#take().transfer(write, runs, skip, length, position, completion));
    }
    this.#inlineCount++;
    // A deterministic machine asks no clock.
    if (this.policy.mode === 'inline') return completion.complete(this.#inline(write, runs, skip, length, position));
    const started = this.now();
    const status = this.#inline(write, runs, skip, length, position);
    this.policy.inlineTook(this.now() - started, length);
    completion.complete(status);
  }

  #inline(write: boolean, runs: Runs, skip: number, length: number, position: number): number {
    let run = 0;
    while (run < runs.runCount && skip >= runs.runLength[run]!) skip -= runs.runLength[run++]!;
    let retries = 0;
    while (length > 0) {
      let moved: number;
      try {
        moved = this.#call(write, runs, run, skip, length, position);
      } catch (error) {
        if (isTransient(error) && ++retries < MOST_RETRIES) continue;
        return statusOfError(error);
      }
      if (moved === 0) {
        // The end of the file for a read; for a write the host ought to have said why.
        if (write || position + length > this.zeroesTo) return DiskStatus.IoError;
        moved = Math.min(runs.runLength[run]! - skip, length);
        const at = runs.runOffset[run]! + skip;
        runs.bytes.fill(0, at, at + moved);
      }
      retries = 0;
      length -= moved;
      position += moved;
      skip += moved;
      while (run < runs.runCount && skip >= runs.runLength[run]!) skip -= runs.runLength[run++]!;
    }
    return DiskStatus.Ok;
  }

  /** One call for the next bytes: the rest of the run, or many runs at once. */
  #call(write: boolean, runs: Runs, run: number, skip: number, length: number, position: number): number {
    const { io, fd } = this;
    if (runs.runCount - run >= VECTORED_FROM && length > runs.runLength[run]! - skip) {
      let before = skip;
      for (let i = 0; i < run; i++) before += runs.runLength[i]!;
      const views = viewsOf(runs, before, length, MOST_VIEWS);
      return write ? io.writevSync(fd, views, position) : io.readvSync(fd, views, position);
    }
    const at = runs.runOffset[run]! + skip;
    const piece = Math.min(runs.runLength[run]! - skip, length);
    return write ? io.writeSync(fd, runs.bytes, at, piece, position) : io.readSync(fd, runs.bytes, at, piece, position);
  }

  #attempt(call: () => void): number {
    for (let retries = 0; ; retries++) {
      try {
        call();
        return DiskStatus.Ok;
      } catch (error) {
        if (!isTransient(error) || retries >= MOST_RETRIES) return statusOfError(error);
      }
    }
  }

  #take(): PoolJob {
    const job = this.#free;
    if (job === undefined) return new PoolJob(this);
    this.#free = job.next;
    job.next = undefined;
    return job;
  }

  #queue(job: PoolJob): void {
    this.#poolCount++;
    if (this.#inPool < this.#depth) return this.#start(job);
    if (this.#last === undefined) this.#first = job;
    else this.#last.next = job;
    this.#last = job;
  }

  #start(job: PoolJob): void {
    job.next = undefined;
    job.ahead = this.#inPool++;
    job.started = this.now();
    job.start();
  }

  #close(): void {
    const completion = this.#closing!;
    this.#closed = true;
    this.#closing = undefined;
    if (this.policy.inlineSync) return completion.complete(this.#attempt(() => this.io.closeSync(this.fd)));
    this.io.close(this.fd, (error) => completion.complete(error ? statusOfError(error) : DiskStatus.Ok));
  }
}

function now(): number {
  return performance.now();
}

/** Three quarters of the host's pool: what one file may occupy. */
function poolShare(): number {
  const asked = Number(process.env['UV_THREADPOOL_SIZE'] ?? '');
  const size = Number.isInteger(asked) && asked > 0 ? Math.min(asked, 1024) : 4;
  return Math.max(1, Math.floor((size * 3) / 4));
}

/**
 * SimulatedFile: a file whose operations end when a test says so, in an order drawn from a seed, and which can say what
 * a crash at any moment could have left of it.
 */
import { DiskStatus } from '../../../src/backends/disk/disk.ts';
import type { BlockFile, Completion } from '../../../src/backends/disk/executor/block-file.ts';
import { ImageSource } from '../../../src/backends/disk/image-source.ts';
import type { NewImage } from '../../../src/backends/disk/new-image.ts';
import type { Runs } from '../../../src/backends/disk/runs.ts';

const PAGE = 4096;
const ZEROES = new Uint8Array(PAGE);
/** What a host's disk writes as a whole. */
const ATOM = 512;

/** Numbers in [0, 1) that a seed decides. */
export type Random = () => number;

/** A small generator (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Sparse contents of a file; clones share pages until they are written. */
export class Contents {
  size = 0;
  #pages = new Map<number, Uint8Array>();

  static of(image: NewImage): Contents {
    const contents = new Contents();
    contents.setSize(image.size);
    for (const { position, data } of image.writes) contents.write(position, data);
    return contents;
  }

  clone(): Contents {
    const clone = new Contents();
    clone.size = this.size;
    clone.#pages = new Map(this.#pages);
    return clone;
  }

  setSize(size: number): void {
    this.size = size;
    const last = Math.floor(size / PAGE);
    for (const [page, data] of this.#pages) {
      if (page > last) this.#pages.delete(page);
      else if (page === last) this.#pages.set(page, data.slice().fill(0, size % PAGE));
    }
  }

  write(position: number, data: Uint8Array): void {
    for (let done = 0; done < data.length;) {
      const page = Math.floor((position + done) / PAGE);
      const within = (position + done) % PAGE;
      const count = Math.min(PAGE - within, data.length - done);
      done += count;
      const part = data.subarray(done - count, done);
      if (!this.#pages.has(page) && Buffer.compare(part, ZEROES.subarray(0, count)) === 0) continue;
      const copy = this.#pages.get(page)?.slice() ?? new Uint8Array(PAGE);
      copy.set(part, within);
      this.#pages.set(page, copy);
    }
    this.size = Math.max(this.size, position + data.length);
  }

  /** Fills `bytes`; what lies behind the end is left alone. @returns the bytes there were. */
  read(bytes: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(bytes.length, this.size - position));
    for (let done = 0; done < length;) {
      const within = (position + done) % PAGE;
      const count = Math.min(PAGE - within, length - done);
      const page = this.#pages.get(Math.floor((position + done) / PAGE));
      if (page === undefined) bytes.fill(0, done, done + count);
      else bytes.set(page.subarray(within, within + count), done);
      done += count;
    }
    return length;
  }

  source(name = 'simulated'): ImageSource {
    return new ImageSource(name, this.size, (bytes, position) => this.read(bytes, position));
  }

  /** Pages that hold something, for writing them to a real file. */
  *pages(): Iterable<{ position: number; data: Uint8Array }> {
    for (const [page, data] of this.#pages)
      yield { position: page * PAGE, data: data.subarray(0, this.size - page * PAGE) };
  }
}

type Event =
  | { type: 'write'; position: number; data: Uint8Array }
  | { type: 'size'; size: number }
  /** Everything before event `covers` is durable from here on. */
  | { type: 'sync'; covers: number };

/** A file under a test's control. */
export class SimulatedFile implements BlockFile {
  zeroesTo = 0;
  /** What reads see. */
  readonly contents: Contents;
  /** What happened to the file since it was opened, in order. */
  readonly events: Event[] = [];
  /** Whether events are kept; a long test that needs none saves their memory. */
  recording = true;
  /** Answers the next operation of a kind, or with `always` each one, with a failure. */
  failNext: { kind: 'read' | 'write' | 'sync' | 'size'; status: number; always?: boolean } | undefined;
  readonly #first: Contents;
  readonly #random: Random | undefined;
  #pending: (() => void)[] = [];

  /** Operations end at once without `random`, else by {@link step} in an order that it decides. */
  constructor(contents: Contents, random?: Random) {
    this.contents = contents;
    this.#first = contents.clone();
    this.#random = random;
  }

  /** Operations under way. */
  get pending(): number {
    return this.#pending.length;
  }

  /** Lets one operation end. @returns whether there was one. */
  step(): boolean {
    if (this.#pending.length === 0) return false;
    const index = Math.floor(this.#random!() * this.#pending.length);
    const [operation] = this.#pending.splice(index, 1);
    operation!();
    return true;
  }

  read(runs: Runs, skip: number, length: number, position: number, completion: Completion): void {
    this.#run('read', completion, () => {
      const bytes = new Uint8Array(length);
      const count = this.contents.read(bytes, position);
      if (count < length && position + length > this.zeroesTo) return DiskStatus.IoError;
      each(runs, skip, length, (at, done, piece) => runs.bytes.set(bytes.subarray(done, done + piece), at));
      return DiskStatus.Ok;
    });
  }

  write(runs: Runs, skip: number, length: number, position: number, completion: Completion): void {
    const data = new Uint8Array(length);
    each(runs, skip, length, (at, done, piece) => data.set(runs.bytes.subarray(at, at + piece), done));
    this.#run('write', completion, () => {
      this.contents.write(position, data);
      if (this.recording) this.events.push({ type: 'write', position, data });
      return DiskStatus.Ok;
    });
  }

  sync(completion: Completion): void {
    const covers = this.events.length;
    this.#run('sync', completion, () => {
      this.events.push({ type: 'sync', covers });
      return DiskStatus.Ok;
    });
  }

  setSize(size: number, completion: Completion): void {
    this.#run('size', completion, () => {
      this.contents.setSize(size);
      this.events.push({ type: 'size', size });
      return DiskStatus.Ok;
    });
  }

  close(completion: Completion): void {
    completion.complete(DiskStatus.Ok);
  }

  inspect(): Record<string, unknown> {
    return { mode: 'simulated' };
  }

  /**
   * What the host's disk may hold after a crash when the first `count` events had happened: all that a sync made
   * durable, and of the rest whatever `random` lets through, whole or in part. The event after them may have begun.
   */
  crashedAfter(count: number, random: Random): Contents {
    let durable = 0;
    for (const event of this.events.slice(0, count)) {
      if (event.type === 'sync') durable = Math.max(durable, event.covers);
    }
    const contents = this.#first.clone();
    this.events.slice(0, count + 1).forEach((event, index) => {
      if (event.type === 'size' && (index < durable || random() < 0.5)) contents.setSize(event.size);
      if (event.type !== 'write') return;
      const fate = random();
      if (index < durable || fate < 0.4) contents.write(event.position, event.data);
      else if (fate < 0.7) {
        for (let at = 0; at < event.data.length; at += ATOM) {
          if (random() < 0.5) contents.write(event.position + at, event.data.subarray(at, at + ATOM));
        }
      }
    });
    return contents;
  }

  #run(kind: 'read' | 'write' | 'sync' | 'size', completion: Completion, operation: () => number): void {
    const run = (): void => {
      const failure = this.failNext;
      if (failure?.kind === kind) {
        if (!failure.always) this.failNext = undefined;
        return completion.complete(failure.status);
      }
      completion.complete(operation());
    };
    if (this.#random === undefined) run();
    else this.#pending.push(run);
  }
}

function each(
  runs: Runs,
  skip: number,
  length: number,
  visit: (at: number, done: number, piece: number) => void,
): void {
  let done = 0;
  for (let run = 0; run < runs.runCount && done < length; run++) {
    const size = runs.runLength[run]!;
    if (skip >= size) {
      skip -= size;
      continue;
    }
    const piece = Math.min(size - skip, length - done);
    visit(runs.runOffset[run]! + skip, done, piece);
    done += piece;
    skip = 0;
  }
}

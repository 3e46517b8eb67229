/**
 * Task: one request on its way through a map, place by place.
 *
 *   advance ─▶ locate ─▶ Here, Parent: a segment each, many at a time ─▶ all ended ─▶ (write through) ─▶ complete
 *                 └────▶ Wait: resume asks again
 */
import { DiskOperation, type DiskRequest, DiskStatus } from '../disk.ts';
import type { BlockFile, Completion } from '../executor/block-file.ts';
import { fillZeroes, ZERO_RUN_LENGTH, ZERO_RUNS } from '../runs.ts';
import { type Place, PlaceKind } from './place.ts';
import { Segment } from './segment.ts';

/** What a task needs of its disk. */
export interface TaskHost {
  readonly place: Place;
  readonly file: BlockFile;
  readonly sectorSize: number;
  /** Fills in {@link place} for the sectors from `sector` on, at most `count`. */
  locate(operation: number, sector: number, count: number): void;
  /** A segment in this file starts, so its place must not be given to others, */
  began(sector: number): void;
  /** and ends; `wrote` when it was a write that succeeded. */
  ended(sector: number, count: number, wrote: boolean): void;
  readParent(request: DiskRequest, skip: number, sector: number, count: number, completion: Completion): void;
  writeThrough(completion: Completion): void;
  taskEnded(task: Task): void;
}

/** A request being served. Used again for the next. */
export class Task implements Completion {
  next: Task | undefined;
  readonly #host: TaskHost;
  #request: DiskRequest | undefined;
  /** Sectors whose segments have started. */
  #started = 0;
  /** Segments that have not ended. */
  #outstanding = 0;
  #status: number = DiskStatus.Ok;
  /** Set while {@link #advance} runs: segments that end meanwhile leave the rest to it. */
  #advancing = false;
  #waiting = false;
  #freeSegments: Segment | undefined;

  constructor(host: TaskHost) {
    this.#host = host;
  }

  /** Serves `request`; {@link TaskHost.taskEnded} and then the request's completion follow. */
  run(request: DiskRequest): void {
    this.#request = request;
    this.#started = 0;
    this.#outstanding = 0;
    this.#status = DiskStatus.Ok;
    this.#advance();
  }

  /** What it waited for has happened, or failed. */
  resume(status: number): void {
    this.#waiting = false;
    if (status !== DiskStatus.Ok) this.#status = status;
    this.#advance();
  }

  /** The last step of a write through. */
  complete(status: number): void {
    this.#finish(status);
  }

  segmentEnded(segment: Segment, status: number): void {
    segment.next = this.#freeSegments;
    this.#freeSegments = segment;
    if (status !== DiskStatus.Ok) this.#status = status;
    this.#outstanding--;
    if (!this.#advancing) this.#advance();
  }

  #advance(): void {
    const request = this.#request!;
    this.#advancing = true;
    // Zeroing can be long, so it goes piece by piece; reads and writes go all at once.
    const most = request.operation === DiskOperation.WriteZeroes ? 1 : Infinity;
    while (
      !this.#waiting &&
      this.#status === DiskStatus.Ok &&
      this.#started < request.count &&
      this.#outstanding < most
    ) {
      this.#step(request);
    }
    this.#advancing = false;
    if (this.#outstanding > 0 || this.#waiting) return;
    if (this.#status === DiskStatus.Ok && request.forceUnitAccess && request.operation !== DiskOperation.Read) {
      return this.#host.writeThrough(this);
    }
    this.#finish(this.#status);
  }

  #step(request: DiskRequest): void {
    const host = this.#host;
    const { place, sectorSize } = host;
    const sector = request.sector + this.#started;
    const skip = this.#started * sectorSize;
    host.locate(request.operation, sector, request.count - this.#started);
    switch (place.kind) {
      case PlaceKind.Wait:
        this.#waiting = true;
        return place.gate!.wait(this);
      case PlaceKind.Done:
        this.#started += place.count;
        return;
      case PlaceKind.Zero:
        fillZeroes(request, skip, place.count * sectorSize);
        this.#started += place.count;
        return;
      default:
    }
    let { count } = place;
    const zeroes = request.operation === DiskOperation.WriteZeroes;
    if (zeroes) count = Math.min(count, ZERO_RUN_LENGTH / sectorSize);
    const here = place.kind === PlaceKind.Here;
    const segment = this.#segment(sector, count, here, request.operation !== DiskOperation.Read);
    this.#started += count;
    this.#outstanding++;
    if (!here) return host.readParent(request, skip, sector, count, segment);
    host.began(sector);
    const length = count * sectorSize;
    if (zeroes) host.file.write(ZERO_RUNS, 0, length, place.position, segment);
    else if (request.operation === DiskOperation.Write) host.file.write(request, skip, length, place.position, segment);
    else host.file.read(request, skip, length, place.position, segment);
  }

  #segment(sector: number, count: number, here: boolean, write: boolean): Segment {
    const segment = this.#freeSegments ?? new Segment(this, this.#host);
    this.#freeSegments = segment.next;
    segment.next = undefined;
    segment.sector = sector;
    segment.count = count;
    segment.here = here;
    segment.write = write;
    return segment;
  }

  #finish(status: number): void {
    const request = this.#request!;
    this.#request = undefined;
    this.#host.taskEnded(this);
    request.complete(status);
  }
}

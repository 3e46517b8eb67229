/**
 * MappedDisk: what all disks in files share. A format says where sectors are; this moves the data.
 *
 *   submit ─▶ checks ─┬▶ a read in one place: straight to the file
 *                     │  (or to the disk below)
 *                     ├▶ flush: FlushQueue ─▶ the format's commit
 *                     └▶ everything else: a Task
 */
import { DiskOperation, type Disk, type DiskRequest, DiskStatus } from '../disk.ts';
import type { BlockFile, Completion } from '../executor/block-file.ts';
import { FlushQueue } from '../flush-queue.ts';
import { inOrder } from '../in-order.ts';
import { ParentRead } from './parent-read.ts';
import { Place, PlaceKind } from './place.ts';
import { Task, type TaskHost } from './task.ts';

/** What every format tells about a disk. */
export interface DiskShape {
  kind: string;
  sectorSize: number;
  physicalSectorSize: number;
  sectorCount: number;
  readOnly: boolean;
  id: Uint8Array;
  unmapGranularity?: number;
  unmapReadsZero?: boolean;
  optical?: boolean;
}

/** A disk over a {@link BlockFile}. Formats extend it. */
export abstract class MappedDisk implements Disk, TaskHost {
  readonly kind: string;
  readonly sectorSize: number;
  readonly physicalSectorSize: number;
  readonly readOnly: boolean;
  readonly id: Uint8Array;
  readonly unmapGranularity: number;
  readonly unmapReadsZero: boolean;
  readonly optical: boolean;
  readonly place = new Place();
  readonly file: BlockFile;
  readonly parent: Disk | undefined;
  /** Whether a read in one place may go to the file without {@link began} and {@link ended}. */
  protected readonly directReads: boolean = true;
  protected readonly flushes = new FlushQueue((done) => this.commit(done));
  #sectorCount: number;
  #resized: () => void = () => undefined;
  #freeTasks: Task | undefined;
  #freeReads: ParentRead | undefined;
  #tasks = 0;
  #closing: ((status: number) => void) | undefined;
  #closed = false;
  readonly #released: () => void;

  /** Takes over `file` and `parent`, and closes them; `released` is called when that is done. */
  constructor(shape: DiskShape, file: BlockFile, parent?: Disk, released: () => void = () => undefined) {
    this.kind = shape.kind;
    this.sectorSize = shape.sectorSize;
    this.physicalSectorSize = shape.physicalSectorSize;
    this.#sectorCount = shape.sectorCount;
    this.readOnly = shape.readOnly;
    this.id = shape.id;
    this.unmapGranularity = shape.unmapGranularity ?? 0;
    this.unmapReadsZero = shape.unmapReadsZero ?? false;
    this.optical = shape.optical ?? false;
    this.file = file;
    this.parent = parent;
    this.#released = released;
  }

  get sectorCount(): number {
    return this.#sectorCount;
  }

  submit(request: DiskRequest): void {
    const { operation, sector, count } = request;
    if (this.#closed) return request.complete(DiskStatus.Closed);
    if (operation === DiskOperation.Flush) return this.#flush(request);
    if (operation !== DiskOperation.Read && this.readOnly) return request.complete(DiskStatus.ReadOnly);
    if (!(sector >= 0 && count >= 0 && sector <= this.#sectorCount - count)) {
      return request.complete(DiskStatus.OutOfRange);
    }
    if (operation === DiskOperation.Read && this.directReads && count > 0) {
      const { place } = this;
      this.locate(operation, sector, count);
      if (place.count === count) {
        if (place.kind === PlaceKind.Parent) return this.parent!.submit(request);
        if (place.kind === PlaceKind.Here) {
          return this.file.read(request, 0, count * this.sectorSize, place.position, request);
        }
      }
    }
    const task = this.#freeTasks ?? new Task(this);
    this.#freeTasks = task.next;
    task.next = undefined;
    this.#tasks++;
    task.run(request);
  }

  onResize(changed: () => void): void {
    this.#resized = changed;
  }

  inspect(): Record<string, unknown> {
    return {
      kind: this.kind,
      sectorSize: this.sectorSize,
      sectorCount: this.#sectorCount,
      readOnly: this.readOnly,
      inFlight: this.#tasks,
      flushes: this.flushes.runs,
      file: this.file.inspect(),
      ...(this.parent && { parent: this.parent.inspect() }),
    };
  }

  close(done: (status: number) => void): void {
    if (this.#closed) return done(DiskStatus.Closed);
    this.#closed = true;
    this.#closing = done;
    this.#closeWhenQuiet();
  }

  /**
   * Fills in {@link place}, as its last act: whatever it sets off may locate for other tasks. Flushes never come here.
   * See {@link TaskHost.locate}.
   */
  abstract locate(operation: number, sector: number, count: number): void;

  began(_sector: number): void {}

  ended(_sector: number, _count: number, _wrote: boolean): void {}

  readParent(request: DiskRequest, skip: number, sector: number, count: number, completion: Completion): void {
    const read = this.#freeReads ?? new ParentRead(this.#freeRead);
    this.#freeReads = read.next;
    read.next = undefined;
    this.parent!.submit(read.fill(request, skip, count * this.sectorSize, sector, count, completion));
  }

  writeThrough(completion: Completion): void {
    this.flushes.add(completion);
  }

  taskEnded(task: Task): void {
    task.next = this.#freeTasks;
    this.#freeTasks = task;
    this.#tasks--;
    if (this.#closing) queueMicrotask(() => this.#closeWhenQuiet());
  }

  /** Makes every completed write durable. Formats with maps of their own bring those out too. */
  protected commit(done: (status: number) => void): void {
    this.file.sync({ complete: done });
  }

  /** Brings the image to rest after the last commit. */
  protected settle(done: (status: number) => void): void {
    done(DiskStatus.Ok);
  }

  protected setSectorCount(sectorCount: number): void {
    if (sectorCount === this.#sectorCount) return;
    this.#sectorCount = sectorCount;
    this.#resized();
  }

  #flush(request: DiskRequest): void {
    if (this.readOnly) request.complete(DiskStatus.Ok);
    else this.flushes.add(request);
  }

  #closeWhenQuiet(): void {
    const done = this.#closing;
    if (done === undefined || this.#tasks > 0) return;
    this.#closing = undefined;
    let worst: number = DiskStatus.Ok;
    const note = (next: (status: number) => void) => (status: number) => {
      if (worst === DiskStatus.Ok) worst = status;
      next(DiskStatus.Ok);
    };
    inOrder(
      [
        (next) => (this.readOnly ? next(DiskStatus.Ok) : this.flushes.add({ complete: note(next) })),
        (next) => (this.readOnly || worst !== DiskStatus.Ok ? next(DiskStatus.Ok) : this.settle(note(next))),
        (next) => this.file.close({ complete: note(next) }),
        (next) => (this.parent ? this.parent.close(note(next)) : next(DiskStatus.Ok)),
      ],
      () => {
        this.#released();
        done(worst);
      },
    );
  }

  readonly #freeRead = (read: ParentRead): void => {
    read.next = this.#freeReads;
    this.#freeReads = read;
  };
}

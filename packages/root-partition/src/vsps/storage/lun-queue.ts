/**
 * LunQueue: the requests of one logical unit, some at the disk, the rest waiting in order of arrival.
 *
 * Queues share nothing, so there is nothing to arbitrate between them: a unit whose disk never answers fills its own
 * queue and no other. What all units of a channel do share, the room for answers, {@link Lane} divides.
 */
import { ScsiStatus, SrbStatus } from '@ringlet/protocols';
import { type Disk, DiskOperation } from '../../backends/disk/disk.ts';
import type { LogicalUnit } from './scsi/logical-unit.ts';
import type { Lane } from './lane.ts';
import type { StorageRequest } from './storage-request.ts';

/** Where a unit is: path (bus), target and logical unit number, each 0 to 255. */
export interface LunAddress {
  /** The bus. */
  readonly path: number;
  /** The target on it. */
  readonly target: number;
  /** The logical unit of that target. */
  readonly lun: number;
}

/** Every 16th request is timed: two clock reads cost more than the rest of its bookkeeping. */
const SAMPLE_MASK = 15;

/** Requests of one unit. */
export class LunQueue {
  readonly address: LunAddress;
  readonly unit: LogicalUnit;
  /** Its place in each lane's books. */
  slot = 0;

  readonly #depth: number;
  #whenIdle: (() => void) | undefined;
  #first: StorageRequest | undefined;
  #last: StorageRequest | undefined;
  #waiting = 0;
  #inFlight = 0;
  #pumping = false;

  #requests = 0;
  #reads = 0;
  #writes = 0;
  #bytesRead = 0;
  #bytesWritten = 0;
  #checkConditions = 0;
  #refused = 0;
  #samples = 0;
  #sampledTicks = 0;
  #slowestTicks = 0;

  /** @param depth - requests at the disk at a time */
  constructor(address: LunAddress, unit: LogicalUnit, depth: number) {
    this.address = address;
    this.unit = unit;
    this.#depth = depth;
  }

  /** The disk or disc behind the unit; `undefined` for an empty drive. */
  get disk(): Disk | undefined {
    return this.unit.disk;
  }

  /** Calls `run` once, when no request is at the disk or waits for it: at once if that is now. */
  whenIdle(run: () => void): void {
    if (this.#inFlight === 0 && this.#waiting === 0) return run();
    const before = this.#whenIdle;
    this.#whenIdle = () => {
      before?.();
      run();
    };
  }

  /** Whether the next request's latency is to be taken. */
  get sampleNext(): boolean {
    return (this.#requests & SAMPLE_MASK) === 0;
  }

  /** Starts a request, or lets it wait for its turn. */
  submit(request: StorageRequest): void {
    this.#requests++;
    if (this.#inFlight < this.#depth && this.#waiting === 0) {
      this.#start(request);
      return;
    }
    if (this.#last === undefined) this.#first = request;
    else this.#last.next = request;
    this.#last = request;
    this.#waiting++;
  }

  /** A request that was started has ended. @param ticks - how long it took, or -1 when it was not timed */
  ended(request: StorageRequest, ticks: number): void {
    this.#inFlight--;
    this.#count(request, ticks);
  }

  /** Starts what can be started now. Called after {@link ended}, once the request is answered. */
  pump(): void {
    // A disk that answers at once comes back in here: the loop that runs already continues.
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#first !== undefined && this.#inFlight < this.#depth) this.#start(this.#shift());
    this.#pumping = false;
    if (this.#whenIdle === undefined || this.#inFlight > 0) return;
    const idle = this.#whenIdle;
    this.#whenIdle = undefined;
    idle();
  }

  /** A request was turned away because the queue is full. */
  countRefused(): void {
    this.#refused++;
  }

  /** Ends the waiting requests of a lane without starting them; of all lanes when absent. */
  drop(lane?: Lane): void {
    const kept: StorageRequest[] = [];
    const dropped: StorageRequest[] = [];
    for (let request = this.#first; request !== undefined; request = request.next) {
      (lane === undefined || request.lane === lane ? dropped : kept).push(request);
    }
    this.#first = this.#last = undefined;
    this.#waiting = 0;
    for (const request of kept) {
      request.next = undefined;
      if (this.#last === undefined) this.#first = request;
      else (this.#last as StorageRequest).next = request;
      this.#last = request;
      this.#waiting++;
    }
    for (const request of dropped) {
      request.next = undefined;
      request.srbStatus = SrbStatus.InvalidLun;
      // Counted as started: every request ends the same way.
      this.#inFlight++;
      request.refuse(ScsiStatus.CheckCondition);
    }
  }

  inspect(): Record<string, unknown> {
    const { path, target, lun } = this.address;
    return {
      path,
      target,
      lun,
      inFlight: this.#inFlight,
      waiting: this.#waiting,
      requests: this.#requests,
      reads: this.#reads,
      writes: this.#writes,
      bytesRead: this.#bytesRead,
      bytesWritten: this.#bytesWritten,
      checkConditions: this.#checkConditions,
      taskSetFull: this.#refused,
      latency: {
        samples: this.#samples,
        meanMicroseconds: this.#samples === 0 ? 0 : this.#sampledTicks / this.#samples / 10,
        slowestMicroseconds: this.#slowestTicks / 10,
      },
      unit: this.unit.inspect(),
    };
  }

  #start(request: StorageRequest): void {
    this.#inFlight++;
    this.unit.execute(request);
  }

  #shift(): StorageRequest {
    const request = this.#first!;
    this.#first = request.next;
    if (this.#first === undefined) this.#last = undefined;
    request.next = undefined;
    this.#waiting--;
    return request;
  }

  #count(request: StorageRequest, ticks: number): void {
    if (request.status === ScsiStatus.CheckCondition) this.#checkConditions++;
    else if (request.count > 0) {
      if (request.operation === DiskOperation.Read) {
        this.#reads++;
        this.#bytesRead += request.transferred;
      } else if (request.operation === DiskOperation.Write) {
        this.#writes++;
        this.#bytesWritten += request.transferred;
      }
    }
    if (ticks < 0) return;
    this.#samples++;
    this.#sampledTicks += ticks;
    if (ticks > this.#slowestTicks) this.#slowestTicks = ticks;
  }
}

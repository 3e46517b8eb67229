/**
 * LimitedDisk: a disk behind limits of requests and bytes a second. What comes too early waits in order of arrival.
 *
 * Reads and writes count, and so do unmaps and writes of zeroes, as requests without bytes; a flush moves nothing and
 * waits only for what came before it.
 */
import type { Clock } from '@ringlet/microkernel';
import { RateLimit } from '../rate-limit.ts';
import { type Disk, DiskOperation, type DiskRequest, DiskStatus } from './disk.ts';

/** Limits of a disk; an absent one does not limit. */
export interface DiskLimits {
  /** Requests a second. */
  readonly iops?: number;
  /** Bytes a second, read and written together. */
  readonly bandwidth?: number;
}

/** What a limited disk waits with. */
export interface DiskTime {
  readonly clock: Clock;
  after(ticks: number, run: () => void): () => void;
}

/** A disk that is no faster than it is allowed to be. */
export class LimitedDisk implements Disk {
  readonly #disk: Disk;
  readonly #time: DiskTime;
  readonly #requests: RateLimit | undefined;
  readonly #bytes: RateLimit | undefined;
  /** Waiting requests: a ring that grows to the depth of the queue above and stays there. */
  #waiting = ringOf(64);
  #first = 0;
  #count = 0;
  #cancel: (() => void) | undefined;
  #closed = false;
  #delayed = 0;

  constructor(disk: Disk, limits: DiskLimits, time: DiskTime) {
    this.#disk = disk;
    this.#time = time;
    this.#requests = limits.iops === undefined ? undefined : new RateLimit(limits.iops);
    this.#bytes = limits.bandwidth === undefined ? undefined : new RateLimit(limits.bandwidth);
    if (disk.resize) this.resize = (sectors, done) => disk.resize!(sectors, done);
  }

  get kind(): string {
    return this.#disk.kind;
  }
  get sectorSize(): number {
    return this.#disk.sectorSize;
  }
  get physicalSectorSize(): number {
    return this.#disk.physicalSectorSize;
  }
  get sectorCount(): number {
    return this.#disk.sectorCount;
  }
  get readOnly(): boolean {
    return this.#disk.readOnly;
  }
  get id(): Uint8Array {
    return this.#disk.id;
  }
  get unmapGranularity(): number {
    return this.#disk.unmapGranularity;
  }
  get unmapReadsZero(): boolean {
    return this.#disk.unmapReadsZero;
  }
  get optical(): boolean {
    return this.#disk.optical;
  }

  readonly resize?: (sectorCount: number, done: (status: number) => void) => void;

  submit(request: DiskRequest): void {
    if (this.#closed) return request.complete(DiskStatus.Closed);
    if (this.#count === 0 && this.#wait() === 0) return this.#start(request);
    this.#delayed++;
    if (this.#count === this.#waiting.length) this.#grow();
    this.#waiting[(this.#first + this.#count++) & (this.#waiting.length - 1)] = request;
    this.#arm();
  }

  onResize(changed: () => void): void {
    this.#disk.onResize(changed);
  }

  inspect(): Record<string, unknown> {
    const limits = { iops: this.#requests?.perSecond, bandwidth: this.#bytes?.perSecond };
    return { ...this.#disk.inspect(), limits: { ...limits, waiting: this.#count, delayed: this.#delayed } };
  }

  /** What waits still goes to the disk, at once: nothing that the guest was promised is lost. */
  close(done: (status: number) => void): void {
    this.#closed = true;
    this.#cancel?.();
    this.#cancel = undefined;
    while (this.#count > 0) this.#disk.submit(this.#shift());
    this.#disk.close(done);
  }

  #wait(): number {
    const now = this.#time.clock.now();
    return Math.max(this.#requests?.wait(now) ?? 0, this.#bytes?.wait(now) ?? 0);
  }

  #start(request: DiskRequest): void {
    if (request.operation !== DiskOperation.Flush) {
      const now = this.#time.clock.now();
      this.#requests?.pass(1, now);
      const moves = request.operation === DiskOperation.Read || request.operation === DiskOperation.Write;
      if (moves) this.#bytes?.pass(request.count * this.#disk.sectorSize, now);
    }
    this.#disk.submit(request);
  }

  #arm(): void {
    this.#cancel ??= this.#time.after(this.#wait(), () => {
      this.#cancel = undefined;
      while (this.#count > 0 && this.#wait() === 0) this.#start(this.#shift());
      if (this.#count > 0) this.#arm();
    });
  }

  #shift(): DiskRequest {
    const request = this.#waiting[this.#first]!;
    this.#waiting[this.#first] = undefined;
    this.#first = (this.#first + 1) & (this.#waiting.length - 1);
    this.#count--;
    return request;
  }

  #grow(): void {
    const { length } = this.#waiting;
    const grown = ringOf(2 * length);
    for (let i = 0; i < length; i++) grown[i] = this.#waiting[(this.#first + i) & (length - 1)];
    this.#waiting = grown;
    this.#first = 0;
  }
}

const ringOf = (length: number): (DiskRequest | undefined)[] => Array.from({ length }, () => undefined);

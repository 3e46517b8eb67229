/**
 * BlockDevice: a disk or disc as a guest's programs use it.
 *
 * Two ways in. `submit` allocates nothing and calls back: for those who keep many requests in flight. The promises stand
 * on it: they wait for a free slot, split what is too long for one request, and use memory of their own where asked.
 */
import { PAGE_SIZE } from '@ringlet/microkernel';
import { putBe16, putBe32, putBe64, ScsiOp, UnmapDescriptor, UnmapHeader } from '@ringlet/protocols';
import { type BlockDone, BlockOperation, type BlockRequests } from './block-requests.ts';
import type { UnitAddress } from './slot.ts';
import { BlockStatus, StorageError } from './storage-error.ts';

/** What is known of a unit from its own answers. */
export interface UnitDescription {
  /** Where it is on its controller. */
  readonly address: UnitAddress;
  /** A CD or DVD. */
  readonly optical: boolean;
  /** Its maker, as INQUIRY tells it (SPC-4, 6.6.2): at most 8 characters, without the blanks behind. */
  readonly vendor: string;
  /** Its model, as INQUIRY tells it: at most 16 characters, without the blanks behind. */
  readonly model: string;
  /** Its serial number, from page 80h of the vital product data; empty when it has none. */
  readonly serial: string;
  /** Bytes of a sector. */
  readonly sectorSize: number;
  /** 0 when there is no medium. */
  readonly sectorCount: number;
  /** Writes are refused: by the medium, or by its mode page. */
  readonly readOnly: boolean;
  /** The unit has a write cache: data is durable after a flush. */
  readonly writeCache: boolean;
  /** The unit frees blocks on request. */
  readonly canUnmap: boolean;
  /** Freed blocks read as zeroes. */
  readonly unmapReadsZero: boolean;
}

/** Sectors of one unit. */
export class BlockDevice {
  readonly #requests: BlockRequests;
  readonly #resized = new Set<(device: BlockDevice) => void>();
  #description: UnitDescription;
  #present = true;

  /** @internal Controllers make devices. */
  constructor(requests: BlockRequests, description: UnitDescription) {
    this.#requests = requests;
    this.#description = description;
  }

  /** Where it is on its controller. */
  get address(): UnitAddress {
    return this.#description.address;
  }

  /** Bytes in a sector. */
  get sectorSize(): number {
    return this.#description.sectorSize;
  }

  /** Sectors; 0 for a drive without a disc. */
  get sectorCount(): number {
    return this.#description.sectorCount;
  }

  /** Whether writes are refused. */
  get readOnly(): boolean {
    return this.#description.readOnly;
  }

  /** Its model, as it tells it. */
  get model(): string {
    return this.#description.model;
  }

  /** Its serial number; empty when it has none. */
  get serial(): string {
    return this.#description.serial;
  }

  /** A CD or a DVD: sectors of 2048 bytes, not written to. */
  get optical(): boolean {
    return this.#description.optical;
  }

  /** Everything that was found out about the unit. */
  get description(): UnitDescription {
    return this.#description;
  }

  /** Whether it is still there. */
  get present(): boolean {
    return this.#present;
  }

  /** Bytes that one submitted request may move. */
  get maxTransferBytes(): number {
    return this.#requests.lanes.maxTransferBytes;
  }

  // Callbacks.

  /**
   * Sends one request for contiguous guest memory. Allocates nothing.
   *
   * @param operation - one of {@link BlockOperation}
   * @param gpa - guest physical address of the data; it belongs to the device until `done` is called
   * @param tag - handed back to `done`, so that one function can serve many requests
   * @returns false when there is no room now: nothing was sent; see {@link whenReady}
   */
  submit(operation: number, sector: number, count: number, gpa: number, done: BlockDone, tag = 0): boolean {
    const length = count * this.sectorSize;
    return this.#requests.submit(this.address, operation, sector, count, length, undefined, gpa, done, tag);
  }

  /** The same for scattered memory: `pages` are guest page numbers, and must not change until `done` is called. */
  submitPages(
    operation: number,
    sector: number,
    count: number,
    pages: ArrayLike<number>,
    offset: number,
    done: BlockDone,
    tag = 0,
  ): boolean {
    const length = count * this.sectorSize;
    return this.#requests.submit(this.address, operation, sector, count, length, pages, offset, done, tag);
  }

  /** Calls `run` once when a request may fit again. */
  whenReady(run: () => void): void {
    this.#requests.lanes.whenReady(run);
  }

  /** Calls `listener` after the number of sectors has changed. @returns stops it */
  onResize(listener: (device: BlockDevice) => void): () => void {
    this.#resized.add(listener);
    return () => void this.#resized.delete(listener);
  }

  // Promises. @throws StorageError

  /** Reads sectors into guest memory at `gpa`. */
  read(sector: number, count: number, gpa: number): Promise<void> {
    return this.#move(BlockOperation.Read, sector, count, gpa);
  }

  /** Writes sectors from guest memory at `gpa`. */
  write(sector: number, count: number, gpa: number): Promise<void> {
    return this.#move(BlockOperation.Write, sector, count, gpa);
  }

  /** Reads whole sectors, as many as `target` holds, into the program's own memory. */
  async readInto(sector: number, target: Uint8Array): Promise<void> {
    await this.#bounced(target, async (part, at, gpa) => {
      await this.read(sector + at / this.sectorSize, part.length / this.sectorSize, gpa);
      this.#requests.lanes.guest.memory.read(gpa, part);
    });
  }

  /** Writes whole sectors from the program's own memory. */
  async writeFrom(sector: number, source: Uint8Array): Promise<void> {
    await this.#bounced(source, (part, at, gpa) => {
      this.#requests.lanes.guest.memory.write(gpa, part);
      return this.write(sector + at / this.sectorSize, part.length / this.sectorSize, gpa);
    });
  }

  /** Makes durable what was written. */
  flush(): Promise<void> {
    return this.#one('flush', BlockOperation.Flush, 0, 0, 0);
  }

  /** Tells the device that sectors are no longer needed. A hint: it may keep them. */
  async unmap(sector: number, count: number): Promise<void> {
    const size = UnmapHeader.size + UnmapDescriptor.size;
    const list = new Uint8Array(size);
    const view = new DataView(list.buffer);
    UnmapHeader.write(view, 0, { dataLength: size - 2, descriptorsLength: UnmapDescriptor.size });
    putBe64(list, UnmapHeader.size, sector);
    putBe32(list, UnmapHeader.size + UnmapDescriptor.at.blocks, count);
    const cdb = new Uint8Array(10);
    cdb[0] = ScsiOp.Unmap;
    putBe16(cdb, 7, size);
    await this.#withPages(1, async (gpa) => {
      this.#requests.lanes.guest.memory.write(gpa, list);
      const status = await this.#queued((done) => this.#requests.give(this.address, cdb, gpa, size, done));
      if (status !== BlockStatus.Ok) throw new StorageError('unmap', status);
    });
  }

  // The controller's.

  /** @internal The unit was looked at again. @returns whether its size is another */
  update(description: UnitDescription): boolean {
    const before = this.#description.sectorCount;
    this.#description = description;
    if (before === description.sectorCount) return false;
    for (const listener of this.#resized) listener(this);
    return true;
  }

  /** @internal The unit is not there any more. */
  remove(): void {
    this.#present = false;
  }

  async #move(operation: number, sector: number, count: number, gpa: number): Promise<void> {
    const what = operation === BlockOperation.Read ? 'read' : 'write';
    const most = Math.floor(this.maxTransferBytes / this.sectorSize);
    const parts: Promise<void>[] = [];
    for (let done = 0; done < count; done += most) {
      const part = Math.min(most, count - done);
      parts.push(this.#one(what, operation, sector + done, part, gpa + done * this.sectorSize));
    }
    // All of them end before the memory is the caller's again, and the first failure is told.
    const outcomes = await Promise.allSettled(parts);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason as StorageError;
  }

  async #one(what: string, operation: number, sector: number, count: number, gpa: number): Promise<void> {
    const status = await this.#queued((done) => this.submit(operation, sector, count, gpa, done));
    if (status !== BlockStatus.Ok) throw new StorageError(`${what} of ${count} sectors at ${sector}`, status);
  }

  /** Tries until there is room. */
  #queued(attempt: (done: BlockDone) => boolean): Promise<number> {
    return new Promise((resolve) => {
      const tryNow = (): void => {
        if (!this.#present) resolve(BlockStatus.Gone);
        else if (!attempt(resolve)) this.#requests.lanes.whenReady(tryNow);
      };
      tryNow();
    });
  }

  async #bounced(data: Uint8Array, move: (part: Uint8Array, at: number, gpa: number) => Promise<void>): Promise<void> {
    if (data.length % this.sectorSize !== 0) {
      throw new RangeError(`${data.length} bytes are no whole number of ${this.sectorSize}-byte sectors`);
    }
    if (data.length === 0) return;
    const most = Math.min(this.maxTransferBytes, data.length);
    await this.#withPages(Math.ceil(most / PAGE_SIZE), async (gpa) => {
      for (let at = 0; at < data.length; at += most) await move(data.subarray(at, at + most), at, gpa);
    });
  }

  async #withPages(count: number, use: (gpa: number) => Promise<void>): Promise<void> {
    const { pages } = this.#requests.lanes.guest;
    const first = pages.allocate(count);
    if (first < 0) throw new RangeError(`the guest has no ${count} free pages in a row`);
    try {
      await use(first * PAGE_SIZE);
    } finally {
      pages.free(first, count);
    }
  }
}

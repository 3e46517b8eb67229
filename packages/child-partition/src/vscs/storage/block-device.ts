/**
 * BlockDevice: a disk or disc as a guest's programs use it.
 *
 * Two ways in. `submit` allocates nothing and calls back: for those who keep many requests in flight. The promises stand
 * on it: they wait for a free slot, split what is too long for one request, and use memory of their own where asked.
 */
import { PAGE_SIZE } from '@ringlet/microkernel';
import {
  DataDirection,
  putBe16,
  putBe32,
  putBe64,
  putTransferCdb,
  ScsiOp,
  UnmapDescriptor,
  UnmapHeader,
} from '@ringlet/protocols';
import { type Lane, statusOf } from './lane.ts';
import type { Slot, SlotKeeper, SlotOwner, UnitAddress } from './slot.ts';
import { BlockStatus, StorageError } from './storage-error.ts';
import type { StorageGuest } from './storage-guest.ts';

/** What `submit` can be asked for. */
export const BlockOperation = { Read: 0, Write: 1, Flush: 2 } as const;

/** Told how a request ended: {@link BlockStatus} or sense data, and the tag it was submitted with. */
export type BlockDone = (status: number, tag: number) => void;

/** What is known of a unit from its own answers. */
export interface UnitDescription {
  readonly address: UnitAddress;
  /** A CD or DVD. */
  readonly optical: boolean;
  readonly vendor: string;
  readonly model: string;
  readonly serial: string;
  readonly sectorSize: number;
  /** 0 when there is no medium. */
  readonly sectorCount: number;
  readonly readOnly: boolean;
  /** The unit has a write cache: data is durable after a flush. */
  readonly writeCache: boolean;
  /** The unit frees blocks on request. */
  readonly canUnmap: boolean;
  /** Freed blocks read as zeroes. */
  readonly unmapReadsZero: boolean;
}

/** What a device asks of its controller. */
export interface BlockTransport {
  readonly guest: StorageGuest;
  readonly maxTransferBytes: number;
  /** Nothing will be answered any more. */
  readonly isClosed: boolean;
  /** A lane with a free slot, or `undefined`. */
  lane(): Lane | undefined;
  /** Calls `run` once when a request may fit again. */
  whenReady(run: () => void): void;
}

/** Sectors of one unit. */
export class BlockDevice implements SlotOwner {
  readonly #transport: BlockTransport;
  readonly #resized = new Set<(device: BlockDevice) => void>();
  #description: UnitDescription;
  #present = true;

  constructor(transport: BlockTransport, description: UnitDescription) {
    this.#transport = transport;
    this.#description = description;
  }

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

  get readOnly(): boolean {
    return this.#description.readOnly;
  }

  get model(): string {
    return this.#description.model;
  }

  get serial(): string {
    return this.#description.serial;
  }

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
    return this.#transport.maxTransferBytes;
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
    return this.#submit(operation, sector, count, undefined, gpa, done, tag);
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
    return this.#submit(operation, sector, count, pages, offset, done, tag);
  }

  /** Calls `run` once when a request may fit again. */
  whenReady(run: () => void): void {
    this.#transport.whenReady(run);
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
      this.#transport.guest.memory.read(gpa, part);
    });
  }

  /** Writes whole sectors from the program's own memory. */
  async writeFrom(sector: number, source: Uint8Array): Promise<void> {
    await this.#bounced(source, (part, at, gpa) => {
      this.#transport.guest.memory.write(gpa, part);
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
    await this.#withPages(1, async (gpa) => {
      this.#transport.guest.memory.write(gpa, list);
      const status = await this.#queued((done) =>
        this.#send(done, 0, DataDirection.Out, size, undefined, gpa, (cdb) => {
          cdb.fill(0);
          cdb[0] = ScsiOp.Unmap;
          putBe16(cdb, 7, size);
          return 10;
        }),
      );
      if (status !== BlockStatus.Ok) throw new StorageError('unmap', status);
    });
  }

  // The controller's.

  ended(slot: Slot, lane: SlotKeeper): void {
    const status = statusOf(slot);
    const { callback, tag } = slot;
    // Free before the caller knows: it may send the next request from its callback.
    lane.release(slot);
    callback?.(status, tag);
  }

  /** The unit was looked at again. @returns whether its size is another */
  update(description: UnitDescription): boolean {
    const before = this.#description.sectorCount;
    this.#description = description;
    if (before === description.sectorCount) return false;
    for (const listener of this.#resized) listener(this);
    return true;
  }

  /** The unit is not there any more. */
  remove(): void {
    this.#present = false;
  }

  #submit(
    operation: number,
    sector: number,
    count: number,
    pages: ArrayLike<number> | undefined,
    offset: number,
    done: BlockDone,
    tag: number,
  ): boolean {
    const lane = this.#transport.lane();
    const slot = lane?.take();
    if (lane === undefined || slot === undefined) return false;
    if (operation === BlockOperation.Flush) {
      slot.cdb.fill(0);
      slot.cdb[0] = ScsiOp.SynchronizeCache10;
      slot.prepare(this.address, 10, DataDirection.Unknown, 0);
    } else {
      const write = operation === BlockOperation.Write;
      const length = putTransferCdb(slot.cdb, write, sector, count, false);
      slot.prepare(this.address, length, write ? DataDirection.Out : DataDirection.In, count * this.sectorSize);
    }
    return this.#dispatch(lane, slot, pages, offset, done, tag);
  }

  /** Sends a command of another kind; `fill` writes the CDB and returns its length. */
  #send(
    done: BlockDone,
    tag: number,
    direction: number,
    length: number,
    pages: ArrayLike<number> | undefined,
    offset: number,
    fill: (cdb: Uint8Array) => number,
  ): boolean {
    const lane = this.#transport.lane();
    const slot = lane?.take();
    if (lane === undefined || slot === undefined) return false;
    slot.prepare(this.address, fill(slot.cdb), direction, length);
    return this.#dispatch(lane, slot, pages, offset, done, tag);
  }

  #dispatch(
    lane: Lane,
    slot: Slot,
    pages: ArrayLike<number> | undefined,
    offset: number,
    done: BlockDone,
    tag: number,
  ): boolean {
    slot.owner = this;
    slot.callback = done;
    slot.tag = tag;
    slot.pages = pages;
    slot.offset = offset;
    if (lane.send(slot)) return true;
    lane.release(slot);
    return false;
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
        else if (!attempt(resolve)) this.#transport.whenReady(tryNow);
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
    const { pages } = this.#transport.guest;
    const first = pages.allocate(count);
    if (first < 0) throw new RangeError(`the guest has no ${count} free pages in a row`);
    try {
      await use(first * PAGE_SIZE);
    } finally {
      pages.free(first, count);
    }
  }
}

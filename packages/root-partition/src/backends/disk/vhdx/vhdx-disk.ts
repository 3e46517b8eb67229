/**
 * VhdxDisk: a VHDX in use, fixed, dynamic or differencing: says where its sectors are. Where blocks go is decided by
 * {@link BlockPlaces}, which sectors of a block are in this file by `PartialBlocks`, and what reaches the file when,
 * by {@link Journal}.
 */
import { DiskOperation, type Disk, DiskStatus } from '../disk.ts';
import type { BlockFile } from '../executor/block-file.ts';
import { inOrder, type Step } from '../in-order.ts';
import { Gate } from '../mapped/gate.ts';
import { MappedDisk } from '../mapped/mapped-disk.ts';
import { batShape } from './bat.ts';
import { BlockPlaces, failed } from './block-places.ts';
import { ChangedPages } from './changed-pages.ts';
import { Journal } from './journal.ts';
import { BlockState, MIB, MOST_BYTES } from './layout.ts';
import type { VhdxImage } from './open-vhdx.ts';

/** How a {@link VhdxDisk} is used. */
export interface VhdxOptions {
  readOnly: boolean;
  /** Makes random GUIDs. */
  newId: () => string;
  parent?: Disk | undefined;
  released?: (() => void) | undefined;
}

/** A VHDX in use. */
export class VhdxDisk extends MappedDisk {
  protected override readonly directReads: boolean;
  readonly #image: VhdxImage;
  readonly #journal: Journal;
  readonly #changed: ChangedPages;
  readonly #places: BlockPlaces;
  readonly #sectorsPerBlock: number;
  /** Blocks stay where they are: fixed disks. */
  readonly #pinned: boolean;
  /** Transfers under way in each block; empty where blocks stay where they are. */
  #users: Uint32Array;
  readonly #beginGate = new Gate();

  constructor(image: VhdxImage, file: BlockFile, options: VhdxOptions) {
    const { metadata, bat } = image;
    const sectorsPerBlock = metadata.blockSize / metadata.sectorSize;
    super(
      {
        kind: metadata.parent ? 'vhdx differencing' : metadata.leaveBlocksAllocated ? 'vhdx fixed' : 'vhdx',
        sectorSize: metadata.sectorSize,
        physicalSectorSize: metadata.physicalSectorSize,
        sectorCount: metadata.diskSize / metadata.sectorSize,
        readOnly: options.readOnly,
        id: metadata.diskId,
        unmapGranularity: metadata.leaveBlocksAllocated ? 0 : sectorsPerBlock,
        unmapReadsZero: !metadata.leaveBlocksAllocated,
      },
      file,
      options.parent,
      options.released,
    );
    this.#image = image;
    this.#journal = new Journal(file, image.current, image.replay, options.newId);
    this.#changed = new ChangedPages(image);
    this.#places = new BlockPlaces(image, file, this.#changed, this.flushes);
    this.#sectorsPerBlock = sectorsPerBlock;
    this.#pinned = metadata.leaveBlocksAllocated;
    this.directReads = options.readOnly || this.#pinned;
    this.#users = new Uint32Array(this.directReads ? 0 : bat.shape.blocks);
  }

  /** Identity of the disk's contents, which changes before they do: what a differencing disk names its parent by. */
  get dataWriteId(): string {
    return this.#journal.dataWriteId;
  }

  locate(operation: number, sector: number, count: number): void {
    const block = Math.floor(sector / this.#sectorsPerBlock);
    const within = sector - block * this.#sectorsPerBlock;
    const most = Math.min(count, this.#sectorsPerBlock - within);
    if (operation === DiskOperation.Read) this.#locateRead(block, within, most, sector);
    else if (operation === DiskOperation.Write) this.#locateWrite(block, within, most);
    else this.#locateZeroes(operation, block, within, most);
  }

  override began(sector: number): void {
    if (this.#users.length > 0) this.#users[Math.floor(sector / this.#sectorsPerBlock)]!++;
  }

  override ended(sector: number, count: number, wrote: boolean): void {
    const block = Math.floor(sector / this.#sectorsPerBlock);
    if (this.#users.length > 0) this.#users[block]!--;
    const { bat, partial } = this.#image;
    if (!wrote || bat.state[block] !== BlockState.PartiallyPresent) return;
    const within = sector - block * this.#sectorsPerBlock;
    if (partial.add(block, within, count) > 0) this.#changed.bitmap(block, within, count);
    if (!partial.isComplete(block)) return;
    bat.state[block] = BlockState.FullyPresent;
    partial.end(block);
    this.#changed.block(block);
  }

  /** Grows the disk as far as its table has room. A fixed or differencing disk, and shrinking, would need more. */
  resize(sectorCount: number, done: (status: number) => void): void {
    const { metadata, batRegion, sizePage } = this.#image;
    const before = this.sectorCount;
    if (this.readOnly) return done(DiskStatus.ReadOnly);
    const grows = Number.isSafeInteger(sectorCount * this.sectorSize) && sectorCount >= before;
    if (!grows || this.#pinned || metadata.parent || sizePage === undefined) return done(DiskStatus.OutOfRange);
    const diskSize = sectorCount * this.sectorSize;
    const shape = batShape({ ...metadata, diskSize });
    if (diskSize > MOST_BYTES || shape.entries * 8 > batRegion.length) return done(DiskStatus.OutOfRange);
    inOrder(
      [
        (next) => this.#journal.begin(next),
        (next) => this.#zeroBehind(before, next),
        (next) => {
          const old = this.#image.bat.shape.entries;
          this.#image.bat.grow(shape);
          metadata.diskSize = diskSize;
          sizePage.setSize(diskSize);
          if (this.#users.length > 0) this.#users = grown(this.#users, shape.blocks);
          this.#changed.grown(old, shape.entries);
          this.setSectorCount(sectorCount);
          this.flushes.add({ complete: next });
        },
      ],
      done,
    );
  }

  override inspect(): Record<string, unknown> {
    const { bat, space, partial, metadata } = this.#image;
    return {
      ...super.inspect(),
      blockSize: metadata.blockSize,
      blocks: bat.shape.blocks,
      present: bat.home.reduce((count, home) => count + (home === 0 ? 0 : 1), 0),
      partial: partial.count,
      fileMib: space.end,
      freeMib: space.free,
      heldBackMib: this.#places.heldBackMib,
      changedPages: this.#changed.count,
    };
  }

  protected override commit(done: (status: number) => void): void {
    const ended = this.#places.beginCommit();
    const changes = this.#changed.take();
    const size = this.#image.space.end * MIB;
    const steps: Step[] = [(next) => this.#journal.commit(changes.pages, size, next)];
    if (changes.pages.length > 0) steps.unshift((next) => this.#places.growFile(next));
    inOrder(steps, (status) => {
      if (status !== DiskStatus.Ok) changes.putBack();
      ended(status);
      done(status);
      this.#places.committed(status);
    });
  }

  protected override settle(done: (status: number) => void): void {
    this.#journal.end(this.#image.space.trim() * MIB, done);
  }

  #locateRead(block: number, within: number, most: number, sector: number): void {
    const { bat, partial } = this.#image;
    const state = bat.state[block];
    if (state === BlockState.FullyPresent) return this.#here(block, within, most);
    if (state === BlockState.PartiallyPresent) {
      const count = partial.run(block, within, most);
      if (partial.has(block, within)) this.#here(block, within, count);
      else this.#below(sector, count);
    } else if (state === BlockState.NotPresent) this.#below(sector, most);
    else this.place.zero(most);
  }

  #locateWrite(block: number, within: number, most: number): void {
    const gate = this.#begin() ?? this.#places.settle(block);
    if (gate !== undefined) this.place.wait(gate);
    else this.#here(block, within, most);
  }

  #locateZeroes(operation: number, block: number, within: number, most: number): void {
    const unmap = operation === DiskOperation.Unmap;
    if (this.#readsZero(block) || (unmap && this.#pinned)) return this.place.done(most);
    if (!this.#journal.begun) {
      const gate = this.#begin();
      if (gate !== undefined) return this.place.wait(gate);
      // It began at once, and others may have gone on then, so look again.
      return this.#locateZeroes(operation, block, within, most);
    }
    const whole = within === 0 && most === this.#sectorsIn(block);
    // A block that is being read or written keeps its place; so does one of which only a part goes.
    if (whole && !this.#pinned && this.#users[block] === 0 && !this.#places.isSettling(block)) {
      this.#places.giveUp(block);
      return this.place.done(most);
    }
    if (unmap) return this.place.done(most);
    this.#locateWrite(block, within, most);
  }

  /** Whether a block is zeroes without having a place. */
  #readsZero(block: number): boolean {
    const state = this.#image.bat.state[block];
    if (state === BlockState.NotPresent) return this.parent === undefined;
    return state !== BlockState.FullyPresent && state !== BlockState.PartiallyPresent;
  }

  #here(block: number, within: number, count: number): void {
    this.place.here(this.#image.bat.home[block]! * MIB + within * this.sectorSize, count);
  }

  /** What a differencing disk does not have, its parent has, as far as that goes. */
  #below(sector: number, count: number): void {
    const below = this.parent === undefined ? 0 : this.parent.sectorCount - sector;
    if (below <= 0) this.place.zero(count);
    else this.place.parent(Math.min(count, below));
  }

  /** Zeroes what the last block holds behind the end of the disk: whoever made the file need not have. */
  #zeroBehind(sector: number, done: (status: number) => void): void {
    const within = sector % this.#sectorsPerBlock;
    const home = within === 0 ? 0 : this.#image.bat.home[Math.floor(sector / this.#sectorsPerBlock)]!;
    if (home === 0) return done(DiskStatus.Ok);
    const skip = within * this.sectorSize;
    this.began(sector);
    this.#places.zero(home * MIB + skip, this.#image.metadata.blockSize - skip, (status) => {
      this.ended(sector, 0, false);
      done(status);
    });
  }

  /** Sees to it that the file may be changed. @returns what to wait for; `undefined` when it may. */
  #begin(): Gate | undefined {
    if (this.#journal.begun) return undefined;
    let ended: number | undefined;
    this.#journal.begin((status) => {
      ended = status;
      this.#beginGate.open(status);
    });
    if (ended === undefined) return this.#beginGate;
    return ended === DiskStatus.Ok ? undefined : failed(ended);
  }

  /** Sectors of a block that are on the disk: the last block may reach beyond its end. */
  #sectorsIn(block: number): number {
    return Math.min(this.#sectorsPerBlock, this.sectorCount - block * this.#sectorsPerBlock);
  }
}

function grown(users: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(length);
  larger.set(users);
  return larger;
}

/**
 * VhdxDisk: a VHDX in use, fixed, dynamic or differencing.
 *
 *   a write to a block that is      goes
 *     fully or partially present      to its place at once
 *     absent, with a parent           to new space; only the sectors written count as present
 *     absent or zero                  to new space at the end of the file, which is zeroes; or to space that another
 *                                     block gave up, once that has been zeroed
 *
 * Where blocks are changes in memory at once and in the file with the next commit (see {@link Journal}). Space that an
 * unmapped block gives up is used again only after the commit that says so, and never while anything moves data there.
 */
import { DiskOperation, type Disk, DiskStatus } from '../disk.ts';
import type { BlockFile } from '../executor/block-file.ts';
import { inOrder, type Step } from '../in-order.ts';
import { Gate } from '../mapped/gate.ts';
import { MappedDisk } from '../mapped/mapped-disk.ts';
import { ZERO_RUN_LENGTH, ZERO_RUNS } from '../runs.ts';
import { batShape } from './bat.ts';
import { ChangedPages } from './changed-pages.ts';
import { Journal } from './journal.ts';
import { BlockState, MIB, MOST_BYTES } from './layout.ts';
import type { VhdxImage } from './open-vhdx.ts';

/** MiB that unmapped blocks may hold back until a commit; more unmaps bring the commit about. */
const MOST_HELD_BACK = 256;

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
  readonly #sectorsPerBlock: number;
  readonly #blockMib: number;
  /** Blocks stay where they are: fixed disks. */
  readonly #pinned: boolean;
  /** Transfers under way in each block; empty where blocks stay where they are. */
  #users: Uint32Array;
  readonly #beginGate = new Gate();
  #beginning = false;
  #beginStatus: number = DiskStatus.Ok;
  /** Blocks whose new space is being zeroed. */
  readonly #zeroing = new Map<number, Gate>();
  /** Places given up since the last commit, in MiB. */
  #heldBack: number[] = [];
  readonly #commitGate = new Gate();
  /** Bytes that the file is known to have. */
  #fileSize = 0;
  /** Set while the file is given its size: data written behind that size meanwhile would be cut off. */
  #growing = false;
  readonly #growGate = new Gate();

  constructor(image: VhdxImage, file: BlockFile, options: VhdxOptions) {
    const { metadata, bat, space } = image;
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
    this.#sectorsPerBlock = sectorsPerBlock;
    this.#blockMib = metadata.blockSize / MIB;
    this.#pinned = metadata.leaveBlocksAllocated;
    this.directReads = options.readOnly || this.#pinned;
    this.#users = new Uint32Array(this.directReads ? 0 : bat.shape.blocks);
    file.zeroesTo = space.end * MIB;
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
        (next) => (this.#journal.begun ? next(DiskStatus.Ok) : this.#begin(next)),
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
      heldBackMib: this.#heldBack.length * this.#blockMib,
      changedPages: this.#changed.count,
    };
  }

  protected override commit(done: (status: number) => void): void {
    const { space } = this.#image;
    const given = this.#heldBack;
    const changes = this.#changed.take();
    this.#heldBack = [];
    const size = space.end * MIB;
    const steps: Step[] = [(next) => this.#journal.commit(changes.pages, size, next)];
    if (changes.pages.length > 0 && size > this.#fileSize) steps.unshift((next) => this.#growFile(size, next));
    inOrder(steps, (status) => {
      if (status === DiskStatus.Ok) for (const start of given) space.release(start, this.#blockMib);
      else {
        this.#heldBack.push(...given);
        changes.putBack();
      }
      done(status);
      // Last, when a task that finds too much held back again can bring about the next commit.
      this.#commitGate.open(status);
    });
  }

  protected override settle(done: (status: number) => void): void {
    this.#journal.end(this.#image.space.trim() * MIB, done);
  }

  #growFile(size: number, done: (status: number) => void): void {
    this.#growing = true;
    this.file.setSize(size, {
      complete: (status) => {
        this.#growing = false;
        if (status === DiskStatus.Ok) this.#fileSize = size;
        this.#growGate.open(DiskStatus.Ok);
        done(status);
      },
    });
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
    if (!this.#begunOrWait() || !this.#homeOrWait(block)) return;
    this.#here(block, within, most);
  }

  #locateZeroes(operation: number, block: number, within: number, most: number): void {
    const { bat } = this.#image;
    const state = bat.state[block]!;
    const absent = state === BlockState.NotPresent && this.parent === undefined;
    const present = state === BlockState.FullyPresent || state === BlockState.PartiallyPresent;
    if (
      (!present && (absent || state !== BlockState.NotPresent)) ||
      (operation === DiskOperation.Unmap && this.#pinned)
    ) {
      return this.place.done(most);
    }
    if (!this.#journal.begun) {
      // Others may have gone on meanwhile, so look again.
      if (this.#begunOrWait()) this.#locateZeroes(operation, block, within, most);
      return;
    }
    const whole = within === 0 && most === this.#sectorsIn(block);
    // A block that is being read or written keeps its place; so does one of which only a part goes.
    if (whole && !this.#pinned && this.#users[block] === 0 && !this.#zeroing.has(block)) {
      this.#giveUp(block);
      return this.place.done(most);
    }
    if (operation === DiskOperation.Unmap) return this.place.done(most);
    if (!this.#homeOrWait(block)) return;
    this.#here(block, within, most);
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

  /** Sees to it that a block has a place in the file. @returns false when the task has to wait for that. */
  #homeOrWait(block: number): boolean {
    const { bat, space } = this.#image;
    const state = bat.state[block];
    if (state === BlockState.FullyPresent || state === BlockState.PartiallyPresent) return true;
    const zeroing = this.#zeroing.get(block);
    if (zeroing !== undefined) return this.#wait(zeroing);
    if (this.#growing) return this.#wait(this.#growGate);
    // Space that waits for a commit is space that the file must not grow by again and again.
    if (this.#heldBack.length * this.#blockMib > MOST_HELD_BACK) {
      if (this.flushes.idle) this.flushes.add({ complete: () => undefined });
      // A commit may end at once, and others may have gone on then, so look again.
      return !this.flushes.idle ? this.#wait(this.#commitGate) : this.#homeOrWait(block);
    }
    const partial = state === BlockState.NotPresent && this.parent !== undefined;
    if (partial) this.#startBitmap(block);
    const { start, fresh } = space.allocate(this.#blockMib);
    this.file.zeroesTo = space.end * MIB;
    if (fresh || partial) {
      this.#settleBlock(block, start, partial ? BlockState.PartiallyPresent : BlockState.FullyPresent);
      return true;
    }
    return this.#zeroFirst(block, start);
  }

  #startBitmap(block: number): void {
    const { bat, partial, space } = this.#image;
    const chunk = Math.floor(block / bat.shape.chunkRatio);
    if (bat.bitmapHome[chunk] === 0) {
      // New space is zeroes: no sector of the chunk is present.
      bat.bitmapHome[chunk] = space.allocateFresh(1).start;
      this.#changed.bitmapHome(chunk);
    }
    partial.start(block);
    // What stood there for the block before must not count.
    this.#changed.bitmap(block, 0, this.#sectorsPerBlock);
  }

  #settleBlock(block: number, start: number, state: number): void {
    const { bat } = this.#image;
    bat.home[block] = start;
    bat.state[block] = state;
    this.#changed.block(block);
  }

  /** Zeroes space that held other data, then lets those go on who wait for it. @returns whether that is done already. */
  #zeroFirst(block: number, start: number): boolean {
    const gate = new Gate();
    let ended: number | undefined;
    this.#zeroing.set(block, gate);
    this.#zero(start * MIB, this.#image.metadata.blockSize, (status) => {
      ended = status;
      this.#zeroing.delete(block);
      if (status === DiskStatus.Ok) this.#settleBlock(block, start, BlockState.FullyPresent);
      else this.#image.space.release(start, this.#blockMib);
      gate.open(status);
    });
    if (ended === DiskStatus.Ok) return true;
    if (ended !== undefined) openSoon(gate, ended);
    return this.#wait(gate);
  }

  #zero(position: number, length: number, done: (status: number) => void): void {
    const steps: Step[] = [];
    for (let at = 0; at < length; at += ZERO_RUN_LENGTH) {
      const piece = Math.min(ZERO_RUN_LENGTH, length - at);
      steps.push((next) => this.file.write(ZERO_RUNS, 0, piece, position + at, { complete: next }));
    }
    inOrder(steps, done);
  }

  /** Zeroes what the last block holds behind the end of the disk: whoever made the file need not have. */
  #zeroBehind(sector: number, done: (status: number) => void): void {
    const within = sector % this.#sectorsPerBlock;
    const home = within === 0 ? 0 : this.#image.bat.home[Math.floor(sector / this.#sectorsPerBlock)]!;
    if (home === 0) return done(DiskStatus.Ok);
    const skip = within * this.sectorSize;
    this.#zero(home * MIB + skip, this.#image.metadata.blockSize - skip, done);
  }

  #giveUp(block: number): void {
    const { bat, partial } = this.#image;
    if (bat.home[block] !== 0) this.#heldBack.push(bat.home[block]!);
    partial.end(block);
    this.#settleBlock(block, 0, BlockState.Zero);
    if (this.#heldBack.length * this.#blockMib > MOST_HELD_BACK && this.flushes.idle) {
      this.flushes.add({ complete: () => undefined });
    }
  }

  /** Sees to it that the file may be changed. @returns false when the task has to wait for that. */
  #begunOrWait(): boolean {
    if (this.#journal.begun) return true;
    if (!this.#beginning) {
      this.#begin((status) => this.#beginGate.open(status));
      if (this.#journal.begun) return true;
      if (!this.#beginning) openSoon(this.#beginGate, this.#beginStatus);
    }
    return this.#wait(this.#beginGate);
  }

  #begin(done: (status: number) => void): void {
    this.#beginning = true;
    this.#journal.begin((status) => {
      this.#beginning = false;
      this.#beginStatus = status;
      done(status);
    });
  }

  #wait(gate: Gate): false {
    this.place.wait(gate);
    return false;
  }

  /** Sectors of a block that are on the disk: the last block may reach beyond its end. */
  #sectorsIn(block: number): number {
    return Math.min(this.#sectorsPerBlock, this.sectorCount - block * this.#sectorsPerBlock);
  }
}

/** For what has failed at once, before the task could wait for it. */
function openSoon(gate: Gate, status: number): void {
  queueMicrotask(() => gate.open(status));
}

function grown(users: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(length);
  larger.set(users);
  return larger;
}

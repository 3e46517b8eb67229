/**
 * BlockPlaces: gives the blocks of a VHDX their places in the file, and takes them back.
 *
 *   absent block of a disk with a parent      any space; only the sectors written count as present
 *   absent or zero block                      new space at the end of the file, which is zeroes, or
 *                                             space that another block gave up, once it has been zeroed
 *   block that is unmapped                    its space is held back until a commit has made that durable
 *
 * Places change in memory at once; the commit that follows brings them to the file.
 */
import { DiskStatus } from '../disk.ts';
import type { BlockFile } from '../executor/block-file.ts';
import type { FlushQueue } from '../flush-queue.ts';
import { inOrder, type Step } from '../in-order.ts';
import { Gate } from '../mapped/gate.ts';
import { ZERO_RUN_LENGTH, ZERO_RUNS } from '../runs.ts';
import type { ChangedPages } from './changed-pages.ts';
import { BlockState, MIB } from './layout.ts';
import type { VhdxImage } from './open-vhdx.ts';

/** MiB that may be held back until a commit; more bring a commit about. */
const MOST_HELD_BACK = 256;

/** Places of blocks in one file. */
export class BlockPlaces {
  readonly #image: VhdxImage;
  readonly #file: BlockFile;
  readonly #changed: ChangedPages;
  readonly #flushes: FlushQueue;
  readonly #blockMib: number;
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

  constructor(image: VhdxImage, file: BlockFile, changed: ChangedPages, flushes: FlushQueue) {
    this.#image = image;
    this.#file = file;
    this.#changed = changed;
    this.#flushes = flushes;
    this.#blockMib = image.metadata.blockSize / MIB;
    file.zeroesTo = image.space.end * MIB;
  }

  /** MiB that wait for a commit. */
  get heldBackMib(): number {
    return this.#heldBack.length * this.#blockMib;
  }

  /** Whether a block is about to get a place. */
  isSettling(block: number): boolean {
    return this.#zeroing.has(block);
  }

  /** Sees to it that a block has a place. @returns what to wait for before asking again; `undefined` when it has one. */
  settle(block: number): Gate | undefined {
    const { bat, metadata, space } = this.#image;
    const state = bat.state[block];
    if (state === BlockState.FullyPresent || state === BlockState.PartiallyPresent) return undefined;
    const zeroing = this.#zeroing.get(block);
    if (zeroing !== undefined) return zeroing;
    if (this.#growing) return this.#growGate;
    // Space that waits for a commit is space that the file must not grow by again and again.
    if (this.heldBackMib > MOST_HELD_BACK) return this.#commitFirst(block);
    const partial = state === BlockState.NotPresent && metadata.parent !== undefined;
    if (partial) this.#startBitmap(block);
    const { start, fresh } = space.allocate(this.#blockMib);
    this.#file.zeroesTo = space.end * MIB;
    if (!fresh && !partial) return this.#zeroFirst(block, start);
    this.#place(block, start, partial ? BlockState.PartiallyPresent : BlockState.FullyPresent);
    return undefined;
  }

  /** Makes a block zeroes and takes its place back. Nothing may be moving data there. */
  giveUp(block: number): void {
    const { bat, partial } = this.#image;
    if (bat.home[block] !== 0) this.#heldBack.push(bat.home[block]!);
    partial.end(block);
    this.#place(block, 0, BlockState.Zero);
    if (this.heldBackMib > MOST_HELD_BACK && this.#flushes.idle) this.#flushes.add({ complete: () => undefined });
  }

  /** A commit begins: it covers what is held back now. @returns what ends it, for its status. */
  beginCommit(): (status: number) => void {
    const given = this.#heldBack;
    this.#heldBack = [];
    return (status) => {
      if (status === DiskStatus.Ok) for (const start of given) this.#image.space.release(start, this.#blockMib);
      else this.#heldBack.push(...given);
    };
  }

  /** Lets those go on who wait for a commit. When this is called, the next one can be asked for. */
  committed(status: number): void {
    this.#commitGate.open(status);
  }

  /** Makes the file as long as all places in it need. */
  growFile(done: (status: number) => void): void {
    const size = this.#image.space.end * MIB;
    if (size <= this.#fileSize) return done(DiskStatus.Ok);
    this.#growing = true;
    this.#file.setSize(size, {
      complete: (status) => {
        this.#growing = false;
        if (status === DiskStatus.Ok) this.#fileSize = size;
        this.#growGate.open(DiskStatus.Ok);
        done(status);
      },
    });
  }

  /** Zeroes a range of the file. */
  zero(position: number, length: number, done: (status: number) => void): void {
    const steps: Step[] = [];
    for (let at = 0; at < length; at += ZERO_RUN_LENGTH) {
      const piece = Math.min(ZERO_RUN_LENGTH, length - at);
      steps.push((next) => this.#file.write(ZERO_RUNS, 0, piece, position + at, { complete: next }));
    }
    inOrder(steps, done);
  }

  #place(block: number, start: number, state: number): void {
    const { bat } = this.#image;
    bat.home[block] = start;
    bat.state[block] = state;
    this.#changed.block(block);
  }

  #startBitmap(block: number): void {
    const { bat, metadata, partial, space } = this.#image;
    const chunk = Math.floor(block / bat.shape.chunkRatio);
    if (bat.bitmapHome[chunk] === 0) {
      // New space is zeroes: no sector of the chunk is present.
      bat.bitmapHome[chunk] = space.allocateFresh(1).start;
      this.#changed.bitmapHome(chunk);
    }
    partial.start(block);
    // What stood there for the block before must not count.
    this.#changed.bitmap(block, 0, metadata.blockSize / metadata.sectorSize);
  }

  /** Too much is held back. */
  #commitFirst(block: number): Gate | undefined {
    if (!this.#flushes.idle) return this.#commitGate;
    let ended: number | undefined;
    this.#flushes.add({ complete: (status) => (ended = status) });
    if (ended === undefined) return this.#commitGate;
    // It ended at once, and others may have gone on then, so look again; or it failed at once.
    return ended === DiskStatus.Ok ? this.settle(block) : failed(ended);
  }

  /** Zeroes space that held other data, and places the block there. */
  #zeroFirst(block: number, start: number): Gate | undefined {
    const gate = new Gate();
    let ended: number | undefined;
    this.#zeroing.set(block, gate);
    this.zero(start * MIB, this.#image.metadata.blockSize, (status) => {
      ended = status;
      this.#zeroing.delete(block);
      if (status === DiskStatus.Ok) this.#place(block, start, BlockState.FullyPresent);
      else this.#image.space.release(start, this.#blockMib);
      gate.open(status);
    });
    if (ended === undefined) return gate;
    return ended === DiskStatus.Ok ? undefined : failed(ended);
  }
}

/** A gate for what has failed already: whoever waits there fails soon. */
export function failed(status: number): Gate {
  const gate = new Gate();
  queueMicrotask(() => gate.open(status));
  return gate;
}

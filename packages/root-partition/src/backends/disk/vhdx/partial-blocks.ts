/**
 * PartialBlocks: which sectors of a differencing disk's partially present blocks are in its own file.
 *
 * In the file, a chunk's bits are one block of 1 MiB, sector after sector. Here only the blocks that are partially
 * present have theirs: for all others the block's state says everything.
 */
import { countBits, fillBits, runLength, bitAt } from '../bitmap.ts';
import type { ImageSource } from '../image-source.ts';
import { type Bat } from './bat.ts';
import { BlockState, MIB, PAGE } from './layout.ts';

interface Partial {
  bits: Uint8Array;
  missing: number;
}

/** The sector bitmaps of a disk, block by block. */
export class PartialBlocks {
  readonly #bat: Bat;
  readonly #sectors: number;
  readonly #blocks = new Map<number, Partial>();

  /** `sectorsPerBlock` is a multiple of 8: a block is 1 MiB at least. */
  constructor(bat: Bat, sectorsPerBlock: number) {
    this.#bat = bat;
    this.#sectors = sectorsPerBlock;
  }

  /** Reads the bits of every block that is partially present. */
  load(source: ImageSource): void {
    const { state, bitmapHome, shape } = this.#bat;
    for (let block = 0; block < shape.blocks; block++) {
      if (state[block] !== BlockState.PartiallyPresent) continue;
      const home = bitmapHome[Math.floor(block / shape.chunkRatio)]!;
      const bits = source.read(home * MIB + (block % shape.chunkRatio) * this.#length, this.#length);
      this.#blocks.set(block, { bits, missing: this.#sectors - countBits(bits) });
    }
  }

  /** Starts a block of which no sector is present. */
  start(block: number): void {
    this.#blocks.set(block, { bits: new Uint8Array(this.#length), missing: this.#sectors });
  }

  /** Forgets a block whose state now says everything. */
  end(block: number): void {
    this.#blocks.delete(block);
  }

  /** Whether the sector at `within` the block is present. */
  has(block: number, within: number): boolean {
    return bitAt(this.#blocks.get(block)!.bits, within);
  }

  /** How many sectors from `within` on, at most `most`, are like the first of them. */
  run(block: number, within: number, most: number): number {
    return runLength(this.#blocks.get(block)!.bits, within, most);
  }

  /** Marks sectors as present. @returns how many were not. */
  add(block: number, within: number, count: number): number {
    const partial = this.#blocks.get(block)!;
    const changed = fillBits(partial.bits, within, count, true);
    partial.missing -= changed;
    return changed;
  }

  /** Whether all sectors of the block are present. */
  isComplete(block: number): boolean {
    return this.#blocks.get(block)!.missing === 0;
  }

  /** First page of its chunk's bitmap that has bits of this block's sectors from `within` on, and the last. */
  pages(block: number, within: number, count: number): { chunk: number; first: number; last: number } {
    const { chunkRatio } = this.#bat.shape;
    const chunk = Math.floor(block / chunkRatio);
    const bit = (block - chunk * chunkRatio) * this.#sectors + within;
    return { chunk, first: Math.floor(bit / (PAGE * 8)), last: Math.floor((bit + count - 1) / (PAGE * 8)) };
  }

  /** A page of a chunk's bitmap as it goes to the file. */
  encodePage(chunk: number, page: number): Uint8Array {
    const data = new Uint8Array(PAGE);
    const { chunkRatio, blocks } = this.#bat.shape;
    const from = page * PAGE;
    const first = Math.floor(from / this.#length);
    const last = Math.ceil((from + PAGE) / this.#length);
    for (let within = first; within < last && chunk * chunkRatio + within < blocks; within++) {
      const block = chunk * chunkRatio + within;
      const at = within * this.#length - from;
      const bits = this.#blocks.get(block)?.bits;
      const start = Math.max(at, 0);
      const end = Math.min(at + this.#length, PAGE);
      if (bits !== undefined) data.set(bits.subarray(start - at, end - at), start);
      else if (this.#bat.state[block] === BlockState.FullyPresent) data.fill(0xff, start, end);
    }
    return data;
  }

  /** Blocks that have bits here. */
  get count(): number {
    return this.#blocks.size;
  }

  /** Bytes of a block's bits. */
  get #length(): number {
    return this.#sectors / 8;
  }
}

/**
 * SectorMap: which sectors an overlay has of its own.
 *
 *   chunk of 32768 sectors   undefined        all in the base
 *                            ALL_OWN          all here
 *                            ALL_ZERO         all zeroes
 *                            8 KiB            bits "own", then bits "zero"; "own" counts where both are set
 *
 * A copy shares the chunks: whoever changes one that both have makes it its own first.
 */
import { bitAt, fillBits, runLength } from '../bitmap.ts';

const CHUNK_SECTORS = 32768;
const HALF = CHUNK_SECTORS / 8;

/** Where an overlay finds a sector. */
export const SectorState = { Base: 0, Own: 1, Zero: 2 } as const;

class Chunk {
  readonly own = new Uint8Array(HALF);
  readonly zero = new Uint8Array(HALF);
  owned = 0;
  /** Whose it is: only that map may change it. */
  readonly owner: object | undefined;

  constructor(owner?: object) {
    this.owner = owner;
  }
}

const ALL_OWN = new Chunk();
const ALL_ZERO = new Chunk();

/** The state of each sector of a disk. Memory grows with the chunks that are mixed: 0.05 % of a disk at most. */
export class SectorMap {
  #chunks: (Chunk | undefined)[] = [];
  /** A new one after each copy: what was ours before is shared then. */
  #self = {};

  /** What it is now, for good: changes of either do not reach the other. */
  copy(): SectorMap {
    const made = new SectorMap();
    made.#chunks = [...this.#chunks];
    this.#self = {};
    return made;
  }

  /** Bytes that it takes beyond what it shares with `other`. */
  bytesBeyond(other: SectorMap | undefined): number {
    const others = other === undefined ? [] : other.#chunks;
    return 2 * HALF * this.#chunks.filter((chunk, i) => isMixed(chunk) && chunk !== others[i]).length;
  }

  /** Runs of sectors that are here, in order. */
  *ownRuns(sectorCount: number): Generator<{ readonly sector: number; readonly count: number }> {
    for (let sector = 0; sector < sectorCount;) {
      const count = this.run(sector, sectorCount - sector);
      if (this.state(sector) === SectorState.Own) yield { sector, count };
      sector += count;
    }
  }

  /** State of `sector`: one of `SectorState`. */
  state(sector: number): number {
    const chunk = this.#chunks[Math.floor(sector / CHUNK_SECTORS)];
    if (chunk === undefined) return SectorState.Base;
    if (chunk === ALL_OWN) return SectorState.Own;
    if (chunk === ALL_ZERO) return SectorState.Zero;
    const at = sector % CHUNK_SECTORS;
    if (bitAt(chunk.own, at)) return SectorState.Own;
    return bitAt(chunk.zero, at) ? SectorState.Zero : SectorState.Base;
  }

  /** How many sectors from `sector` on, at most `most`, are in the same state. */
  run(sector: number, most: number): number {
    const state = this.state(sector);
    let count = 0;
    while (count < most && this.state(sector + count) === state) {
      const chunk = this.#chunks[Math.floor((sector + count) / CHUNK_SECTORS)];
      const at = (sector + count) % CHUNK_SECTORS;
      const limit = Math.min(most - count, CHUNK_SECTORS - at);
      if (chunk === undefined || chunk === ALL_OWN || chunk === ALL_ZERO) count += limit;
      else if (state === SectorState.Own) count += runLength(chunk.own, at, limit);
      else count += Math.min(runLength(chunk.own, at, limit), runLength(chunk.zero, at, limit));
    }
    return count;
  }

  /** Sectors were written here. */
  setOwn(sector: number, count: number): void {
    this.#each(sector, count, ALL_OWN, (chunk, at, length) => {
      chunk.owned += fillBits(chunk.own, at, length, true);
      return chunk.owned === CHUNK_SECTORS ? ALL_OWN : chunk;
    });
  }

  /** Sectors read as zeroes from now on. */
  setZero(sector: number, count: number): void {
    this.#each(sector, count, ALL_ZERO, (chunk, at, length) => {
      chunk.owned -= fillBits(chunk.own, at, length, false);
      fillBits(chunk.zero, at, length, true);
      return chunk;
    });
  }

  /** Chunks that take memory. */
  get mixedChunks(): number {
    let count = 0;
    for (const chunk of this.#chunks) if (isMixed(chunk)) count++;
    return count;
  }

  #each(
    sector: number,
    count: number,
    whole: Chunk,
    change: (chunk: Chunk, at: number, length: number) => Chunk,
  ): void {
    const end = sector + count;
    while (sector < end) {
      const index = Math.floor(sector / CHUNK_SECTORS);
      const at = sector % CHUNK_SECTORS;
      const length = Math.min(end - sector, CHUNK_SECTORS - at);
      const chunk = this.#chunks[index];
      if (length === CHUNK_SECTORS) this.#chunks[index] = whole;
      else if (chunk !== whole) this.#chunks[index] = change(this.#own(chunk), at, length);
      sector += length;
    }
  }

  /** The chunk in a form that can be changed. */
  #own(chunk: Chunk | undefined): Chunk {
    if (isMixed(chunk) && chunk.owner === this.#self) return chunk;
    const made = new Chunk(this.#self);
    if (chunk === ALL_ZERO) made.zero.fill(0xff);
    else if (chunk === ALL_OWN) {
      made.own.fill(0xff);
      made.owned = CHUNK_SECTORS;
    } else if (chunk !== undefined) {
      made.own.set(chunk.own);
      made.zero.set(chunk.zero);
      made.owned = chunk.owned;
    }
    return made;
  }
}

/** Whether it takes memory. */
const isMixed = (chunk: Chunk | undefined): chunk is Chunk =>
  chunk !== undefined && chunk !== ALL_OWN && chunk !== ALL_ZERO;

/** Space: which megabytes of a VHDX are in use, and where new blocks go. */
import { MIB } from './layout.ts';

/** Where a new block is. */
export interface Allocation {
  /** In MiB from the start of the file. */
  start: number;
  /** Whether it lies behind everything ever written, so that it reads as zeroes. */
  fresh: boolean;
}

/** A bit for each megabyte of a file. */
export class Space {
  #used: Uint8Array;
  #end: number;
  #free: number;
  /** No gap of a size asked for so far begins before this. */
  #searchFrom = 1;

  /** All of a file of `size` bytes is free but its first megabyte, the header section. */
  constructor(size: number) {
    this.#end = Math.max(1, Math.ceil(size / MIB));
    this.#used = new Uint8Array(Math.ceil(this.#end / 8) + 64);
    this.#free = this.#end;
    this.claim(0, 1);
  }

  /** Megabytes up to the end of the file. */
  get end(): number {
    return this.#end;
  }

  /** Megabytes before the end that nothing uses. */
  get free(): number {
    return this.#free;
  }

  /** Takes a range. @returns whether all of it was free and lies in the file. */
  claim(start: number, count: number): boolean {
    if (start < 0 || start + count > this.#end) return false;
    for (let at = start; at < start + count; at++) {
      if (this.#isUsed(at)) return false;
      this.#used[at >>> 3]! |= 1 << (at & 7);
      this.#free--;
    }
    return true;
  }

  /** Finds `count` megabytes: a gap, or new space at the end. */
  allocate(count: number): Allocation {
    const start = this.#free < count ? -1 : this.#findGap(count);
    if (start < 0) return this.allocateFresh(count);
    this.claim(start, count);
    return { start, fresh: false };
  }

  /** Takes new space at the end. */
  allocateFresh(count: number): Allocation {
    const start = this.#end;
    this.#end += count;
    this.#free += count;
    if (this.#end > this.#used.length * 8) {
      const grown = new Uint8Array(Math.max(this.#used.length * 2, Math.ceil(this.#end / 8)));
      grown.set(this.#used);
      this.#used = grown;
    }
    this.claim(start, count);
    return { start, fresh: true };
  }

  /** Gives a range back. */
  release(start: number, count: number): void {
    for (let at = start; at < start + count; at++) {
      this.#used[at >>> 3]! &= ~(1 << (at & 7));
      this.#free++;
    }
    this.#searchFrom = Math.min(this.#searchFrom, start);
  }

  /** Forgets free space at the end. @returns the new end. */
  trim(): number {
    while (this.#end > 1 && !this.#isUsed(this.#end - 1)) {
      this.#end--;
      this.#free--;
    }
    return this.#end;
  }

  #findGap(count: number): number {
    let length = 0;
    for (let at = this.#searchFrom; at < this.#end; at++) {
      // Eight megabytes in use at a time.
      if (length === 0 && (at & 7) === 0 && this.#used[at >>> 3] === 0xff) at += 7;
      else if (this.#isUsed(at)) length = 0;
      else if (++length === count) {
        this.#searchFrom = at + 1 - count;
        return this.#searchFrom;
      }
    }
    // Blocks of one file are all of one size: what is too small now stays so until something is given back.
    this.#searchFrom = this.#end;
    return -1;
  }

  #isUsed(at: number): boolean {
    return (this.#used[at >>> 3]! & (1 << (at & 7))) !== 0;
  }
}

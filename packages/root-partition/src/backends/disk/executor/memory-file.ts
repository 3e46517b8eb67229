/** MemoryFile: a file that lives in memory, in pieces that exist once they are written. */
import { DiskStatus } from '../disk.ts';
import type { Runs } from '../runs.ts';
import type { BlockFile, Completion } from './block-file.ts';

const PIECE = 64 * 1024;

/** A sparse file in memory. Operations complete at once. Its owner bounds the positions, and so its size. */
export class MemoryFile implements BlockFile {
  zeroesTo = 0;
  readonly #pieces = new Map<number, Uint8Array>();

  read(runs: Runs, skip: number, length: number, position: number, completion: Completion): void {
    this.#move(false, runs, skip, length, position);
    completion.complete(DiskStatus.Ok);
  }

  write(runs: Runs, skip: number, length: number, position: number, completion: Completion): void {
    completion.complete(this.#move(true, runs, skip, length, position));
  }

  sync(completion: Completion): void {
    completion.complete(DiskStatus.Ok);
  }

  setSize(size: number, completion: Completion): void {
    const last = Math.floor(size / PIECE);
    for (const index of this.#pieces.keys()) if (index > last) this.#pieces.delete(index);
    this.#pieces.get(last)?.fill(0, size % PIECE);
    completion.complete(DiskStatus.Ok);
  }

  /** Gives up the memory of the whole pieces in a range, which then reads as zeroes. */
  discard(position: number, length: number): void {
    const end = Math.floor((position + length) / PIECE);
    for (let index = Math.ceil(position / PIECE); index < end; index++) this.#pieces.delete(index);
  }

  close(completion: Completion): void {
    this.#pieces.clear();
    completion.complete(DiskStatus.Ok);
  }

  inspect(): Record<string, unknown> {
    return { mode: 'memory', bytes: this.#pieces.size * PIECE };
  }

  #move(write: boolean, runs: Runs, skip: number, length: number, position: number): number {
    let run = 0;
    while (length > 0 && run < runs.runCount) {
      const size = runs.runLength[run]!;
      if (skip >= size) {
        skip -= size;
        run++;
        continue;
      }
      const at = runs.runOffset[run]! + skip;
      const within = position % PIECE;
      const count = Math.min(length, size - skip, PIECE - within);
      const piece = this.#piece((position - within) / PIECE, write);
      if (piece === null) return DiskStatus.NoSpace;
      if (write) piece!.set(runs.bytes.subarray(at, at + count), within);
      else if (piece === undefined) runs.bytes.fill(0, at, at + count);
      else runs.bytes.set(piece.subarray(within, within + count), at);
      skip += count;
      position += count;
      length -= count;
    }
    return DiskStatus.Ok;
  }

  /** The piece; `undefined` when it is all zeroes, `null` when the host has no memory for it. */
  #piece(index: number, make: boolean): Uint8Array | undefined | null {
    const found = this.#pieces.get(index);
    if (found !== undefined || !make) return found;
    try {
      const made = new Uint8Array(PIECE);
      this.#pieces.set(index, made);
      return made;
    } catch {
      return null;
    }
  }
}

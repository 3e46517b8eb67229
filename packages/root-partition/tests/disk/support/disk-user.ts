/** DiskUser: a disk as a test uses it, with promises. */
import { type Disk, DiskOperation, type DiskRequest, DiskStatus } from '../../../src/backends/disk/disk.ts';

/** A request that is submitted once. `runs` splits its memory into that many pieces, in reverse order in memory. */
export function submit(
  disk: Disk,
  operation: number,
  sector: number,
  count: number,
  data: Uint8Array = new Uint8Array(0),
  options: { forceUnitAccess?: boolean; runs?: number } = {},
): Promise<number> {
  const { forceUnitAccess = false, runs = 1 } = options;
  const memory = new Uint8Array(data.length);
  const runCount = data.length === 0 ? 0 : Math.min(runs, data.length);
  const runOffset = new Float64Array(runCount);
  const runLength = new Float64Array(runCount);
  const pieces: Uint8Array[] = [];
  let end = data.length;
  for (let run = 0, from = 0; run < runCount; run++) {
    const to = run === runCount - 1 ? data.length : Math.floor((data.length * (run + 1)) / runCount);
    runLength[run] = to - from;
    end -= to - from;
    runOffset[run] = end;
    memory.set(data.subarray(from, to), end);
    pieces.push(data.subarray(from, to));
    from = to;
  }
  return new Promise((resolve) => {
    const request: DiskRequest = {
      operation,
      sector,
      count,
      forceUnitAccess,
      bytes: memory,
      runCount,
      runOffset,
      runLength,
      complete(status) {
        if (operation === DiskOperation.Read) {
          pieces.forEach((piece, run) => piece.set(memory.subarray(runOffset[run]!, runOffset[run]! + piece.length)));
        }
        resolve(status);
      },
    };
    disk.submit(request);
  });
}

/** A disk whose requests must all succeed. */
export class DiskUser {
  readonly disk: Disk;

  constructor(disk: Disk) {
    this.disk = disk;
  }

  async read(sector: number, count: number, runs = 1): Promise<Uint8Array> {
    const data = new Uint8Array(count * this.disk.sectorSize).fill(0xee);
    await this.#ok(submit(this.disk, DiskOperation.Read, sector, count, data, { runs }));
    return data;
  }

  write(sector: number, data: Uint8Array, options: { forceUnitAccess?: boolean; runs?: number } = {}): Promise<void> {
    const count = data.length / this.disk.sectorSize;
    return this.#ok(submit(this.disk, DiskOperation.Write, sector, count, data, options));
  }

  flush(): Promise<void> {
    return this.#ok(submit(this.disk, DiskOperation.Flush, 0, 0));
  }

  unmap(sector: number, count: number): Promise<void> {
    return this.#ok(submit(this.disk, DiskOperation.Unmap, sector, count));
  }

  writeZeroes(sector: number, count: number): Promise<void> {
    return this.#ok(submit(this.disk, DiskOperation.WriteZeroes, sector, count));
  }

  close(): Promise<void> {
    return this.#ok(new Promise((resolve) => this.disk.close(resolve)));
  }

  async #ok(status: Promise<number>): Promise<void> {
    const got = await status;
    if (got !== DiskStatus.Ok) throw new Error(`the disk answered with status ${got}`);
  }
}

/** Bytes that differ from sector to sector and from `seed` to seed. */
export function pattern(seed: number, length: number): Uint8Array {
  const data = new Uint8Array(length);
  const words = new Uint32Array(data.buffer, 0, length >>> 2);
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state;
  }
  return data;
}

/**
 * Runs: a list of byte ranges in one long-lived view, as a request names its memory, and what is done with parts of it.
 *
 *   runs      [offset, length] [offset, length] [offset, length]
 *   a part       └─ skip ─┘└────── length ──────┘
 */

/** Ranges of `bytes`, in order. A `DiskRequest` is one. */
export interface Runs {
  readonly bytes: Uint8Array;
  readonly runCount: number;
  readonly runOffset: Float64Array;
  readonly runLength: Float64Array;
}

/** One run over all of `bytes`, for what is read and written outside the request path. */
export function singleRun(bytes: Uint8Array): Runs {
  return { bytes, runCount: 1, runOffset: Float64Array.of(0), runLength: Float64Array.of(bytes.length) };
}

/** Fills `length` bytes of `runs`, `skip` bytes in, with zeroes. */
export function fillZeroes(runs: Runs, skip: number, length: number): void {
  for (let run = 0; run < runs.runCount && length > 0; run++) {
    const size = runs.runLength[run]!;
    if (skip >= size) {
      skip -= size;
      continue;
    }
    const from = runs.runOffset[run]! + skip;
    const piece = Math.min(size - skip, length);
    runs.bytes.fill(0, from, from + piece);
    length -= piece;
    skip = 0;
  }
}

/** What one vectored call takes at most (IOV_MAX). */
export const MOST_VIEWS = 1024;

/** Makes views of the next `length` bytes of `runs`, `skip` bytes in, at most `most` of them, for a vectored call. */
export function viewsOf(runs: Runs, skip: number, length: number, most: number): Uint8Array[] {
  const views: Uint8Array[] = [];
  for (let run = 0; run < runs.runCount && length > 0 && views.length < most; run++) {
    const size = runs.runLength[run]!;
    if (skip >= size) {
      skip -= size;
      continue;
    }
    const from = runs.runOffset[run]! + skip;
    const piece = Math.min(size - skip, length);
    views.push(runs.bytes.subarray(from, from + piece));
    length -= piece;
    skip = 0;
  }
  return views;
}

/** Bytes that one source of zeroes has to give. */
export const ZERO_RUN_LENGTH = 4 * 1024 * 1024;

const ZERO_PIECE = 256 * 1024;

/** {@link ZERO_RUN_LENGTH} zero bytes to write from, which take little memory: the same piece again and again. */
export const ZERO_RUNS: Runs = {
  bytes: new Uint8Array(ZERO_PIECE),
  runCount: ZERO_RUN_LENGTH / ZERO_PIECE,
  runOffset: new Float64Array(ZERO_RUN_LENGTH / ZERO_PIECE),
  runLength: new Float64Array(ZERO_RUN_LENGTH / ZERO_PIECE).fill(ZERO_PIECE),
};

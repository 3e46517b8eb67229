/** A short list of ranges of a stream, in order and apart from each other: what has arrived beyond a gap. Bounded. */

/** Ranges `[start, end)` of stream offsets. */
export class Ranges {
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** Sum of their lengths. */
  bytes = 0;
  readonly #most: number;

  /** @param most - ranges kept */
  constructor(most: number) {
    this.#most = most;
  }

  get count(): number {
    return this.starts.length;
  }

  /** The end of the last; 0 when there is none. */
  get highest(): number {
    return this.ends.at(-1) ?? 0;
  }

  /** Adds a range, joining those that it touches. @returns whether there was room for it */
  add(start: number, end: number): boolean {
    const { starts, ends } = this;
    let index = 0;
    while (index < starts.length && ends[index]! < start) index++;
    let last = index;
    let from = start;
    let to = end;
    while (last < starts.length && starts[last]! <= end) {
      from = Math.min(from, starts[last]!);
      to = Math.max(to, ends[last]!);
      this.bytes -= ends[last]! - starts[last]!;
      last++;
    }
    if (last === index && starts.length >= this.#most) return false;
    starts.splice(index, last - index, from);
    ends.splice(index, last - index, to);
    this.bytes += to - from;
    return true;
  }

  /** Forgets everything below `offset`. */
  advance(offset: number): void {
    const { starts, ends } = this;
    while (starts.length > 0 && starts[0]! < offset) {
      const end = ends[0]!;
      if (end > offset) {
        this.bytes -= offset - starts[0]!;
        starts[0] = offset;
        return;
      }
      this.bytes -= end - starts[0]!;
      starts.shift();
      ends.shift();
    }
  }

  /** The first offset at or after `offset` that no range holds. */
  gapAt(offset: number): number {
    let at = offset;
    for (let index = 0; index < this.starts.length && this.starts[index]! <= at; index++) {
      at = Math.max(at, this.ends[index]!);
    }
    return at;
  }

  /** Where the range after `offset` begins, Infinity when there is none. */
  nextStart(offset: number): number {
    for (const start of this.starts) if (start >= offset) return start;
    return Infinity;
  }

  /** Bytes of `[start, end)` that no range holds. */
  missing(start: number, end: number): number {
    if (end <= start) return 0;
    let held = 0;
    for (let index = 0; index < this.starts.length; index++) {
      held += Math.max(0, Math.min(end, this.ends[index]!) - Math.max(start, this.starts[index]!));
    }
    return end - start - held;
  }

  clear(): void {
    this.starts.length = this.ends.length = 0;
    this.bytes = 0;
  }
}

/**
 * SectorHistory: what each sector of a disk may hold after a crash: what it held at the last flush that had ended, or
 * anything written to it since.
 */

/** When something was submitted and answered: in the order of all such things, and in events of the file. */
interface Span {
  began: number;
  ended: number;
  beganAt: number;
  endedAt: number;
}

interface Write extends Span {
  value: number;
}

/** A record of writes and flushes. Writes to one sector must not overlap in time. */
export class SectorHistory {
  readonly #initial: (sector: number) => number;
  readonly #writes = new Map<number, Write[]>();
  readonly #flushes: Span[] = [];
  #order = 0;

  /** `initial` is the value of a sector that was never written. */
  constructor(initial: (sector: number) => number) {
    this.#initial = initial;
  }

  /** A write was submitted. @returns what to call when it was answered. */
  write(sector: number, count: number, value: number, now: () => number): () => void {
    const write = { value, ...this.#begin(now) };
    for (let at = sector; at < sector + count; at++) {
      const writes = this.#writes.get(at);
      if (writes === undefined) this.#writes.set(at, [write]);
      else writes.push(write);
    }
    return () => this.#end(write, now);
  }

  /** A flush was submitted. @returns what to call when it was answered. */
  flush(now: () => number): () => void {
    const flush = this.#begin(now);
    this.#flushes.push(flush);
    return () => this.#end(flush, now);
  }

  /** Values that `sector` may have after a crash at moment `now`. */
  allowed(sector: number, now: number): number[] {
    const writes = (this.#writes.get(sector) ?? []).filter((write) => write.beganAt <= now + 1);
    const flushed = this.#flushes.filter((flush) => flush.endedAt <= now).map((flush) => flush.began);
    const settled = writes.findLastIndex((write) => flushed.some((began) => write.ended < began));
    const since = writes.slice(settled + 1).map(({ value }) => value);
    return [settled < 0 ? this.#initial(sector) : writes[settled]!.value, ...since];
  }

  #begin(now: () => number): Span {
    return { began: this.#order++, ended: Infinity, beganAt: now(), endedAt: Infinity };
  }

  #end(span: Span, now: () => number): void {
    span.ended = this.#order++;
    span.endedAt = now();
  }
}

/** Sectors full of one 32-bit value. */
export function valueSectors(value: number, count: number, sectorSize: number): Uint8Array {
  const words = new Uint32Array((count * sectorSize) / 4).fill(value);
  return new Uint8Array(words.buffer);
}

/** The value that fills a sector; `undefined` when it is torn. */
export function valueOf(sector: Uint8Array): number | undefined {
  const words = new Uint32Array(sector.buffer, sector.byteOffset, sector.length / 4);
  const first = words[0]!;
  return words.every((word) => word === first) ? first : undefined;
}

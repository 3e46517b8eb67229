/** Memory as it was at several points: of each page, the versions that differ. */

const PAGE = 4096;

interface Version {
  /** From this point on. */
  readonly point: number;
  readonly bytes: Uint8Array;
}

/** Versions of a machine's memory, in the order of time. */
export class MemoryHistory {
  /** For each buffer: as it was at the last point, and its pages' versions. */
  readonly #buffers: { readonly last: Buffer; readonly pages: Map<number, Version[]> }[] = [];
  #points = 0;
  #bytes = 0;

  /** Bytes that the versions take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps what buffers are now. They are the same ones, in the same order, each time. @returns the number of the point */
  take(buffers: readonly SharedArrayBuffer[]): number {
    const point = this.#points++;
    for (const [index, buffer] of buffers.entries()) {
      const { last, pages } = (this.#buffers[index] ??= {
        last: Buffer.from(new ArrayBuffer(buffer.byteLength)),
        pages: new Map(),
      });
      const now = Buffer.from(buffer);
      for (let at = 0; at < now.length; at += PAGE) {
        const end = Math.min(at + PAGE, now.length);
        if (now.compare(last, at, end, at, end) === 0) continue;
        const bytes = new Uint8Array(now.subarray(at, end));
        last.set(bytes, at);
        const versions = pages.get(at);
        if (versions === undefined) pages.set(at, [{ point, bytes }]);
        else versions.push({ point, bytes });
        this.#bytes += bytes.length;
      }
    }
    return point;
  }

  /** Makes buffers what they were at a point. */
  load(point: number, buffers: readonly SharedArrayBuffer[]): void {
    for (const [index, buffer] of buffers.entries()) {
      const now = new Uint8Array(buffer);
      const { pages } = this.#buffers[index]!;
      const zero = Buffer.alloc(PAGE);
      const view = Buffer.from(buffer);
      for (let at = 0; at < now.length; at += PAGE) {
        const end = Math.min(at + PAGE, now.length);
        const version = pages.get(at)?.findLast((each) => each.point <= point);
        if (version !== undefined) now.set(version.bytes, at);
        else if (view.compare(zero, 0, end - at, at, end) !== 0) now.fill(0, at, end);
      }
    }
  }
}

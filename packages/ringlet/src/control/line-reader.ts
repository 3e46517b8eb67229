/** Cuts a byte stream into lines, with a bound: whatever is on the other end cannot make it hold more than one line. */

/** Feeds on chunks, gives whole lines. */
export class LineReader {
  readonly #longest: number;
  #pieces: Buffer[] = [];
  #held = 0;

  /** @param longest - bytes of the longest line */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** Lines completed by `chunk`, without their newline; `undefined` once a line is too long: nothing more can be read. */
  push(chunk: Buffer): string[] | undefined {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      if (this.#held + end - from > this.#longest) return undefined;
      this.#pieces.push(chunk.subarray(from, end));
      lines.push(Buffer.concat(this.#pieces).toString('utf8'));
      this.#pieces = [];
      this.#held = 0;
      from = end + 1;
    }
    this.#held += chunk.length - from;
    if (this.#held > this.#longest) return undefined;
    if (from < chunk.length) this.#pieces.push(chunk.subarray(from));
    return lines;
  }
}

/** `--expect`: looks for a text in output that arrives in pieces, wherever the pieces are cut. */

/** Sees whether a text has appeared. */
export class Expectation {
  readonly #text: string;
  /** The end of what was seen, one character shorter than the text: all that a later match can begin in. */
  #tail = '';
  #seen = false;

  constructor(text: string) {
    this.#text = text;
  }

  get seen(): boolean {
    return this.#seen;
  }

  /** @returns whether the text appeared with this piece, for the first time */
  add(piece: string): boolean {
    if (this.#seen) return false;
    const window = this.#tail + piece;
    this.#seen = window.includes(this.#text);
    const keep = this.#text.length - 1;
    this.#tail = keep === 0 ? '' : window.slice(-keep);
    return this.#seen;
  }
}

/** The last of what a guest printed, so that somebody who looks later sees where it is. Bounded. */

/** Text kept: a few screens. */
const MOST_CHARACTERS = 64 * 1024;

/** Keeps the end of a stream of text. */
export class ConsoleHistory {
  #pieces: string[] = [];
  #characters = 0;

  add(text: string): void {
    this.#pieces.push(text);
    this.#characters += text.length;
    // Joined only when twice too long, so that many small pieces cost little each.
    if (this.#characters > 2 * MOST_CHARACTERS || this.#pieces.length > 4096) this.#shorten();
  }

  /** What is kept, at most 64 Ki characters. */
  text(): string {
    this.#shorten();
    return this.#pieces[0] ?? '';
  }

  #shorten(): void {
    const text = this.#pieces.join('').slice(-MOST_CHARACTERS);
    this.#pieces = [text];
    this.#characters = text.length;
  }
}

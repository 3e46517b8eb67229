/** Input that comes before anything can take it. */

/** Keeps what is written, in order, until it is released; then passes on what comes. */
export class HeldInput {
  readonly #take: (bytes: Uint8Array) => void;
  #held: Uint8Array[] | undefined = [];

  constructor(take: (bytes: Uint8Array) => void) {
    this.#take = take;
  }

  write(bytes: Uint8Array): void {
    if (this.#held === undefined) this.#take(bytes);
    else this.#held.push(bytes);
  }

  /** Hands over what is held. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const bytes of held) this.#take(bytes);
  }
}

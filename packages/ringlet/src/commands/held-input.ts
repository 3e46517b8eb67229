/** Input that comes before anything can take it. */

/** Keeps what is written, in order, until it is released; then passes on what comes. */
export class HeldInput {
  readonly #take: (bytes: Uint8Array) => void;
  readonly #room: () => Promise<void>;
  #held: Uint8Array[] | undefined = [];
  #release!: () => void;
  readonly #released = new Promise<void>((released) => (this.#release = released));

  /** @param room - settles when the taker has room for more */
  constructor(take: (bytes: Uint8Array) => void, room: () => Promise<void>) {
    this.#take = take;
    this.#room = room;
  }

  /** @returns settles when there is room for more */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#held === undefined) this.#take(bytes);
    else this.#held.push(bytes);
    return this.#released.then(this.#room);
  }

  /** Hands over what is held. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const bytes of held) this.#take(bytes);
    this.#release();
  }
}

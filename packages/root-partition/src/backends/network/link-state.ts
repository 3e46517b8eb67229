/** Whether a cable has somebody at its other end, and who wants to know when that changes. */
export class LinkState {
  #up: boolean;
  readonly #changes: ((up: boolean) => void)[] = [];

  constructor(up: boolean) {
    this.#up = up;
  }

  /** Whether somebody is at the other end now. */
  get up(): boolean {
    return this.#up;
  }

  /** Calls `change` after every change. */
  onChange(change: (up: boolean) => void): void {
    this.#changes.push(change);
  }

  /** Says how it is now. */
  set(up: boolean): void {
    if (up === this.#up) return;
    this.#up = up;
    for (const change of this.#changes) change(up);
  }
}

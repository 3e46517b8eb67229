/**
 * Resets of one machine: what each comes to, how many there were, and who waits for the next.
 *
 * A guest that cannot come up resets itself for ever. It is let do so for a while, as a person in front of it may see what
 * it prints; then its machine ends.
 */
import { firstValueFrom, Subject } from 'rxjs';

/** Resets within {@link WINDOW_MS} that a machine gets through. Debian on a fast host restarts half as often at most. */
const MOST_RESETS = 30;
const WINDOW_MS = 60_000;

/** What there has been so far. Plain data. */
export interface SavedResets {
  readonly demanded: boolean;
  readonly count: number;
  /** When the guest reset itself lately, in milliseconds on the machine's clock. */
  readonly lately: readonly number[];
}

/** Counts the resets of one machine. */
export class Resets {
  readonly #onReset: 'restart' | 'stop';
  readonly #most: number;
  readonly #lately: number[] = [];
  readonly #restarted = new Subject<void>();
  #demanded = false;
  #count = 0;
  #endless = false;

  /**
   * @param onReset - what a reset by the guest comes to
   * @param most - resets within a minute; 0 for as many as it likes
   */
  constructor(onReset: 'restart' | 'stop' = 'restart', most: number = MOST_RESETS) {
    this.#onReset = onReset;
    this.#most = most;
  }

  /** Times that the machine has started again. */
  get count(): number {
    return this.#count;
  }

  /** Whether there were too many. */
  get endless(): boolean {
    return this.#endless;
  }

  /** Settles when the machine has started again the next time, or never will. */
  next(): Promise<void> {
    return firstValueFrom(this.#restarted, { defaultValue: undefined });
  }

  /** The next reset is, or is not, what the host wanted: the machine then starts again in any case. */
  demand(wanted: boolean): void {
    this.#demanded = wanted;
  }

  /**
   * The machine was reset.
   *
   * @param now - milliseconds on the machine's clock
   * @returns who wanted it, when the machine is to start again
   */
  begin(now: number): 'guest' | 'host' | undefined {
    if (!this.#demanded && !this.#mayRestart(now)) return undefined;
    const by = this.#demanded ? 'host' : 'guest';
    this.#demanded = false;
    this.#count++;
    return by;
  }

  /** It has started again. */
  done(): void {
    this.#restarted.next();
  }

  save(): SavedResets {
    return { demanded: this.#demanded, count: this.#count, lately: [...this.#lately] };
  }

  restore({ demanded, count, lately }: SavedResets): void {
    this.#demanded = demanded;
    this.#count = count;
    this.#lately.splice(0, Infinity, ...lately);
  }

  /** The machine has ended. */
  end(): void {
    this.#restarted.complete();
  }

  #mayRestart(now: number): boolean {
    if (this.#onReset === 'stop') return false;
    while (this.#lately.length > 0 && this.#lately[0]! <= now - WINDOW_MS) this.#lately.shift();
    this.#endless = this.#most > 0 && this.#lately.length >= this.#most;
    this.#lately.push(now);
    return !this.#endless;
  }
}

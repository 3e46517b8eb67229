/**
 * Screen reports: what is told of a screen, at most so often, whatever its guest does.
 *
 * A guest may change its picture a million times a second, and each change would be a message to another thread. So the
 * first one is told at once, and those of the next 16 ms together: the last mode, and all parts that have changed.
 */
import type { Rectangle } from '@ringlet/protocols';
import { around } from '../vsps/video/rectangles.ts';

/** Pixels of a screen; `undefined` when it shows nothing. */
export type ScreenMode = { readonly width: number; readonly height: number } | undefined;

/** Something that happened on a screen. Plain data; often, so it goes only to who watches. */
export type DisplayEvent =
  | { readonly type: 'display-mode'; readonly mode: ScreenMode }
  | { readonly type: 'display-dirty'; readonly parts: readonly Rectangle[] };

/** In units of 100 ns. */
const INTERVAL = 160_000;
/** Parts told one by one; more are told as one that holds them all. */
const MOST_PARTS = 64;

/** Tells of one screen. */
export class ScreenReports {
  readonly #after: (ticks: number, run: () => void) => () => void;
  readonly #report: (event: DisplayEvent) => void;
  #mode: { readonly mode: ScreenMode } | undefined;
  #parts: Rectangle[] = [];
  #cancel: (() => void) | undefined;

  constructor(after: (ticks: number, run: () => void) => () => void, report: (event: DisplayEvent) => void) {
    this.#after = after;
    this.#report = report;
  }

  /** The screen has another mode. What had changed on the picture before it is of no interest any more. */
  mode(mode: ScreenMode): void {
    this.#mode = { mode };
    this.#parts = [];
    this.#tell();
  }

  /** Parts of the picture have changed. */
  dirty(parts: readonly Rectangle[]): void {
    this.#parts.push(...parts);
    if (this.#parts.length > MOST_PARTS) this.#parts = [this.#parts.reduce(around)];
    this.#tell();
  }

  /** Tells nothing more. */
  end(): void {
    this.#cancel?.();
    this.#mode = undefined;
    this.#parts = [];
  }

  #tell(): void {
    if (this.#cancel !== undefined) return;
    const [mode, parts] = [this.#mode, this.#parts];
    if (mode === undefined && parts.length === 0) return;
    this.#mode = undefined;
    this.#parts = [];
    this.#cancel = this.#after(INTERVAL, () => {
      this.#cancel = undefined;
      this.#tell();
    });
    if (mode !== undefined) this.#report({ type: 'display-mode', mode: mode.mode });
    if (parts.length > 0) this.#report({ type: 'display-dirty', parts });
  }
}

/**
 * What a viewer's hands do, for the guest's keyboard and mouse.
 *
 * Keys are sent in order. Of a mouse that moves faster than its guest looks, only the latest place counts; buttons and
 * the wheel are never left out. A guest without a driver gets nothing, as a keyboard that is not plugged in.
 */
import { keyStrokes, MouseButton } from '@ringlet/protocols';
import type { MouseChange } from '@ringlet/root-partition';
import type { ViewedMachine } from '../viewed-machine.ts';
import { keyOfScanCode, keyOfSymbol } from './key-symbols.ts';

/** Bits of a pointer message, by our buttons. Bits 3 and 4 are the wheel. */
const BUTTONS: readonly (readonly [bit: number, button: number])[] = [
  [1, MouseButton.Left],
  [2, MouseButton.Middle],
  [4, MouseButton.Right],
  [128, MouseButton.Back],
];
const WHEEL_AWAY = 8;
const WHEEL_TOWARDS = 16;
/** Changes that wait for a guest which does not look. */
const MOST_CHANGES = 256;

/** One viewer's hands. */
export class ViewerInput {
  readonly #machine: ViewedMachine;
  readonly #down = new Set<number>();
  #buttons = 0;
  #changes: MouseChange[] = [];
  #moving = false;

  constructor(machine: ViewedMachine) {
    this.#machine = machine;
  }

  key(down: boolean, symbol: number, scanCode: number | undefined): void {
    const key = (scanCode === undefined ? undefined : keyOfScanCode(scanCode)) ?? keyOfSymbol(symbol);
    if (key === undefined || (!down && !this.#down.has(key))) return;
    if (down) this.#down.add(key);
    else this.#down.delete(key);
    this.#stroke(key, down);
  }

  pointer(buttons: number, x: number, y: number): void {
    const changed = buttons ^ this.#buttons;
    const went = (direction: number): number =>
      BUTTONS.reduce((bits, [bit, button]) => ((changed & direction & bit) === 0 ? bits : bits | button), 0);
    const [press, release] = [went(buttons), went(this.#buttons)];
    const wheel =
      ((changed & buttons & WHEEL_AWAY) === 0 ? 0 : 1) - ((changed & buttons & WHEEL_TOWARDS) === 0 ? 0 : 1);
    this.#buttons = buttons;
    const last = this.#changes.at(-1);
    const isMove = (change: MouseChange | undefined): boolean =>
      change !== undefined && Object.keys(change).length === 2;
    const next: MouseChange = { x, y, ...(press && { press }), ...(release && { release }), ...(wheel && { wheel }) };
    if (isMove(next) && isMove(last)) this.#changes[this.#changes.length - 1] = next;
    else if (this.#changes.length < MOST_CHANGES) this.#changes.push(next);
    if (!this.#moving) void this.#move();
  }

  /** Nobody holds anything any more. */
  release(): void {
    for (const key of this.#down) this.#stroke(key, false);
    this.#down.clear();
    const held = BUTTONS.reduce((bits, [bit, button]) => ((this.#buttons & bit) === 0 ? bits : bits | button), 0);
    this.#changes = [];
    if (held !== 0) this.#machine.mouse.change([{ release: held }]).catch(() => {});
  }

  #stroke(key: number, down: boolean): void {
    this.#machine.keyboard.stroke(keyStrokes(key, down)).catch(() => {});
  }

  async #move(): Promise<void> {
    this.#moving = true;
    while (this.#changes.length > 0) {
      const changes = this.#changes;
      this.#changes = [];
      await this.#machine.mouse.change(changes).catch(() => {});
    }
    this.#moving = false;
  }
}

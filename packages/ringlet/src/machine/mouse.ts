/** Mouse: a pointer on a guest's screen. */
import { MouseButton } from '@ringlet/protocols';
import type { MouseChange } from '@ringlet/root-partition';
import type { ControllableMouse, MouseAction, MouseButtonName } from '../control/controllable.ts';
import type { Harness } from './harness.ts';

const BUTTONS: Readonly<Record<MouseButtonName, number>> = {
  left: MouseButton.Left,
  right: MouseButton.Right,
  middle: MouseButton.Middle,
  back: MouseButton.Back,
  forward: MouseButton.Forward,
};

/** Names of the buttons. */
export const BUTTON_NAMES = Object.keys(BUTTONS) as readonly MouseButtonName[];

/** The mouse of one machine. Its position is absolute, so it needs no pointer on the host to follow. */
export class Mouse implements ControllableMouse {
  readonly #ask: Harness['request'];

  constructor(ask: Harness['request']) {
    this.#ask = ask;
  }

  /** Moves to a pixel of the screen. @throws UserError `display-off` while there is no screen to have pixels */
  move(x: number, y: number): Promise<void> {
    return this.act({ action: 'move', x, y });
  }

  /** Presses a button and lets it go, where the pointer is. */
  click(button: MouseButtonName = 'left'): Promise<void> {
    return this.act({ action: 'click', button });
  }

  /** Presses a button, and holds it. */
  press(button: MouseButtonName = 'left'): Promise<void> {
    return this.act({ action: 'press', button });
  }

  /** Lets a button go. */
  release(button: MouseButtonName = 'left'): Promise<void> {
    return this.act({ action: 'release', button });
  }

  /** Turns the wheel; away from the user is positive. */
  scroll(notches: number): Promise<void> {
    return this.act({ action: 'scroll', notches });
  }

  /** Does several things, in order. Resolves when the guest has them. @throws UserError `mouse-not-ready`, `mouse-full` */
  async act(...actions: readonly MouseAction[]): Promise<void> {
    await this.change(actions.flatMap(changesOf));
  }

  /** Does several things at once each: moves while buttons go down and up. @throws those of {@link Mouse.act} */
  async change(changes: readonly MouseChange[]): Promise<void> {
    await this.#ask('useMouse', { changes });
  }
}

function changesOf(action: MouseAction): MouseChange[] {
  switch (action.action) {
    case 'move':
      return [{ x: action.x, y: action.y }];
    case 'press':
      return [{ press: BUTTONS[action.button] }];
    case 'release':
      return [{ release: BUTTONS[action.button] }];
    case 'click':
      return [{ press: BUTTONS[action.button] }, { release: BUTTONS[action.button] }];
    case 'scroll':
      return [{ wheel: action.notches }];
  }
}

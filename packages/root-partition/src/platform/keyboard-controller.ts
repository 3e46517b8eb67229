/**
 * KeyboardController: of an Intel 8042, its two ways to reset the processor, and a status that never makes a guest wait.
 *
 * Commands 0xF0-0xFF pulse those output lines whose bit is 0; 0xD1 lets the next data byte set all of them. Line 0 is the
 * processor's reset. There is no keyboard and no mouse behind it: no data ever comes, and a driver that looks for them
 * gets no answer.
 */
import type { PortDevice } from './port-bus.ts';
import { Port } from './ports.ts';

/** What a keyboard controller needs. */
export interface KeyboardControllerWorld {
  /** {@link KEYBOARD_CONTROLLER_WORDS} words of shared state. */
  readonly words: Int32Array;
  readonly reset: () => void;
}

/** What the controller waits for. */
export interface SavedKeyboardController {
  /** Command D1h was given: the next byte of data is for the output port. */
  readonly outputLinesFollow: boolean;
}

/** Words of shared state that a keyboard controller takes. */
export const KEYBOARD_CONTROLLER_WORDS = 1;
const FOLLOW = 0;
const Command = { WriteOutputLines: 0xd1, Pulse: 0xf0 } as const;
const RESET_LINE = 1;
/** Passed its self-test, not locked; nothing to read, ready to be written. */
const STATUS = 0x14;

/** One thread's view of the controller. */
export class KeyboardController implements PortDevice {
  readonly name = 'keyboard-controller';
  readonly ports = [
    [Port.KeyboardData, 1],
    [Port.KeyboardCommand, 1],
  ] as const;
  readonly #words: Int32Array;
  readonly #reset: () => void;

  constructor({ words, reset }: KeyboardControllerWorld) {
    this.#words = words;
    this.#reset = reset;
  }

  read(port: number): number {
    return port === Port.KeyboardCommand ? STATUS : 0;
  }

  write(port: number, value: number): void {
    const follow = Atomics.exchange(this.#words, FOLLOW, 0) !== 0;
    if (port === Port.KeyboardData) {
      if (follow && (value & RESET_LINE) === 0) this.#reset();
    } else if (value === Command.WriteOutputLines) Atomics.store(this.#words, FOLLOW, 1);
    else if (value >= Command.Pulse && (value & RESET_LINE) === 0) this.#reset();
  }

  reset(): void {
    Atomics.store(this.#words, FOLLOW, 0);
  }

  save(): SavedKeyboardController {
    return { outputLinesFollow: Atomics.load(this.#words, FOLLOW) !== 0 };
  }

  restore(saved: SavedKeyboardController): void {
    Atomics.store(this.#words, FOLLOW, saved.outputLinesFollow ? 1 : 0);
  }

  inspect(): Record<string, unknown> {
    return { ...this.save() };
  }
}

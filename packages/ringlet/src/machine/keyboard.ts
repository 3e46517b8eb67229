/** Keyboard: keys for a guest, as from a keyboard in front of its screen. */
import { chord, KEY_NAMES, type KeyStroke, pressTogether, typeText } from '@ringlet/protocols';
import { UserError } from '@ringlet/wire';
import { nearMiss } from '../configuration/near-miss.ts';
import type { ControllableKeyboard, TypeOptions } from '../control/controllable.ts';
import type { Harness } from './harness.ts';

/** The keyboard of one machine. It has the US layout, as Linux takes it for. */
export class Keyboard implements ControllableKeyboard {
  readonly #ask: Harness['request'];

  constructor(ask: Harness['request']) {
    this.#ask = ask;
  }

  /**
   * Types a text; line feeds are Enter. Resolves when the guest has all of it.
   *
   * @throws UserError `text-untypable` when the layout lacks some of it: nothing is typed then. `keyboard-not-ready` while
   * the guest has no driver, `keyboard-full` when it does not read
   */
  async type(text: string, { unicode = false }: TypeOptions = {}): Promise<void> {
    const { strokes, missing } = typeText(text, unicode);
    if (missing.length > 0) {
      const shown = missing.map(
        (each) => `${each} (U+${each.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')})`,
      );
      throw new UserError('text-untypable', `no key of the US layout types ${shown.join(', ')}`, {
        hint: 'leave it out; a guest that takes characters instead of keys, as Windows does, gets it with --unicode',
      });
    }
    await this.stroke(strokes);
  }

  /**
   * Presses keys together, chord by chord: `press('ctrl-alt-f2', 'enter')`. Resolves when the guest has them.
   *
   * @throws UserError `key-unknown`, and those of {@link Keyboard.type}
   */
  async press(...chords: readonly string[]): Promise<void> {
    const strokes = chords.flatMap((words) => {
      const keys = chord(words);
      if (typeof keys === 'string') throw unknownKey(keys);
      return pressTogether(keys);
    });
    await this.stroke(strokes);
  }

  /**
   * Sends what keys do, one by one: what somebody in front of the machine does, as it happens.
   *
   * @throws UserError `keyboard-not-ready`, `keyboard-full`
   */
  async stroke(strokes: readonly KeyStroke[]): Promise<void> {
    await this.#ask('pressKeys', { strokes });
  }
}

function unknownKey(word: string): UserError {
  const meant = nearMiss(word, KEY_NAMES);
  return new UserError('key-unknown', `no key is called "${word}"`, {
    hint: meant === undefined ? `keys: a to z, 0 to 9, signs, ${KEY_NAMES.join(', ')}` : `did you mean "${meant}"?`,
  });
}

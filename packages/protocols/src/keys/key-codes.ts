/**
 * Keys of a PC's keyboard by name, and the scan codes of set 1 that they send.
 *
 * A key is one number: its make code, with the prefix byte above it where it has one (`0xe048`, cursor up). Pause is the
 * exception of the whole set: its E1 prefix is followed by two codes, both at once when it is pressed.
 */
import { KeyFlag, type KeyStroke } from '../keyboard.ts';

const E0 = 0xe000;
const E1 = 0xe100;
/** Pause: E1 1D 45. */
const PAUSE = E1 | 0x1d;
const PAUSE_SECOND = 0x45;

/** Every key that has a name; letters, digits and signs are in the layout. */
// prettier-ignore
const named: Readonly<Record<string, number>> = {
  escape: 0x01, backspace: 0x0e, tab: 0x0f, enter: 0x1c, space: 0x39,
  ctrl: 0x1d, shift: 0x2a, alt: 0x38, win: E0 | 0x5b, menu: E0 | 0x5d,
  rightshift: 0x36, rightctrl: E0 | 0x1d, altgr: E0 | 0x38, rightwin: E0 | 0x5c,
  capslock: 0x3a, numlock: 0x45, scrolllock: 0x46, printscreen: E0 | 0x37, sysrq: 0x54, pause: PAUSE,
  f1: 0x3b, f2: 0x3c, f3: 0x3d, f4: 0x3e, f5: 0x3f, f6: 0x40, f7: 0x41, f8: 0x42, f9: 0x43, f10: 0x44, f11: 0x57,
  f12: 0x58,
  up: E0 | 0x48, left: E0 | 0x4b, right: E0 | 0x4d, down: E0 | 0x50,
  home: E0 | 0x47, pageup: E0 | 0x49, end: E0 | 0x4f, pagedown: E0 | 0x51, insert: E0 | 0x52, delete: E0 | 0x53,
  keypad0: 0x52, keypad1: 0x4f, keypad2: 0x50, keypad3: 0x51, keypad4: 0x4b, keypad5: 0x4c, keypad6: 0x4d,
  keypad7: 0x47, keypad8: 0x48, keypad9: 0x49, keypaddot: 0x53, keypadplus: 0x4e, keypadminus: 0x4a,
  keypadstar: 0x37, keypadslash: E0 | 0x35, keypadenter: E0 | 0x1c,
  intl: 0x56,
};

/** Other names that people give to some of them. */
// prettier-ignore
const aliases: Readonly<Record<string, string>> = {
  esc: 'escape', return: 'enter', control: 'ctrl', leftctrl: 'ctrl', leftshift: 'shift', leftalt: 'alt', option: 'alt',
  rightalt: 'altgr', super: 'win', meta: 'win', windows: 'win', cmd: 'win', leftwin: 'win', del: 'delete', ins: 'insert',
  pgup: 'pageup', pgdn: 'pagedown', print: 'printscreen', break: 'pause', apps: 'menu',
};

/** Names of the keys, for help and errors. */
export const KEY_NAMES: readonly string[] = Object.keys(named);

/** The key of that name, in any case. */
export function keyByName(name: string): number | undefined {
  const lower = name.toLowerCase();
  const known = Object.hasOwn(aliases, lower) ? aliases[lower]! : lower;
  return Object.hasOwn(named, known) ? named[known] : undefined;
}

/** The name of a key that has one. */
export const nameOfKey = (key: number): string | undefined => KEY_NAMES.find((name) => named[name] === key);

/** What the keyboard sends when a key goes down or up. */
export function keyStrokes(key: number, down: boolean): KeyStroke[] {
  const released = down ? 0 : KeyFlag.Break;
  if (key === PAUSE) {
    return [
      { makeCode: PAUSE & 0xff, flags: KeyFlag.E1 | released },
      { makeCode: PAUSE_SECOND, flags: released },
    ];
  }
  return [{ makeCode: key & 0xff, flags: ((key & 0xff00) === E0 ? KeyFlag.E0 : 0) | released }];
}

/** The key that an event is about; `undefined` for the second half of Pause, and for what is no scan code. */
export class KeyReader {
  #pause = false;

  /** Takes one event, in order. */
  read({ makeCode, flags }: KeyStroke): { readonly key: number; readonly down: boolean } | undefined {
    if ((flags & KeyFlag.Unicode) !== 0) return undefined;
    const down = (flags & KeyFlag.Break) === 0;
    const second = this.#pause && makeCode === PAUSE_SECOND;
    this.#pause = (flags & KeyFlag.E1) !== 0;
    if (second) return undefined;
    if (this.#pause) return { key: E1 | (makeCode & 0xff), down };
    return { key: ((flags & KeyFlag.E0) === 0 ? 0 : E0) | (makeCode & 0xff), down };
  }
}

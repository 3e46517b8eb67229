/** From what a viewer calls a key to the key of a PC's keyboard: X11's symbols, and QEMU's scan codes. */
import { keyByName, keyOfCharacter } from '@ringlet/protocols';

/** X11 symbols (`keysymdef.h`) of keys that type nothing; runs of consecutive ones begin at the number. */
const RUNS: readonly (readonly [first: number, names: string])[] = [
  [0xff08, 'backspace tab'],
  [0xff0d, 'enter'],
  [0xff13, 'pause scrolllock sysrq'],
  [0xff1b, 'escape'],
  [0xff50, 'home left up right down pageup pagedown end'],
  [0xff61, 'printscreen'],
  [0xff63, 'insert'],
  [0xff67, 'menu'],
  [0xff7f, 'numlock'],
  [0xff8d, 'keypadenter'],
  [0xff95, 'keypad7 keypad4 keypad8 keypad6 keypad2 keypad9 keypad3 keypad1 keypad5 keypad0 keypaddot'],
  [0xffaa, 'keypadstar keypadplus keypaddot keypadminus keypaddot keypadslash'],
  [0xffb0, 'keypad0 keypad1 keypad2 keypad3 keypad4 keypad5 keypad6 keypad7 keypad8 keypad9'],
  [0xffbe, 'f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12'],
  [0xffe1, 'shift rightshift ctrl rightctrl capslock'],
  [0xffe7, 'win rightwin alt altgr win rightwin'],
  [0xffff, 'delete'],
  // AltGr, and Tab with Shift held.
  [0xfe03, 'altgr'],
  [0xfe20, 'tab'],
];

const keys = new Map(
  RUNS.flatMap(([first, names]) => names.split(' ').map((name, i) => [first + i, keyByName(name)!] as const)),
);

/** The key of a symbol; `undefined` when a US keyboard has none. Shift is a key of its own, and pressed by itself. */
export function keyOfSymbol(symbol: number): number | undefined {
  return keys.get(symbol) ?? (symbol < 0x7f ? keyOfCharacter(String.fromCharCode(symbol)) : undefined);
}

/** QEMU's number for Pause. */
const PAUSE = 0xc6;

/** The key of a scan code as QEMU's extension numbers them: bit 7 stands for the prefix E0. */
export function keyOfScanCode(code: number): number | undefined {
  if (code === PAUSE) return keyByName('pause');
  if (code < 1 || code > 0xff) return undefined;
  return (code & 0x80) === 0 ? code : 0xe000 | (code & 0x7f);
}

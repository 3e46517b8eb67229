/** The US layout: which keys a person presses for a text, and which character a key stands for. */
import { KeyFlag, type KeyStroke } from '../keyboard.ts';
import { keyByName, keyStrokes } from './key-codes.ts';

/** Runs of keys with consecutive scan codes: the first code, what they type, and what with Shift. */
// prettier-ignore
const ROWS: readonly (readonly [first: number, plain: string, shifted: string])[] = [
  [0x02, '1234567890-=', '!@#$%^&*()_+'],
  [0x10, 'qwertyuiop[]', 'QWERTYUIOP{}'],
  [0x1e, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
  [0x2b, '\\zxcvbnm,./', '|ZXCVBNM<>?'],
  [0x39, ' ', ' '],
  [0x1c, '\n', '\n'],
  [0x0f, '\t', '\t'],
  [0x0e, '\b', '\b'],
  [0x01, '\x1b', '\x1b'],
];

interface Place {
  readonly key: number;
  readonly shift: boolean;
}

const places = new Map<string, Place>();
const characters = new Map<number, readonly [plain: string, shifted: string]>();
for (const [first, plain, shifted] of ROWS) {
  for (let i = 0; i < plain.length; i++) {
    characters.set(first + i, [plain[i]!, shifted[i]!]);
    if (!places.has(shifted[i]!)) places.set(shifted[i]!, { key: first + i, shift: true });
    places.set(plain[i]!, { key: first + i, shift: false });
  }
}
places.set('\r', places.get('\n')!);
places.set('\x7f', places.get('\b')!);

const SHIFT = keyByName('shift')!;

/** The character that a key types, alone or with Shift. */
export const characterOfKey = (key: number, shift: boolean): string | undefined => characters.get(key)?.[shift ? 1 : 0];

/** The key of a name, or of the character that it types alone: `f2`, `a`, `/`. */
export function keyOf(name: string): number | undefined {
  const place = name.length === 1 ? places.get(name.toLowerCase()) : undefined;
  return place === undefined || place.shift ? keyByName(name) : place.key;
}

/** The key that types a character, whether with Shift or without: that of `1` for `!`. */
export const keyOfCharacter = (character: string): number | undefined => places.get(character)?.key;

/** How to type a text. */
export interface Typing {
  /** Keys in the order in which they are pressed. */
  readonly strokes: readonly KeyStroke[];
  /** Characters that no key has, each once. When there are any, `strokes` leave them out. */
  readonly missing: readonly string[];
}

/**
 * What a person's fingers do for a text: every key down and up again, with Shift around those that need it.
 *
 * @param unicode - sends characters that no key has as themselves, which not every guest understands
 */
export function typeText(text: string, unicode = false): Typing {
  const strokes: KeyStroke[] = [];
  const missing = new Set<string>();
  for (const character of text) {
    const place = places.get(character);
    if (place !== undefined) {
      const keys = place.shift ? [SHIFT, place.key] : [place.key];
      strokes.push(...pressTogether(keys));
    } else if (unicode) {
      for (let i = 0; i < character.length; i++) {
        const makeCode = character.charCodeAt(i);
        strokes.push({ makeCode, flags: KeyFlag.Unicode }, { makeCode, flags: KeyFlag.Unicode | KeyFlag.Break });
      }
    } else missing.add(character);
  }
  return { strokes, missing: [...missing] };
}

/** Keys pressed in order and let go in the opposite one. */
export function pressTogether(keys: readonly number[]): KeyStroke[] {
  return [
    ...keys.flatMap((key) => keyStrokes(key, true)),
    ...keys.toReversed().flatMap((key) => keyStrokes(key, false)),
  ];
}

/**
 * The keys of a chord such as `ctrl-alt-f2`, or of one key: `enter`, `a`, `-`.
 *
 * @returns the word that is no key, when there is one
 */
export function chord(words: string): readonly number[] | string {
  const keys: number[] = [];
  // A hyphen at the end is a key itself: ctrl--
  for (const word of words.split(/[-+](?=.)/)) {
    const key = keyOf(word);
    if (key === undefined) return word;
    keys.push(key);
  }
  return keys;
}

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyFlag } from '../keyboard.ts';
import { KEY_NAMES, keyByName, KeyReader, keyStrokes, nameOfKey } from './key-codes.ts';
import { characterOfKey, chord, pressTogether, typeText } from './us-layout.ts';

const PRINTABLE = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
const typable = fc.array(fc.constantFrom(...PRINTABLE, '\n', '\t', '\b', '\x1b'), { maxLength: 40 });

/** What a guest with a US layout makes of strokes. */
function readBack(strokes: readonly { makeCode: number; flags: number }[]): string {
  const reader = new KeyReader();
  const shift = keyByName('shift')!;
  let shifted = false;
  let text = '';
  for (const stroke of strokes) {
    const change = reader.read(stroke);
    if (change?.key === shift) shifted = change.down;
    else if (change?.down) text += characterOfKey(change.key, shifted);
  }
  return text;
}

test('every printable ASCII character can be typed, and reads back as itself', () => {
  fc.assert(
    fc.property(typable, (characters) => {
      const { strokes, missing } = typeText(characters.join(''));
      expect(missing).toEqual([]);
      expect(readBack(strokes)).toBe(characters.join(''));
    }),
  );
});

test('whatever is typed, every key that goes down comes up again', () => {
  fc.assert(
    fc.property(typable, (characters) => {
      const down = new Set<number>();
      const reader = new KeyReader();
      for (const stroke of typeText(characters.join('')).strokes) {
        const change = reader.read(stroke)!;
        expect(down.has(change.key)).toBe(!change.down);
        if (change.down) down.add(change.key);
        else down.delete(change.key);
      }
      expect(down.size).toBe(0);
    }),
  );
});

test('characters that no key has are named once, and the rest is typed', () => {
  const { strokes, missing } = typeText('aß€ß😀b');
  expect(missing).toEqual(['ß', '€', '😀']);
  expect(readBack(strokes)).toBe('ab');
});

test('with unicode they are sent as UTF-16 units', () => {
  const { strokes, missing } = typeText('😀', true);
  expect(missing).toEqual([]);
  const down = KeyFlag.Unicode;
  const up = KeyFlag.Unicode | KeyFlag.Break;
  expect(strokes).toEqual([
    { makeCode: 0xd83d, flags: down },
    { makeCode: 0xd83d, flags: up },
    { makeCode: 0xde00, flags: down },
    { makeCode: 0xde00, flags: up },
  ]);
});

test('every named key reads back as itself, Pause with its two codes too', () => {
  for (const name of KEY_NAMES) {
    const reader = new KeyReader();
    const key = keyByName(name)!;
    for (const down of [true, false]) {
      const changes = keyStrokes(key, down).map((stroke) => reader.read(stroke));
      expect(changes.filter((change) => change !== undefined)).toEqual([{ key, down }]);
    }
    expect(keyByName(nameOfKey(key)!)).toBe(key);
  }
});

test('Pause is E1 1D 45, and no other key has an E1', () => {
  expect(keyStrokes(keyByName('pause')!, true)).toEqual([
    { makeCode: 0x1d, flags: KeyFlag.E1 },
    { makeCode: 0x45, flags: 0 },
  ]);
  expect(keyStrokes(keyByName('up')!, false)).toEqual([{ makeCode: 0x48, flags: KeyFlag.E0 | KeyFlag.Break }]);
});

test('a chord is its keys in order; they are let go in the opposite one', () => {
  const keys = chord('Ctrl-Alt+F2');
  expect(keys).toEqual([0x1d, 0x38, 0x3c]);
  expect(pressTogether(keys as number[]).map(({ makeCode, flags }) => [makeCode, flags])).toEqual([
    [0x1d, 0],
    [0x38, 0],
    [0x3c, 0],
    [0x3c, KeyFlag.Break],
    [0x38, KeyFlag.Break],
    [0x1d, KeyFlag.Break],
  ]);
});

test('a single character is a key, a hyphen too; what is none is said', () => {
  expect(chord('c')).toEqual([0x2e]);
  expect(chord('C')).toEqual([0x2e]);
  expect(chord('-')).toEqual([0x0c]);
  expect(chord('ctrl--')).toEqual([0x1d, 0x0c]);
  expect(chord('ctrl-alt-whoops')).toBe('whoops');
  expect(chord('ctrl-!')).toBe('!');
  expect(chord('constructor')).toBe('constructor');
});

import { expect, test } from 'vitest';
import { mouseActions } from './mouse.ts';

test('words become actions, in order', () => {
  const words = 'move 10 20 click press right move 30 40 release right scroll -3 scroll +2'.split(' ');
  expect(mouseActions(words)).toEqual([
    { action: 'move', x: 10, y: 20 },
    { action: 'click', button: 'left' },
    { action: 'press', button: 'right' },
    { action: 'move', x: 30, y: 40 },
    { action: 'release', button: 'right' },
    { action: 'scroll', notches: -3 },
    { action: 'scroll', notches: 2 },
  ]);
});

test.each([
  ['wiggle', 'a mouse cannot "wiggle"'],
  ['move', 'a number is missing'],
  ['move 1', 'a number is missing'],
  ['move 1 -2', '"-2" is no number'],
  ['scroll far', '"far" is no number'],
  ['click sideways', 'a mouse cannot "sideways"'],
])('%s is refused', (words, why) => {
  expect(() => mouseActions(words.split(' '))).toThrow(
    expect.objectContaining({ code: 'mouse-action-invalid', message: expect.stringContaining(why) as string }),
  );
});

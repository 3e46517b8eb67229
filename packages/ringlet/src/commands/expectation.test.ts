import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Expectation } from './expectation.ts';

test('a text is seen wherever the output is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom('a', 'b') })),
      fc.constantFrom('a', 'ab', 'aab', 'abab'),
      (pieces, text) => {
        const expectation = new Expectation(text);
        for (const piece of pieces) expectation.add(piece);
        expect(expectation.seen).toBe(pieces.join('').includes(text));
      },
    ),
  );
});

test('it says once that the text has appeared', () => {
  const expectation = new Expectation('login:');
  expect(['log', 'in', ': ', 'login:'].map((piece) => expectation.add(piece))).toEqual([false, false, true, false]);
});

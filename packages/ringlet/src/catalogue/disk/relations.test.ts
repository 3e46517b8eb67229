import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRelations, satisfies } from './relations.ts';

test('conditions are lists of alternatives, with versions, and architectures that are left out', () => {
  expect(parseRelations('libc6 (>= 2.34), a:any | b (<< 1:2~), python3:any (= 3.11.2-1+b1)')).toEqual([
    [{ name: 'libc6', operator: '>=', version: '2.34' }],
    [
      { name: 'a', operator: '', version: '' },
      { name: 'b', operator: '<<', version: '1:2~' },
    ],
    [{ name: 'python3', operator: '=', version: '3.11.2-1+b1' }],
  ]);
  expect(parseRelations('')).toEqual([]);
});

test.each([
  ['<<', [true, false, false]],
  ['<=', [true, true, false]],
  ['=', [false, true, false]],
  ['>=', [false, true, true]],
  ['>>', [false, false, true]],
  ['', [true, true, true]],
])('%s compares versions as Debian does', (operator, expected) => {
  const want = { name: 'a', operator, version: '1.10~rc1-1' };
  expect(['1.9-1', '1.10~rc1-1', '1.10-1'].map((version) => satisfies(want, version))).toEqual(expected);
});

test('no text makes the reader fail, and what it reads is of the form of names', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const { name } of parseRelations(text).flat()) expect(name).toMatch(/^[a-z0-9][a-z0-9+.-]*$/);
    }),
  );
});

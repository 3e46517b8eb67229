import fc from 'fast-check';
import { expect, test } from 'vitest';
import { refusal } from '../boot-fixture.ts';
import { UserError } from '@ringlet/wire';
import { isAr, readAr } from './ar.ts';

/** Two members: one of odd length with a slash after its name, one of even length. */
const ARCHIVE = bytes(
  '!<arch>\n' +
    'debian-binary   1700000000  0     0     100644  3         `\n2.0\n' +
    'data.tar.xz/    1700000000  0     0     100644  4         `\nabcd',
);

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const members = (data: Uint8Array): [string, string][] =>
  Array.from(readAr(data), (member) => [member.name, new TextDecoder().decode(member.data)]);

test('members are read with their names, one of odd length padded', () => {
  expect(members(ARCHIVE)).toEqual([
    ['debian-binary', '2.0'],
    ['data.tar.xz', 'abcd'],
  ]);
});

test('what is no ar archive is told apart', () => {
  expect(isAr(ARCHIVE)).toBe(true);
  expect(isAr(bytes('!<arch>'))).toBe(false);
  expect(() => members(bytes('PK'))).toThrow('ar magic');
});

test('wherever an archive is cut, the whole members come out and the rest is refused', () => {
  for (let length = 8 + 60 + 4 + 1; length < ARCHIVE.length; length++) {
    const found: string[] = [];
    expect(() => {
      for (const member of readAr(ARCHIVE.subarray(0, length))) found.push(member.name);
    }).toThrow(UserError);
    expect(found).toEqual(['debian-binary']);
  }
});

test('no bytes make the reader fail in another way than by an error for the user', () => {
  fc.assert(
    fc.property(fc.integer({ min: 8, max: ARCHIVE.length - 1 }), fc.nat(255), (at, value) => {
      const changed = ARCHIVE.slice();
      changed[at] = value;
      expect(['none', 'file-damaged']).toContain(refusal(() => members(changed)));
    }),
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareVersions } from './debian-version.ts';

test.each([
  ['1.0-1', '1.0-2'],
  ['6.1.9-1', '6.1.10-1'],
  ['6.1.176-1', '6.1.192-2'],
  ['1.0~rc1-1', '1.0-1'],
  ['1.0~~', '1.0~'],
  ['9.0-1', '1:1.0-1'],
  ['1.0-1', '1.0-1+b1'],
  ['1.0-1+b1', '1.0-1+deb12u1'],
  ['1.0', '1.0a'],
  ['1.0a', '1.0+'],
  ['1.0-1', '1.0-1.1'],
])('%s is older than %s', (older, newer) => {
  expect(compareVersions(older, newer)).toBeLessThan(0);
  expect(compareVersions(newer, older)).toBeGreaterThan(0);
});

test.each([
  ['1.0', '1.0'],
  ['0:1.0-1', '1.0-1'],
  ['1.00', '1.0'],
  ['1.0', '1.0-0'],
])('%s is as old as %s', (a, b) => {
  expect(compareVersions(a, b)).toBe(0);
});

test('versions have one order, whichever is asked for first', () => {
  const version = fc.stringMatching(/^([0-2]:)?[0-9][a-b0-1~+.]{0,6}(-[0-1a~]{1,3})?$/);
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      expect(Math.sign(compareVersions(a, b))).toBe(0 - Math.sign(compareVersions(b, a)));
      const [first, second, third] = [a, b, c].toSorted(compareVersions);
      expect(compareVersions(first!, second!)).toBeLessThanOrEqual(0);
      expect(compareVersions(first!, third!)).toBeLessThanOrEqual(0);
    }),
  );
});

import { expect, test } from 'vitest';
import type { PackageRecord } from '../package-index.ts';
import { resolvePackages } from './resolve-packages.ts';

const record = (name: string, relations = '', provides = '', version = '1.0'): PackageRecord => ({
  name,
  version,
  depends: [],
  relations,
  provides,
  required: false,
  path: '',
  size: 1,
  sha256: '',
});

const resolve = (wanted: string[], ...records: PackageRecord[]): string[] => {
  const byName = new Map(records.map((one) => [one.name, one]));
  const choice = { find: (name: string) => byName.get(name), all: () => byName.values() };
  return resolvePackages(wanted, choice).map(({ name }) => name);
};

test('what is needed comes before what needs it', () => {
  expect(resolve(['a'], record('a', 'b, c'), record('b', 'c'), record('c'))).toEqual(['c', 'b', 'a']);
});

test('of alternatives the first that is there is taken', () => {
  expect(resolve(['a'], record('a', 'none | b | c'), record('b'), record('c'))).toEqual(['b', 'a']);
});

test('an alternative that is chosen anyway makes the first one needless', () => {
  expect(resolve(['a', 'c'], record('a', 'b | c'), record('b'), record('c'))).toEqual(['c', 'a']);
});

test('a name that no package has is met by one that provides it; a version only by one that says so', () => {
  const records = [record('mawk', '', 'awk'), record('gawk', '', 'awk (= 2.0)')];
  expect(resolve(['a'], record('a', 'awk'), ...records)).toEqual(['mawk', 'a']);
  expect(resolve(['a'], record('a', 'awk (>= 2)'), ...records)).toEqual(['gawk', 'a']);
});

test('a package that is too old does not count', () => {
  expect(resolve(['a'], record('a', 'b (>= 2) | c'), record('b', '', '', '1.9'), record('c'))).toEqual(['c', 'a']);
});

test('packages that need each other are both chosen', () => {
  expect(resolve(['a'], record('a', 'b'), record('b', 'a')).toSorted()).toEqual(['a', 'b']);
});

test('something that is needed and not there is told, and by whom it is needed', () => {
  expect(() => resolve(['a'], record('a', 'b | c (>= 3)'), record('c'))).toThrow('no package b or c, which a needs');
});

import { expect, test } from 'vitest';
import { RecordingHost } from '../../tests/recording-host.ts';
import { ERROR_PAGES } from './error-pages.ts';
import { explain } from './explain.ts';

test('the pages stand in alphabetical order, so that a new one has its place', () => {
  const codes = Object.keys(ERROR_PAGES);
  expect(codes).toEqual(codes.toSorted((a, b) => a.localeCompare(b)));
});

test('a page says what, why and what to try', () => {
  const host = new RecordingHost();
  explain('name-taken', host);
  expect(host.stdout).toBe(
    'name-taken: a running machine has that name already\n\n' +
      'Why    Names tell running machines apart.\n' +
      'Try    Choose another with --name, or end that machine: ringlet stop NAME\n',
  );
});

test('without a code every code is listed', () => {
  const host = new RecordingHost();
  explain(undefined, host);
  expect(host.stdout.trim().split('\n')).toHaveLength(Object.keys(ERROR_PAGES).length);
});

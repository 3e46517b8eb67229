import { expect, test } from 'vitest';
import { EXIT_CODES, ExitCode, exitCodeHelp, exitCodeOf } from './exit-code.ts';

test('every exit code is explained once, in order, and no two are alike', () => {
  const codes = EXIT_CODES.map(({ code }) => code);
  expect(codes).toEqual(Object.values(ExitCode).toSorted((a, b) => a - b));
  expect(new Set(codes).size).toBe(codes.length);
});

test('each way to end has its code', () => {
  expect(exitCodeOf({ reason: 'power-off', code: 0 })).toBe(0);
  expect(exitCodeOf({ reason: 'power-off', code: 77 })).toBe(1);
  expect(exitCodeOf({ reason: 'crash', message: 'boom' })).toBe(3);
  expect(exitCodeOf({ reason: 'reset' })).toBe(0);
  expect(exitCodeOf({ reason: 'killed' })).toBe(6);
});

test('the help text has a line for each code', () => {
  expect(exitCodeHelp().split('\n')).toHaveLength(EXIT_CODES.length + 1);
});

import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

test('a bare number is seconds', () => {
  expect(parseDuration('60', '--timeout')).toBe(60_000);
});

test('each unit counts as what it says', () => {
  const texts = ['500ms', '1.5s', '5m', '1h'];
  expect(texts.map((text) => parseDuration(text, '--timeout'))).toEqual([500, 1500, 300_000, 3_600_000]);
});

test.each(['', '0', '-5s', 'soon', '5 days', '25d', '1000h', 'NaN'])(
  '%j is refused with the flag it was for',
  (text) => {
    expect(() => parseDuration(text, '--timeout')).toThrow(/^--timeout: .* is not a duration$/);
  },
);

test('durations are shown as a clock from a minute on', () => {
  expect([400, 59_900, 125_000, 3_723_000].map(formatDuration)).toEqual(['0.4 s', '59.9 s', '2:05', '1:02:03']);
});

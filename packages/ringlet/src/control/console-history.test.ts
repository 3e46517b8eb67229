import { expect, test } from 'vitest';
import { ConsoleHistory } from './console-history.ts';

test('what was printed comes back in order', () => {
  const history = new ConsoleHistory();
  history.add('one ');
  history.add('two');
  expect(history.text()).toBe('one two');
});

test('only the end is kept, and many small pieces do not make it grow', () => {
  const history = new ConsoleHistory();
  for (let i = 0; i < 100_000; i++) history.add(`${i}\n`);
  expect(history.text()).toHaveLength(64 * 1024);
  expect(history.text().endsWith('99998\n99999\n')).toBe(true);
});

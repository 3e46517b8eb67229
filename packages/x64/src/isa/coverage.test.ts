import { expect, test } from 'vitest';
import { coveragePage } from './coverage.ts';

test('the page counts forms with a handler and names those without', () => {
  const page = coveragePage(new Set(['opAdd']));

  expect(page).toContain('| add | 00, 01, 02, 03, 04, 05, 80 /0, 81 /0, 82 /0, 83 /0 |');
  expect(page).toMatch(/\| adc \|.*\| not yet \|/);
  expect(page).toMatch(/^10 of \d+ forms\.$/m);
});

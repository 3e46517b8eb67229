import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { handlersOf } from '../../scripts/build.mjs';
import { coveragePage } from './coverage.ts';

test('the page counts forms with a handler and names those without', () => {
  const page = coveragePage(new Set(['opAdd']));

  expect(page).toContain('| add | 00, 01, 02, 03, 04, 05, 80 /0, 81 /0, 82 /0, 83 /0 |');
  expect(page).toMatch(/\| adc \|.*\| not yet \|/);
  expect(page).toMatch(/^10 of \d+ forms\.$/m);
});

// When this fails because the processor has learned something: npx vitest run --project unit packages/x64/src/isa --update
test('the page of the guide is of this processor, and every form has a handler', async () => {
  const page = coveragePage(new Set(handlersOf().keys()));

  expect(page).not.toContain('not yet');
  await expect(page).toMatchFileSnapshot(
    fileURLToPath(new URL('../../../../docs/guide/instructions.md', import.meta.url)),
  );
});

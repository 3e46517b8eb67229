import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { commandLinePage, errorsPage } from './guide-pages.ts';

const guide = (page: string): string => fileURLToPath(new URL(`../../../docs/guide/${page}`, import.meta.url));

// When one of these fails because the code has changed on purpose: npx vitest run packages/ringlet -u
test('the command-line reference says what the help says', async () => {
  await expect(commandLinePage()).toMatchFileSnapshot(guide('command-line.md'));
});

test('the page of errors has every code', async () => {
  await expect(errorsPage()).toMatchFileSnapshot(guide('errors.md'));
});

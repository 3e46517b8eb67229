import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { commandLinePage, errorsPage } from './guide-pages.ts';
import { limitsPage } from './limits-page.ts';
import { supportPage } from './support-page.ts';

const guide = (page: string): string => fileURLToPath(new URL(`../../../docs/guide/${page}`, import.meta.url));

// When one of these fails because the code has changed on purpose: npx vitest run packages/ringlet -u
test('the command-line reference says what the help says', async () => {
  await expect(commandLinePage()).toMatchFileSnapshot(guide('command-line.md'));
});

test('the page of errors has every code', async () => {
  await expect(errorsPage()).toMatchFileSnapshot(guide('errors.md'));
});

test('the page of limits has every bound that the sources name, with its value', async () => {
  await expect(limitsPage()).toMatchFileSnapshot(guide('limits.md'));
});

test('the page of what is supported is that of the tables', async () => {
  await expect(await supportPage()).toMatchFileSnapshot(guide('support.md'));
});

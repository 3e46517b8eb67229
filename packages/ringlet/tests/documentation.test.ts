/** What the documents promise: links that lead somewhere. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const guide = readdirSync(join(ROOT, 'docs/guide')).map((page) => join(ROOT, 'docs/guide', page));
const documents = [join(ROOT, 'README.md'), join(ROOT, 'CONTRIBUTING.md'), ...guide];

/** Links of a document that stay within the repository, code left out. */
function links(document: string): string[] {
  const text = readFileSync(document, 'utf8').replaceAll(/```[\s\S]*?```/g, '');
  const linked = [...text.matchAll(/\]\(([^)\s]+)\)/g), ...text.matchAll(/\{@includeCode ([^}\s]+)\}/g)];
  return linked.map((match) => match[1]!).filter((link) => !link.includes('://'));
}

/** The anchors of a document's headings. */
function anchors(document: string): string[] {
  const headings = readFileSync(document, 'utf8').matchAll(/^#+ (.+)$/gm);
  return [...headings].map((match) =>
    match[1]!
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  );
}

test.each(documents.map((document) => [relative(ROOT, document), document]))(
  'every link of %s leads somewhere',
  (_name, document) => {
    const broken = links(document).filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? document : join(dirname(document), path);
      return !existsSync(target) || (anchor !== undefined && !anchors(target).includes(anchor));
    });
    expect(broken).toEqual([]);
  },
);

test('every page of the guide can be reached from the README', () => {
  const seen = new Set<string>();
  const waiting = [join(ROOT, 'README.md')];
  for (let page = waiting.pop(); page !== undefined; page = waiting.pop()) {
    if (seen.has(page) || !page.endsWith('.md')) continue;
    seen.add(page);
    for (const link of links(page)) waiting.push(join(dirname(page), link.split('#')[0]!));
  }
  expect(guide.filter((page) => !seen.has(page))).toEqual([]);
});

test('the README opens with what it is and the two commands', () => {
  const first = readFileSync(join(ROOT, 'README.md'), 'utf8').split('\n').slice(0, 20).join('\n');
  expect(first).toContain('npm ci && npm start');
  expect(first).toContain('npm ci && npm test');
});

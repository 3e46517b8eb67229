/** What the documents promise: links that lead somewhere, and code that compiles. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const guide = readdirSync(join(ROOT, 'docs/guide')).map((page) => join(ROOT, 'docs/guide', page));
const documents = [join(ROOT, 'README.md'), join(ROOT, 'CONTRIBUTING.md'), ...guide];

const FORMAT: ts.FormatDiagnosticsHost = {
  getCurrentDirectory: () => ROOT,
  getCanonicalFileName: (file) => file,
  getNewLine: () => '\n',
};

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

test('every TypeScript block of the documents that stands alone compiles', () => {
  const blocks = documents.flatMap((document) => {
    const found = [...readFileSync(document, 'utf8').matchAll(/```ts\n(import [\s\S]*?)```/g)];
    return found.map((match, index) => ({ name: `${basename(document, '.md')}-${index}.ts`, text: match[1]! }));
  });
  expect(blocks.length).toBeGreaterThan(2);
  // Beside the examples, so that imports lead where a reader's would.
  const folder = mkdtempSync(join(ROOT, 'examples/.ringlet-documents-'));
  try {
    for (const { name, text } of blocks) writeFileSync(join(folder, name), text);
    cpSync(join(ROOT, 'examples/echo.ts'), join(folder, 'echo.ts'));
    const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.examples.json'), (path) => ts.sys.readFile(path)) as {
      config: object;
    };
    const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, ROOT);
    const files = blocks.map(({ name }) => join(folder, name));
    const program = ts.createProgram(files, { ...options, composite: false, incremental: false });
    const problems = files.flatMap((file) => ts.getPreEmitDiagnostics(program, program.getSourceFile(file)));
    expect(problems.map((problem) => ts.formatDiagnostic(problem, FORMAT))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);

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

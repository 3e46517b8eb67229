/**
 * Code in the documents is cut from files that tests run, and what programs print is what they print.
 *
 *     <!-- from: examples/arp.ts#adapter -->     the region of that name, or without one the whole file
 *     <!-- from: source.ts@NAME -->              the declaration, table row or test of that name
 *     <!-- prints: ringlet run guest.ts -->      standard output of that command, run from the repository
 *     <!-- lesson: 1 -->                         what `npm run lesson:ring -- 1` says
 *
 * The next fenced block is that. After a change: npx vitest run packages/ringlet/tests/code-in-documents.test.ts -u
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format, resolveConfig } from 'prettier';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { ringlet } from './launcher.ts';
import { ROOT, temporaryFolder } from './machines.ts';

const guide = readdirSync(join(ROOT, 'docs/guide')).map((page) => join(ROOT, 'docs/guide', page));
const documents = [join(ROOT, 'README.md'), join(ROOT, 'CONTRIBUTING.md'), ...guide];

const MARKED = /<!-- (from|prints|lesson): (.+?) -->\n\n```(\w+)\n([\s\S]*?)```\n/g;

/** A region of a source, moved to the left margin; its comments that mark other regions are left out. */
function cut(reference: string): string {
  if (reference.includes('@')) return named(...(reference.split('@') as [string, string]));
  const [path = '', region] = reference.split('#');
  let lines = readFileSync(join(ROOT, path), 'utf8').trimEnd().split('\n');
  if (region !== undefined) {
    const start = lines.findIndex((line) => line.trim() === `// #region ${region}`);
    const end = lines.findIndex((line, i) => i > start && line.trim() === '// #endregion');
    if (start < 0 || end < 0) throw new Error(`${path} has no region ${region}`);
    lines = lines.slice(start + 1, end);
  }
  const kept = lines.filter((line) => !/^\s*\/\/ #(end)?region\b/.test(line));
  const margin = Math.min(...kept.filter((line) => line !== '').map((line) => /^ */.exec(line)![0].length));
  return kept.map((line) => `${line.slice(margin)}\n`).join('');
}

/** A variable, a call of a test whose name begins so, or a call that is given an object of that name. */
function named(path: string, name: string): string {
  const file = ts.createSourceFile(path, readFileSync(join(ROOT, path), 'utf8'), ts.ScriptTarget.Latest, true);
  let found: ts.Node | undefined;
  const isIt = (node: ts.Node): boolean => {
    if (ts.isVariableStatement(node)) return node.declarationList.declarations[0]?.name.getText() === name;
    if (!ts.isCallExpression(node)) return false;
    const [first] = node.arguments;
    if (first === undefined) return false;
    if (ts.isStringLiteral(first)) return first.text.startsWith(name);
    return ts.isObjectLiteralExpression(first) && first.properties.some((each) => each.getText() === `name: '${name}'`);
  };
  const look = (node: ts.Node): void => {
    if (found === undefined && isIt(node)) found = node;
    node.forEachChild(look);
  };
  look(file);
  if (found === undefined) throw new Error(`${path} has nothing called ${name}`);
  return found.getText();
}

/** As prettier leaves code in documents. */
async function formatted(code: string, language: string): Promise<string> {
  const parser = language === 'yaml' ? 'yaml' : 'typescript';
  return format(code, { ...(await resolveConfig(join(ROOT, 'package.json'))), parser });
}

async function content(kind: string, what: string, language: string): Promise<string> {
  if (kind === 'from') return formatted(cut(what), language);
  if (kind === 'prints') return (await ringlet(temporaryFolder(), ...what.split(' ').slice(1))).stdout;
  const { lesson } = (await import(
    /* @vite-ignore */ pathToFileURL(join(ROOT, 'packages/vmbus/tests/break-the-ring.ts')).href
  )) as { lesson: (number?: number) => Promise<string> };
  return lesson(what === 'all' ? undefined : Number(what));
}

test.each(documents.map((document) => [relative(ROOT, document), document]))(
  'what %s shows is what is run',
  async (_name, document) => {
    const text = readFileSync(document, 'utf8');
    let made = '';
    let at = 0;
    for (const match of text.matchAll(MARKED)) {
      const [whole, kind, what, language] = match;
      made += text.slice(at, match.index);
      made += `<!-- ${kind}: ${what} -->\n\n\`\`\`${language}\n${await content(kind!, what!, language!)}\`\`\`\n`;
      at = match.index + whole.length;
    }
    await expect(made + text.slice(at)).toMatchFileSnapshot(document);
  },
);

test('no document has TypeScript or YAML that is not cut from a file', () => {
  const loose = documents.flatMap((document) => {
    const text = readFileSync(document, 'utf8').replaceAll(MARKED, '');
    return [...text.matchAll(/^```(?:ts|yaml)\n(.*)$/gm)].map((match) => `${relative(ROOT, document)}: ${match[1]}`);
  });
  expect(loose).toEqual([]);
});

test('the threat model names tests that there are', () => {
  const page = join(ROOT, 'docs/guide/threat-model.md');
  const claims = [...readFileSync(page, 'utf8').matchAll(/\]\((\S+\.test\.ts)\): “([^”]+)”/g)];
  expect(claims.length).toBeGreaterThan(15);
  const missing = claims.filter(([, path, name]) => {
    const source = readFileSync(join(dirname(page), path!), 'utf8');
    return !source.includes(name!) && !source.includes(name!.replaceAll('’', String.raw`\'`));
  });
  expect(missing.map(([, , name]) => name)).toEqual([]);
});

test.each(['one-disk-read.md', 'contracts.md', 'write-a-vsc.md', 'write-a-hypercall.md'])(
  'what %s names is in the files that it links there',
  (page) => {
    const path = join(ROOT, 'docs/guide', page);
    const text = readFileSync(path, 'utf8').replaceAll(/```[\s\S]*?```/g, '');
    const unknown = text.split(/\n\n(?=\S)|\n(?=\d+\. )/).flatMap((paragraph) => {
      const linked = [...paragraph.matchAll(/\]\((\.\.\/\S+?\.ts)\)/g)].map((match) => match[1]!);
      if (linked.length === 0) return [];
      const sources = linked.map((link) => readFileSync(join(dirname(path), link), 'utf8')).join('\n');
      const names = [...paragraph.matchAll(/`([a-z][a-zA-Z]+)(?:\(\w*\))?`/g)].map((match) => match[1]!);
      return names.filter((name) => !new RegExp(String.raw`\b${name}\b`).test(sources));
    });
    expect(unknown).toEqual([]);
  },
);

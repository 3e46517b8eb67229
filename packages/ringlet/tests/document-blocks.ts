/** The documents, their fenced blocks, and the comment before each that says how a test keeps it true. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from './machines.ts';

const pages = (folder: string): string[] => readdirSync(join(ROOT, folder)).map((page) => `${folder}/${page}`);

/** Everything that people read, by its path in the repository. */
export const DOCUMENTS: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  ...pages('docs/guide'),
  ...pages('packages')
    .map((folder) => `${folder}/README.md`)
    .filter((path) => existsSync(join(ROOT, path))),
];

/** A fenced block. */
export interface Block {
  readonly document: string;
  /** Of its first line, from 1. */
  readonly line: number;
  /** `sh`, `console`, `text`…; empty when the fence does not say. */
  readonly language: string;
  readonly text: string;
  /** The comment before it: `<!-- typed: clone -->` is `typed` and `clone`. */
  readonly mark?: { readonly kind: string; readonly what: string };
}

const BLOCK = /(?:^[ ]*<!-- ([a-z ]+): (.+?) -->\n\n)?^([ ]*)```([^\n]*)\n([\s\S]*?)^\3```$/gm;

/** The text of a document. */
export const textOf = (document: string): string => readFileSync(join(ROOT, document), 'utf8');

/** The blocks of a document, in their order. */
export function blocksOf(document: string): Block[] {
  const source = textOf(document);
  return [...source.matchAll(BLOCK)].map((match) => {
    const [whole, kind, what, margin = '', language = '', text = ''] = match;
    const fence = match.index + whole.indexOf('```');
    return {
      document: relative('.', document),
      line: source.slice(0, fence).split('\n').length,
      language,
      text: text.replaceAll(new RegExp(`^${margin}`, 'gm'), ''),
      ...(kind === undefined || what === undefined ? {} : { mark: { kind, what } }),
    };
  });
}

/** Every block of every document. */
export const allBlocks = (): Block[] => DOCUMENTS.flatMap(blocksOf);

/** The blocks that are typed in one place, in the order of the documents. */
export function typedIn(place: string): Block[] {
  return allBlocks().filter(({ mark }) => mark?.kind === 'typed' && mark.what === place);
}

/** A line that is typed, and what the block shows of its output, up to the next. */
export interface TypedCommand {
  readonly where: string;
  readonly line: string;
  readonly shown: readonly string[];
}

const PROMPT = /^(?:\$|\(gdb\)) /;

/** What somebody types who follows a block: all lines of `sh`, those after `$ ` or gdb's prompt of others. */
export function commandsOf({ document, line, language, text }: Block): TypedCommand[] {
  const found: { where: string; line: string; shown: string[] }[] = [];
  for (const [index, row] of text.trimEnd().split('\n').entries()) {
    const where = `${document}:${line + 1 + index}`;
    if (language === 'sh') found.push({ where, line: row, shown: [] });
    else if (PROMPT.test(row)) found.push({ where, line: row.replace(PROMPT, ''), shown: [] });
    else found.at(-1)?.shown.push(row);
  }
  return found.filter((each) => each.line.trim() !== '');
}

/**
 * The first line that a document shows and that was not said, in this order; numbers and how they are aligned are not compared,
 * and `…` stands for anything, alone on its line for any lines. `undefined` when it is all there.
 */
export function notSaid(shown: readonly string[], said: string): string | undefined {
  const lines = said
    .split(/\r*\n/)
    .map(plain)
    .filter((line) => line !== '');
  let at = 0;
  let gap = true;
  for (const row of shown) {
    if (row === '…') gap = true;
    if (row === '…' || row.trim() === '') continue;
    const pattern = new RegExp(`^${plain(row).split('…').map(literal).join('.*')}$`);
    const found = lines.findIndex((line, index) => index >= at && pattern.test(line));
    if (found < 0 || (!gap && found !== at)) return row;
    at = found + 1;
    gap = false;
  }
  return undefined;
}

/** A line with one 0 for each number, and one blank where there are several, or none, around it. */
const plain = (line: string): string =>
  line
    .replaceAll(/\s*(?:0x[0-9a-f]+|\d+(?:\.\d+)*)\s*/g, ' 0 ')
    .replaceAll(/\s+/g, ' ')
    .trim();

const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);

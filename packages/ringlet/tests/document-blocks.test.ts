/**
 * Every block of the documents is kept true by a test, and says by which. TypeScript, YAML and what programs print:
 * `code-in-documents.test.ts`. What is typed into a shell has one of these comments before it:
 *
 *     <!-- typed: PLACE -->      each of its lines is typed by a test, and must go well; of a console block, what it shows is
 *                                what the command says: numbers aside, and `…` stands for anything
 *     <!-- parsed: REASON -->    cannot be typed by a test, for this reason: its commands are only looked at, by ringlet's own
 *                                parser and by what there is in the repository
 *     <!-- from: FILE#REGION --> cut from a script that a test runs
 *
 * The places: {@link PLACES}. Blocks of `text` are drawings and what programs have printed; they need no comment.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isCommand, wrongWith, wrongWithRinglet } from './command-check.ts';
import { allBlocks, type Block, commandsOf, DOCUMENTS, textOf } from './document-blocks.ts';
import { ROOT } from './machines.ts';
import { shellCommands } from './shell-words.ts';

/** Where blocks are typed, and by which test. */
const PLACES: Readonly<Record<string, string>> = {
  // An empty folder beside the examples of a clone.
  clone: 'documents.guests.test.ts',
  // The same, before, while, and at the end of what is typed while a Debian called web, or debian, runs.
  'debian image': 'documents.guests.test.ts',
  debian: 'documents.guests.test.ts',
  'after debian': 'documents.guests.test.ts',
  // Inside that Debian.
  'in debian': 'documents.guests.test.ts',
  // At the top of the repository.
  repository: 'documents.guests.test.ts',
  // Beside gdb's prompt, and what leads there.
  gdb: 'documents.guests.test.ts',
};

const SHELL = ['sh', 'console'];
/** Comments that {@link allBlocks} finds before a block, and the test that makes them true. */
const KINDS = ['typed', 'parsed', 'from', 'prints', 'lesson'];

const place = ({ document, line }: Block): string => `${document}:${line}`;

test('each block of the documents says by which test it is kept true', () => {
  const loose = allBlocks().filter(({ language, mark }) => {
    if (mark !== undefined) return !KINDS.includes(mark.kind);
    // Drawings, and what programs have printed.
    return language !== 'text';
  });
  expect(
    loose.map(place),
    'a block needs a comment before it, such as <!-- typed: clone -->, that says how it is checked: which there are, stands at the top of packages/ringlet/tests/document-blocks.test.ts',
  ).toEqual([]);
});

test('places and reasons are such', () => {
  const strange = allBlocks().filter(({ mark, language }) => {
    if (mark?.kind === 'typed') return !(SHELL.includes(language) || mark.what === 'gdb') || !(mark.what in PLACES);
    if (mark?.kind === 'parsed') return !SHELL.includes(language) || mark.what.split(' ').length < 3;
    return false;
  });
  expect(strange.map(place)).toEqual([]);
  for (const file of Object.values(PLACES)) expect(existsSync(join(ROOT, 'packages/ringlet/tests', file))).toBe(true);
});

test('every command of the documents can be parsed, and names what there is', async () => {
  const wrong: string[] = [];
  for (const block of allBlocks().filter(({ language }) => SHELL.includes(language))) {
    const commands = commandsOf(block);
    if (commands.length === 0) wrong.push(`${place(block)}: no command in it; a console block has "$ " before each`);
    for (const { where, line } of commands) {
      for (const words of shellCommands(line)) {
        const problem = await wrongWith(words);
        if (problem !== undefined) wrong.push(`${where}: ${line}: ${problem}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});

test('every command that a text mentions, and every example of the help, can be parsed', async () => {
  const wrong: string[] = [];
  const examples = textOf('docs/guide/command-line.md').matchAll(/^ {2}\$ (.*?)(?: {2,}.*)?$/gm);
  for (const [, line] of examples) {
    for (const words of shellCommands(line!)) {
      const problem = await wrongWith(words);
      if (problem !== undefined) wrong.push(`command-line.md: ${line}: ${problem}`);
    }
  }
  for (const document of DOCUMENTS.filter((path) => !path.endsWith('command-line.md'))) {
    const text = textOf(document).replaceAll(/```[\s\S]*?```/g, '');
    for (const [, code] of text.matchAll(/`((?:npx )?ringlet [^`]+)`/g)) {
      for (const words of shellCommands(code!.replaceAll('\n', ' '))) {
        const rest = words.slice(words.indexOf('ringlet') + 1);
        const problem = rest.includes('…') || isCommand(rest) ? undefined : await wrongWithRinglet(rest);
        if (problem !== undefined) wrong.push(`${document}: ${code}: ${problem}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});

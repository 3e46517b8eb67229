/**
 * Control files, the text format of Debian's package lists (deb822): stanzas of `Field: value`, blank lines between them,
 * continuation lines that start with a blank.
 */
import { UserError } from '@ringlet/wire';

/** Fields of a stanza by their names in lower case. Lines of a long value are joined by newlines. */
export type Stanza = ReadonlyMap<string, string>;

/** The longest line of a package list; relations of packages with thousands of names stay well below it. */
const LONGEST_LINE = 1 << 20;
const MOST_LINES_IN_STANZA = 200_000;

/** Reads stanzas one by one from text that arrives in pieces. @throws UserError `index-damaged` */
export async function* readStanzas(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Stanza, void> {
  let lines: string[] = [];
  for await (const line of linesOf(pieces)) {
    if (line.trim() !== '') {
      if (lines.push(line) > MOST_LINES_IN_STANZA) throw damagedIndex('a stanza has no end');
      continue;
    }
    if (lines.length > 0) yield stanzaOf(lines);
    lines = [];
  }
  if (lines.length > 0) yield stanzaOf(lines);
}

/** The error for a list that is not one. */
export function damagedIndex(what: string): UserError {
  return new UserError('index-damaged', `the package list cannot be used: ${what}`, {
    hint: 'try again, or another --mirror',
  });
}

async function* linesOf(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
    rest = lines.pop()!;
    if (rest.length > LONGEST_LINE) throw damagedIndex('a line has no end');
    yield* lines;
  }
  if (rest !== '') yield rest;
}

function stanzaOf(lines: readonly string[]): Stanza {
  const fields = new Map<string, string[]>();
  let current: string[] | undefined;
  for (const line of lines) {
    if (line.startsWith(' ') || line.startsWith('\t')) {
      if (current === undefined) throw damagedIndex('a stanza starts with a continuation');
      current.push(line.trim());
      continue;
    }
    const colon = line.indexOf(':');
    if (colon < 1) throw damagedIndex('a line is no field');
    current = [line.slice(colon + 1).trim()];
    fields.set(line.slice(0, colon).toLowerCase(), current);
  }
  return new Map([...fields].map(([name, values]) => [name, values.join('\n')]));
}

/**
 * A tree of plain data as text for people: two spaces a level, names padded so that values stand below each other.
 *
 *     partition
 *       state   active
 *       memory  nodePages 25600, freePages 12
 *       vps
 *         …
 */

/** How a tree is shown. */
export interface TextOptions {
  /** Levels that are shown; what is deeper is counted. */
  readonly depth?: number;
  /** What is said behind a value, by its path. */
  readonly note?: (path: string, value: unknown) => string;
}

/** Small objects of plain values are one line: so many values, so many characters. */
const MOST_INLINE = 4;
const LONGEST_INLINE = 90;

const ALL: Required<TextOptions> = { depth: Infinity, note: () => '' };

/** The text, lines each ended by a newline. */
export function inspectionText(tree: unknown, options: TextOptions = {}): string {
  const shown = { ...ALL, ...options };
  if (!isTree(tree)) return `${leaf(tree)}${shown.note('', tree)}\n`;
  return linesOf(tree, '', 0, shown)
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

function linesOf(tree: object, path: string, level: number, options: Required<TextOptions>): string[] {
  const entries = Object.entries(tree).filter(([, value]) => value !== undefined);
  const inline = new Map(
    entries.flatMap(([name, value]): [string, string][] => {
      const text = isTree(value) ? inlined(value, path === '' ? name : `${path}/${name}`, options) : undefined;
      return text === undefined ? [] : [[name, text]];
    }),
  );
  const simple = entries.filter(([name, value]) => !isTree(value) || inline.has(name));
  const width = Math.min(24, Math.max(0, ...simple.map(([name]) => name.length)));
  const indent = '  '.repeat(level);
  return entries.flatMap(([name, value]) => {
    const below = path === '' ? name : `${path}/${name}`;
    if (!isTree(value))
      return [`${indent}${printable(name).padEnd(width)}  ${leaf(value)}${options.note(below, value)}`];
    const text = inline.get(name);
    if (text !== undefined) return [`${indent}${printable(name).padEnd(width)}  ${text}`];
    if (level + 1 < options.depth) return [`${indent}${printable(name)}`, ...linesOf(value, below, level + 1, options)];
    const count = Object.keys(value).length;
    return [`${indent}${printable(name)}  … ${count} ${count === 1 ? 'part' : 'parts'}`];
  });
}

/** A small object of plain values in one line, or `undefined`. */
function inlined(tree: object, path: string, options: Required<TextOptions>): string | undefined {
  if (Array.isArray(tree)) return undefined;
  const entries = Object.entries(tree).filter(([, value]) => value !== undefined);
  if (entries.length > MOST_INLINE || entries.some(([, value]) => typeof value === 'object' && value !== null))
    return undefined;
  const text = entries
    .map(
      ([name, value]) =>
        `${printable(name)} ${leaf(value)}${options.note(`${path}/${name}`, value).replace('  ', ' ')}`,
    )
    .join(', ');
  return text.length > LONGEST_INLINE ? undefined : text;
}

/** Whether a value gets lines of its own: an object that is not empty, or an array of such. */
function isTree(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) ? value.some(isTree) : Object.keys(value).length > 0;
}

function leaf(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(leaf).join(' ');
  if (value === null || value === '') return '-';
  if (typeof value === 'object') return 'none';
  return printable(String(value as string | number | boolean));
}

/** What a guest chose must not move the terminal's cursor: everything but printable characters is escaped. */
const printable = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (each) => `\\x${each.charCodeAt(0).toString(16).padStart(2, '0')}`);

/**
 * Notes on what has changed between two looks: of a number, by how much a second.
 *
 * @param seconds - between the looks
 */
export function changes(before: unknown, seconds: number): (path: string, value: unknown) => string {
  return (path, value) => {
    const old = at(before, path);
    if (old === undefined || old === value) return '';
    if (typeof old !== 'number' || typeof value !== 'number') return isTree(old) || Array.isArray(value) ? '' : '  *';
    const rate = (value - old) / seconds;
    const digits = Math.abs(rate) < 10 ? 1 : 0;
    return `  ${rate > 0 ? '+' : ''}${rate.toFixed(digits)}/s`;
  };
}

function at(tree: unknown, path: string): unknown {
  if (path === '') return tree;
  let here = tree;
  // Names have slashes where a path with wildcards was asked for: the longest that is there counts.
  let rest = path;
  while (rest !== '') {
    if (typeof here !== 'object' || here === null) return undefined;
    const name = Object.keys(here).find((key) => rest === key || rest.startsWith(`${key}/`));
    if (name === undefined) return undefined;
    here = (here as Record<string, unknown>)[name];
    rest = rest.slice(name.length + 1);
  }
  return here;
}

/**
 * Paths into a tree of plain data, such as `vmbus/channels/3/state`. A step may have wildcards: `*` stands for any
 * characters within a name, and a step `**` for any number of steps, also none. A path with wildcards gives an object
 * with everything that it leads to, by path.
 */
import { UserError } from '@ringlet/wire';
import { nearMiss } from '../configuration/near-miss.ts';

/** How many paths a hint names at most. */
const MOST_SUGGESTED = 5;
/** How deep a tree is looked into at most: far more than any has. */
const MOST_STEPS = 32;

/**
 * The part of a tree at a path.
 *
 * @throws UserError `no-such-path` when nothing is there; its hint has what somebody may have meant
 */
export function partAt(tree: unknown, path: string): unknown {
  const steps = path.split('/').filter((step) => step !== '');
  if (!steps.some((step) => step.includes('*'))) return exactly(tree, steps, path);
  const found = new Map<string, unknown>();
  collect(tree, steps, [], found);
  if (found.size === 0) throw missing(tree, steps, path);
  return Object.fromEntries(found);
}

function exactly(tree: unknown, steps: readonly string[], path: string): unknown {
  let at = tree;
  for (const step of steps) {
    if (!names(at).includes(step)) throw missing(tree, steps, path);
    at = (at as Record<string, unknown>)[step];
  }
  return at;
}

function collect(at: unknown, steps: readonly string[], taken: readonly string[], found: Map<string, unknown>): void {
  const [step, ...rest] = steps;
  if (step === undefined) return void found.set(taken.join('/'), at);
  if (taken.length > MOST_STEPS) return;
  if (step === '**') collect(at, rest, taken, found);
  const onwards = step === '**' ? steps : rest;
  for (const name of names(at)) {
    if (matches(name, step)) collect((at as Record<string, unknown>)[name], onwards, [...taken, name], found);
  }
}

/** Names of what is directly below; only objects and arrays have something below them. */
const names = (at: unknown): string[] => (typeof at === 'object' && at !== null ? Object.keys(at) : []);

/** Whether a name fits a step, whose only special character is `*`. Takes no longer than their lengths multiplied. */
function matches(name: string, step: string): boolean {
  const [first = '', ...pieces] = step.split('*');
  if (pieces.length === 0) return name === step;
  const last = pieces.pop()!;
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  let at = first.length;
  for (const piece of pieces) {
    const found = name.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= name.length - last.length;
}

function missing(tree: unknown, steps: readonly string[], path: string): UserError {
  return new UserError('no-such-path', `there is nothing at ${path}`, { hint: hint(tree, steps) });
}

/** What was probably meant: the rest of the path somewhere else, or a name that is nearly that of the first wrong step. */
function hint(tree: unknown, steps: readonly string[]): string {
  const elsewhere = new Map<string, unknown>();
  collect(tree, ['**', ...steps], [], elsewhere);
  if (elsewhere.size > 0) {
    const wild = steps.some((step) => step.includes('*'));
    const general = [...elsewhere.keys()].map((found) => (wild ? withSteps(found, steps) : found));
    return `did you mean ${some([...new Set(general)])}?`;
  }
  let at = tree;
  const good: string[] = [];
  for (const step of steps) {
    const here = names(at);
    const [next] = here.filter((name) => matches(name, step));
    if (next !== undefined) {
      at = (at as Record<string, unknown>)[next];
      good.push(next);
      continue;
    }
    // Numbers are all near each other.
    const meant = /^\d+$/.test(step) ? undefined : nearMiss(step, here);
    if (meant !== undefined) return `did you mean ${[...good, meant].join('/')}?`;
    const where = good.length === 0 ? 'there are' : `in ${good.join('/')} there are`;
    return here.length === 0 ? `${good.join('/')} has no parts` : `${where}: ${here.join(', ')}`;
  }
  return 'ringlet inspect without a path shows everything';
}

/** The place that was found, with the wildcards that led there. */
const withSteps = (found: string, steps: readonly string[]): string =>
  [...found.split('/').slice(0, -steps.length), ...steps].join('/');

const some = (paths: readonly string[]): string =>
  paths.length <= MOST_SUGGESTED
    ? paths.join(', ')
    : `${paths.slice(0, MOST_SUGGESTED).join(', ')} or another ${paths.length - MOST_SUGGESTED}`;

/**
 * What a device is told, checked against what its class declares. Runs in the thread that makes the device, so that the
 * command line, machine files and the library are checked by the same code, and no validator is loaded for devices
 * without options.
 */
import { relative } from 'node:path';
import type { DeviceOptionsSchema, OptionsIssue, VspClass } from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import { nearMiss } from './near-miss.ts';
import { type OptionPlaces, placeOfOption } from './option-places.ts';

/** Values for the options of one device. */
export interface GivenOptions {
  readonly values: Readonly<Record<string, unknown>>;
  /** The values are words of a command line: "5" may mean the number, "true" the truth. */
  readonly asText: boolean;
  /** Where they are written, when that is a file. */
  readonly places?: OptionPlaces;
}

/** The declared options of what a device file exports; `undefined` when it declares none. */
export function optionsOf(Device: unknown): DeviceOptionsSchema | undefined {
  const { options } = (Device ?? {}) as Partial<VspClass>;
  return typeof options?.['~standard']?.validate === 'function' ? options : undefined;
}

/** What a device's constructor is given. @throws UserError `device-options-invalid` */
export function checkedOptions(file: string, Device: unknown, given: GivenOptions): unknown {
  const schema = optionsOf(Device);
  const names = Object.keys(given.values);
  if (schema === undefined) {
    const [first] = names;
    if (first === undefined) return undefined;
    const what = `it has no options, and was given "${names.join('", "')}"`;
    throw refusal(file, [{ place: given.places?.names[first], what }]);
  }
  const known = Object.keys(schema.shape ?? {});
  const unknown = schema.shape === undefined ? [] : names.filter((name) => !known.includes(name));
  const values = Object.fromEntries(Object.entries(given.values).filter(([name]) => !unknown.includes(name)));
  const result = given.asText ? validateText(file, schema, values) : validate(file, schema, values);
  const mistakes = [
    ...unknown.map((name) => ({
      place: given.places?.names[name],
      what: `"${name}" is not an option of it; ${suggestion(name, known)}`,
    })),
    ...(result.issues ?? []).map((issue) => ({
      place: given.places && placeOfOption(given.places, pathOf(issue)),
      what: describe(issue, values),
    })),
  ];
  if (mistakes.length > 0) throw refusal(file, mistakes);
  return (result as { value: unknown }).value;
}

/** What is wrong with the options, and where that is written. */
interface Mistake {
  readonly place: string | undefined;
  readonly what: string;
}

function suggestion(name: string, known: readonly string[]): string {
  const meant = nearMiss(name, known);
  if (meant !== undefined) return `did you mean "${meant}"?`;
  return known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`;
}

function validate(file: string, schema: DeviceOptionsSchema, values: Record<string, unknown>) {
  const result = schema['~standard'].validate(values);
  if (!(result instanceof Promise)) return result;
  result.catch(() => {});
  throw new UserError('device-invalid', `${file} checks its options asynchronously: a device cannot wait`);
}

/** Takes each word for what its option wants: as text if it will have it, else as what the text says. */
function validateText(file: string, schema: DeviceOptionsSchema, words: Record<string, unknown>) {
  const values = { ...words };
  const issuesOf = (name: string): readonly OptionsIssue[] =>
    (validate(file, schema, values).issues ?? []).filter((issue) => nameOf(issue) === name);
  for (const [name, word] of Object.entries(words)) {
    if (issuesOf(name).length === 0) continue;
    // When none will do, the one of the right kind is shown: of "0" that it is too small, not that it is no number.
    let best = word;
    for (const reading of readingsOf(word)) {
      values[name] = reading;
      const issues = issuesOf(name);
      if (!issues.some(isWrongKind)) best = reading;
      if (issues.length === 0) break;
    }
    values[name] = best;
  }
  return validate(file, schema, values);
}

/** Schema libraries that give their issues codes call this one so. */
const isWrongKind = (issue: OptionsIssue): boolean => (issue as { readonly code?: string }).code === 'invalid_type';

/** What a word of a command line may stand for. */
function readingsOf(word: unknown): unknown[] {
  // An option that was given several times: all of them are read alike.
  if (Array.isArray(word)) return [word.map(Number)];
  if (typeof word !== 'string') return [];
  const readings: unknown[] = [];
  if (word === 'true' || word === 'false') readings.push(word === 'true');
  if (word.trim() !== '' && Number.isFinite(Number(word))) readings.push(Number(word));
  if (/^-?\d+$/.test(word)) readings.push(BigInt(word));
  return [...readings, ...[word, ...readings].map((one) => [one])];
}

const nameOf = (issue: OptionsIssue): string => pathOf(issue)[0] ?? '';

const pathOf = ({ path = [] }: OptionsIssue): string[] => path.map((part) => String(partOf(part)));

const partOf = (part: PropertyKey | { readonly key: PropertyKey }): PropertyKey =>
  typeof part === 'object' ? part.key : part;

function describe(issue: OptionsIssue, values: Readonly<Record<string, unknown>>): string {
  const path = pathOf(issue);
  const message = issue.message.replace(/^Invalid input: /, '');
  if (path.length === 0) return message;
  const given = values[path[0]!];
  const got = given === undefined ? 'it is missing' : `it was given ${show(given)}`;
  return `option "${path.join('.')}": ${message}; ${got}`;
}

const show = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part)).slice(0, 80);

function refusal(file: string, mistakes: readonly Mistake[]): UserError {
  const inside = relative(process.cwd(), file);
  const shown = inside.startsWith('..') ? file : inside;
  const lines = mistakes.map(({ place, what }) => `${place === undefined ? '' : `${place}: `}${shown}: ${what}`);
  return new UserError('device-options-invalid', lines.join('\n'), {
    hint: `ringlet device ${shown} lists its options`,
  });
}

/**
 * `machine.yaml`: reads it, checks it, and says of each mistake where it is (file:line:column), at which path, and what
 * was expected. Paths inside the file are relative to the file.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UserError } from '@ringlet/wire';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import {
  DEVICE_KEYS,
  DISK_KEYS,
  MACHINE_KEYS,
  MEMORY_KEYS,
  NETWORK_KEYS,
  type MachineFields,
  OneMachine,
  SeveralMachines,
} from './machine-schema.ts';
import { withGdbPath } from './gdb-flag.ts';
import { nearMiss } from './near-miss.ts';
import { type OptionPlaces, optionPlaces } from './option-places.ts';
import { withPaths as networkWithPaths } from './network-fields.ts';
import type { DeviceOption, DiskOption, MachineOptions } from './options.ts';

/** Far more than a machine needs; keeps a wrong file from being read into memory. */
const MOST_BYTES = 1024 * 1024;
/** Mistakes shown at once: enough to mend a file in one go. */
const MOST_MISTAKES = 10;

type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

/** Whether `path` names a machine file rather than a guest. */
export const isMachineFile = (path: string): boolean => /\.ya?ml$/i.test(path);

/** Reads the machines of a file, in the order in which they stand. @throws UserError `machine-file-…`. */
export function readMachineFile(path: string): MachineOptions[] {
  let source: string;
  try {
    const size = statSync(path).size;
    if (size > MOST_BYTES) {
      throw new UserError('machine-file-too-large', `${path} holds ${size} bytes: no machine file is that large`);
    }
    source = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError('machine-file-unreadable', `cannot read ${path}: ${reason(cause)}`, {
      hint: 'check the path; it is relative to the directory you are in',
      cause,
    });
  }
  return parseMachineFile(source, path);
}

/** Checks the text of a machine file. `path` is shown in errors, and its directory is where relative paths start. */
export function parseMachineFile(source: string, path: string): MachineOptions[] {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    const mistakes = document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`);
    throw refusal('machine-file-syntax', mistakes, 'the file is not well-formed YAML');
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw new UserError('machine-file-syntax', `${path}: ${reason(cause)}`, { cause });
  }

  const several = isMap(document.contents) && document.contents.has('machines');
  const result = (several ? SeveralMachines : OneMachine).safeParse(value);
  if (!result.success) {
    const mistakes = result.error.issues.flatMap((issue) => explain(document, issue, [], at));
    throw refusal('machine-file-invalid', mistakes, 'ringlet schema prints every setting');
  }
  const machines: [base: Path, machine: MachineFields][] =
    'machines' in result.data
      ? Object.entries(result.data.machines).map(([name, machine]) => [
          ['machines', name],
          Object.assign({ name }, machine),
        ])
      : [[[], result.data]];
  return machines.map(([base, machine]) =>
    withPaths(machine, dirname(resolve(path)), (index) => optionPlaces(document, [...base, 'devices', index], at)),
  );
}

/** One line for each mistake of an issue. `base` is the path of the value that the issue's own path starts from. */
function explain(document: Document, issue: Issue, base: Path, at: (offset: number) => string): string[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'invalid_union') {
    const branch = likelyBranch(issue.errors);
    if (branch !== undefined) return branch.flatMap((inner) => explain(document, inner, path, at));
  }
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const known = settingsAt(path);
      const meant = nearMiss(key, known);
      const guess = meant === undefined ? `known are ${known.join(', ')}` : `did you mean "${meant}"?`;
      return `${at(keyOffset(document, path, key))}: ${show([...path, key])} is not a setting; ${guess}`;
    });
  }
  if (issue.code === 'invalid_key') {
    const key = String(issue.path.at(-1));
    const expected = issue.issues[0]?.message ?? issue.message;
    return [`${at(keyOffset(document, path.slice(0, -1), key))}: ${show(path)}: expected ${expected}`];
  }
  const found = document.getIn(path, true);
  const missing = found === undefined && path.length > 0;
  const where = at(isNode(found) ? (found.range?.[0] ?? 0) : parentOffset(document, path));
  const got = missing ? ', and it is missing' : isScalar(found) ? `, not ${JSON.stringify(found.value)}` : '';
  return [`${where}: ${show(path)}: expected ${issue.message}${got}`];
}

/** What can be set at a path. */
function settingsAt(path: Path): readonly string[] {
  if (path.includes('disks')) return DISK_KEYS;
  if (path.includes('networks')) return NETWORK_KEYS;
  if (path.includes('memory')) return MEMORY_KEYS;
  return path.includes('devices') ? DEVICE_KEYS : MACHINE_KEYS;
}

/** Of a union's branches, the one whose own kind fits: its mistakes lie deeper than the value itself. */
function likelyBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  return branches.find((issues) => !issues.some((issue) => issue.path.length === 0 && issue.code === 'invalid_type'));
}

/** Offset of a key in the mapping at `path`. */
function keyOffset(document: Document, path: Path, key: string): number {
  const map = path.length === 0 ? document.contents : document.getIn(path, true);
  if (!isMap(map)) return 0;
  const pair = map.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
  return isNode(pair?.key) ? (pair.key.range?.[0] ?? 0) : 0;
}

/** Offset of the nearest enclosing thing that does exist. */
function parentOffset(document: Document, path: Path): number {
  for (let length = path.length - 1; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node)) return node.range?.[0] ?? 0;
  }
  return document.contents?.range?.[0] ?? 0;
}

function show(path: Path): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text === '' ? 'the file' : text.replace(/^\./, '');
}

function refusal(code: string, mistakes: readonly string[], hint: string): UserError {
  const shown = mistakes.slice(0, MOST_MISTAKES);
  if (mistakes.length > shown.length) shown.push(`… and ${mistakes.length - shown.length} more`);
  return new UserError(code, shown.join('\n'), { hint });
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** @param placesOf - where the options of a device are written */
function withPaths(
  machine: MachineFields,
  directory: string,
  placesOf: (device: number) => OptionPlaces | undefined,
): MachineOptions {
  const { disks, networks, devices, guest, kernel, initrd, append, gdb, memory, ...rest } = machine;
  const paths = Object.entries(present({ guest, kernel, initrd })).map(([key, path]) => [
    key,
    resolve(directory, path),
  ]);
  const options: MachineOptions = {
    ...present({ ...rest, ...memory, commandLine: append }),
    ...(Object.fromEntries(paths) as Pick<MachineOptions, 'guest' | 'kernel' | 'initrd'>),
  };
  const diskOptions = disks?.map((disk): DiskOption => {
    const { path, ...settings } = typeof disk === 'string' ? { path: disk } : disk;
    return { ...present(settings), path: resolve(directory, path) };
  });
  return {
    ...options,
    ...(diskOptions === undefined ? {} : { disks: diskOptions }),
    ...(gdb === undefined ? {} : { gdb: withGdbPath(gdb, directory) }),
    ...(networks === undefined ? {} : { networks: networks.map((network) => networkWithPaths(network, directory)) }),
    ...(devices === undefined
      ? {}
      : { devices: devices.map((device, i) => deviceWithPath(device, directory, placesOf(i))) }),
  };
}

function deviceWithPath(
  device: NonNullable<MachineFields['devices']>[number],
  directory: string,
  places: OptionPlaces | undefined,
): string | DeviceOption {
  if (typeof device === 'string') return resolve(directory, device);
  return { ...present({ ...device, places }), path: resolve(directory, device.path) };
}

/** The fields that have a value: absent and `undefined` are one thing in a file, and two in a type. */
function present<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

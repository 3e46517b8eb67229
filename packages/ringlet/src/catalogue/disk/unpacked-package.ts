/** A package, taken apart: its files, and what the package manager has to know of it. */
import { damagedPackage, type PackagedEntry, readDebEntries } from '../deb.ts';
import type { PackageRecord } from '../package-index.ts';

/** A package in memory. */
export interface UnpackedPackage {
  readonly name: string;
  /** Fields as in `control`, in their order; values as written, continuation lines too. */
  readonly fields: ReadonlyMap<string, string>;
  /** Files of the control archive by name, `control` itself left out. */
  readonly control: ReadonlyMap<string, PackagedEntry>;
  readonly entries: readonly PackagedEntry[];
}

/** Reads a package. @throws UserError `package-damaged` */
export async function unpackPackage(record: PackageRecord, deb: Uint8Array): Promise<UnpackedPackage> {
  const { name } = record;
  const control = new Map<string, PackagedEntry>();
  for await (const entry of readDebEntries(deb, name, 'control')) {
    if (entry.type === 'file' && /^[a-z0-9]+$/.test(entry.path)) control.set(entry.path, entry);
  }
  const description = control.get('control');
  if (description === undefined) throw damagedPackage(name, 'it does not say what it is');
  control.delete('control');
  const fields = fieldsOf(new TextDecoder().decode(description.data));
  if (fields.get('Package') !== name || fields.get('Version') !== record.version) {
    throw damagedPackage(name, 'it is another package, or another version');
  }
  const entries: PackagedEntry[] = [];
  for await (const entry of readDebEntries(deb, name, 'data')) entries.push(entry);
  return { name, fields, control, entries };
}

/** Text of a file of the control archive; empty when there is none. */
export function controlText({ control }: UnpackedPackage, name: string): string {
  return new TextDecoder().decode(control.get(name)?.data ?? new Uint8Array(0));
}

function fieldsOf(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last = '';
  for (const line of text.split('\n')) {
    if (/^[ \t]/.test(line)) fields.set(last, `${fields.get(last)}\n${line}`);
    else if (line.includes(':')) {
      last = line.slice(0, line.indexOf(':'));
      fields.set(last, line.slice(last.length + 1).trim());
    }
  }
  return fields;
}

/**
 * The package manager's own files (`/var/lib/dpkg`), as it would have written them after unpacking everything and before
 * running a script: so that it goes on from there inside the guest, and knows what it needs for later upgrades.
 *
 *     status               every package: its fields, how far it is, sums of its configuration files
 *     info/NAME.list       paths that belong to a package
 *     info/NAME.…          its scripts and lists, as they came
 *     triggers/File        who wants to know of changes below a path
 *     triggers/NAME        who wants to know when a trigger is called by its name
 *
 * The info database is of format 1: packages that may be installed for several architectures carry theirs in the name.
 */
import { createHash } from 'node:crypto';
import { controlText, type UnpackedPackage } from './unpacked-package.ts';

/** A file of the database. */
export interface DatabaseFile {
  /** From the root of the disk. */
  readonly path: string;
  readonly data: Uint8Array;
  readonly mode: number;
}

const ROOT = 'var/lib/dpkg';

/** Whether scripts have to run before a package is there. */
export function needsConfiguring({ control }: UnpackedPackage): boolean {
  return control.has('postinst');
}

/** What is written once a package was unpacked; `status` gathers the packages' parts. */
export class DpkgDatabase {
  readonly #status: string[] = [];
  readonly #paths: string[] = [];
  readonly #named = new Map<string, string[]>();

  /** Files of one package. */
  add(unpacked: UnpackedPackage): DatabaseFile[] {
    this.#status.push(stanza(unpacked));
    this.#addTriggers(unpacked);
    const base = `${ROOT}/info/${infoName(unpacked)}`;
    return [
      file(`${base}.list`, listOf(unpacked)),
      ...[...unpacked.control].map(([name, { data, mode }]) => ({ path: `${base}.${name}`, data, mode })),
    ];
  }

  /** Files that are about all packages that were added. */
  finish(): DatabaseFile[] {
    return [
      file(`${ROOT}/status`, this.#status.join('\n')),
      file(`${ROOT}/info/format`, '1\n'),
      ...['available', 'diversions', 'statoverride', 'triggers/Lock', 'triggers/Unincorp'].map((name) =>
        file(`${ROOT}/${name}`, ''),
      ),
      file(`${ROOT}/triggers/File`, this.#paths.join('')),
      ...[...this.#named].map(([name, lines]) => file(`${ROOT}/triggers/${name}`, lines.join(''))),
    ];
  }

  #addTriggers(unpacked: UnpackedPackage): void {
    for (const line of controlText(unpacked, 'triggers').split('\n')) {
      const [directive = '', name = ''] = line.replace(/#.*/, '').trim().split(/\s+/);
      if (!/^interest(-await|-noawait)?$/.test(directive)) continue;
      const who = infoName(unpacked) + (directive === 'interest-noawait' ? '/noawait' : '');
      if (name.startsWith('/')) this.#paths.push(`${name} ${who}\n`);
      else if (/^[a-z0-9][a-z0-9+.-]*$/i.test(name)) {
        this.#named.set(name, [...(this.#named.get(name) ?? []), `${who}\n`]);
      }
    }
  }
}

/** Directories that the database needs. */
export const DATABASE_DIRECTORIES: readonly string[] = ['alternatives', 'info', 'parts', 'triggers', 'updates'].map(
  (name) => `${ROOT}/${name}`,
);

function infoName({ name, fields }: UnpackedPackage): string {
  return fields.get('Multi-Arch') === 'same' ? `${name}:${fields.get('Architecture')}` : name;
}

function stanza(unpacked: UnpackedPackage): string {
  const { name, fields } = unpacked;
  const rest = [...fields].filter(([key]) => key !== 'Package');
  const conffiles = conffilesOf(unpacked);
  return [
    `Package: ${name}`,
    `Status: install ok ${needsConfiguring(unpacked) ? 'unpacked' : 'installed'}`,
    ...rest.map(([key, value]) => `${key}: ${value}`),
    ...(conffiles.length === 0 ? [] : ['Conffiles:', ...conffiles]),
    '',
  ].join('\n');
}

/** Configuration files with the sums that tell a change of the user from one of the package. */
function conffilesOf(unpacked: UnpackedPackage): string[] {
  const byPath = new Map(unpacked.entries.map((entry) => [`/${entry.path}`, entry.data]));
  const lines = controlText(unpacked, 'conffiles').split('\n');
  return lines.flatMap((line) => {
    const data = byPath.get(line.trim());
    return data === undefined ? [] : [` ${line.trim()} ${createHash('md5').update(data).digest('hex')}`];
  });
}

function listOf({ entries }: UnpackedPackage): string {
  return entries.map(({ path }) => (path === '' ? '/.\n' : `/${path}\n`)).join('');
}

function file(path: string, text: string): DatabaseFile {
  return { path, data: new TextEncoder().encode(text), mode: 0o644 };
}

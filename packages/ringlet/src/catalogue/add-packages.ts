/**
 * Packages in an initial root file system: a second archive behind the first, which Linux unpacks over it.
 *
 *     /usr/bin, /usr/sbin    the packages' programs; links to the first archive's commands where they have none of that name
 *     /bin                   the first archive's commands, on which /init builds; and links to the packages' programs
 *     /lib, /lib64           links to the packages' files in /usr, where they have been at these places
 *
 * busybox's shell runs its own commands before it looks at PATH, so bash comes with the packages, as the login shell.
 *
 * Files are as packages have them. None of the packages' scripts runs, so what these would set up is not there: users,
 * alternatives, caches. Documentation stays away, as on a root disk.
 */
import { readFileSync } from 'node:fs';
import { readDebEntries } from './deb.ts';
import { isOnDisk } from './disk/disk-packages.ts';
import { resolvePackages } from './disk/resolve-packages.ts';
import { merged, RootArchive } from './disk/root-archive.ts';
import type { PackageRecord } from './package-index.ts';
import type { PackageSource } from './package-source.ts';

/** Only packages' scripts need these, and no script runs. */
const FOR_SCRIPTS: readonly string[] = ['debconf', 'dpkg', 'init-system-helpers', 'install-info', 'ucf'];
/** The login shell. */
const SHELL = 'bash';
/** Without it, readline writes to the terminal before and after each line; there are scripts on the other end. */
const READLINE = { path: 'etc/inputrc', mode: 0o644, text: 'set enable-bracketed-paste off\n' } as const;
/** Where programs are. */
const PROGRAM = /^usr\/s?bin\/([^/]+)$/;
const IN_LIB = /^lib(64)?\//;
/** Where programs look for their loader, wherever its package has it. */
const LOADER = /^usr\/lib64\/[^/]+$/;

/** Says which way of adding packages this is. */
export const ADDED_RECIPE: readonly unknown[] = [1, FOR_SCRIPTS, SHELL, READLINE];

/** The packages that were asked for and all that they need. @throws UserError `package-not-found` */
export function addedPackages(names: readonly string[], source: PackageSource): PackageRecord[] {
  const left = FOR_SCRIPTS.filter((name) => !names.includes(name));
  const choice = {
    find(name: string): PackageRecord | undefined {
      const record = source.find(name);
      return record !== undefined && left.includes(name) ? { ...record, relations: '' } : record;
    },
    all: () => source.all(),
  };
  if (names.length === 0) return [];
  return resolvePackages([...new Set([...names, SHELL])], choice, '--with').filter(({ name }) => !left.includes(name));
}

/** What the archive is made of. */
export interface AddedArchive {
  readonly records: readonly PackageRecord[];
  /** Gives a package's bytes. */
  readonly fetch: (record: PackageRecord) => Promise<Uint8Array>;
  /** Names of the commands in /bin of the first archive. */
  readonly commands: readonly string[];
  /** A file for what is needed on the way. */
  readonly scratch: string;
}

/** Makes the second archive. @throws UserError `package-damaged`, and what `fetch` throws */
export async function makeAddedArchive({ records, fetch, commands, scratch }: AddedArchive): Promise<Uint8Array> {
  const archive = new RootArchive(scratch, { linked: false });
  try {
    const programs = new Map<string, string>();
    const libraries = new Set<string>();
    for (const record of records) {
      const entries = [];
      for await (const entry of readDebEntries(await fetch(record), record.name, 'data')) entries.push(entry);
      archive.addPackage(entries, isOnDisk);
      for (const { path, type } of entries) {
        const [, name] = PROGRAM.exec(merged(path)) ?? [];
        if (name !== undefined) programs.set(name, merged(path));
        if (type === 'directory') continue;
        if (IN_LIB.test(path)) libraries.add(path);
        else if (LOADER.test(path)) libraries.add(path.slice('usr/'.length));
      }
    }
    archive.addFile({ ...READLINE, data: new TextEncoder().encode(READLINE.text) });
    for (const path of libraries) {
      const words = path.split('/');
      for (let depth = 1; depth < words.length; depth++) archive.addDirectory(words.slice(0, depth).join('/'));
      archive.addLink(path, `/usr/${path}`);
    }
    for (const [name, path] of programs) if (!commands.includes(name)) archive.addLink(`bin/${name}`, `../${path}`);
    for (const name of commands) if (!programs.has(name)) archive.addLink(`usr/bin/${name}`, `../../bin/${name}`);
    archive.close();
  } finally {
    archive.abandon();
  }
  return readFileSync(scratch);
}

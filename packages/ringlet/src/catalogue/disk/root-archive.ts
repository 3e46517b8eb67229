/**
 * The contents of a root disk as one cpio archive, written to a file piece by piece: what the guest unpacks.
 *
 * Debian's /bin, /sbin and /lib are links into /usr. Packages still have files at both places; here each goes to where
 * it will be found, so that whoever unpacks meets no link on its way.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { cpioMembers, cpioTrailer, FileKind, type NewCpioEntry } from '@ringlet/root-partition';
import type { PackagedEntry } from '../deb.ts';
import type { DatabaseFile } from './dpkg-database.ts';

/** Directories that are links into /usr. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'] as const;
/** Sectors of the disk that the archive is shown as. */
const SECTOR = 512;

/** An archive being written. */
export class RootArchive {
  readonly #fd: number;
  readonly #directories = new Set<string>();
  #closed = false;
  #size = 0;
  #inode = 1;

  /**
   * Makes the file anew.
   *
   * @param linked - with the links into /usr in it; yes when absent
   */
  constructor(path: string, { linked = true }: { readonly linked?: boolean } = {}) {
    this.#fd = openSync(path, 'w');
    for (const directory of ['usr', ...MERGED.map((name) => `usr/${name}`)]) this.addDirectory(directory);
    if (linked)
      this.#write(MERGED.map((name) => ({ name, mode: FileKind.SymbolicLink | 0o777, data: utf8(`usr/${name}`) })));
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  /** Adds the files of a package. @returns how many */
  addPackage(entries: readonly PackagedEntry[], wanted: (path: string) => boolean): number {
    const kept = entries.filter(({ path }) => path !== '' && wanted(path));
    // A file of several names: all of them have its number, and the last has the data.
    const groups = new Map<string, PackagedEntry[]>();
    const data = new Map<string, PackagedEntry>();
    for (const entry of entries) if (!data.has(entry.path)) data.set(entry.path, entry);
    for (const entry of kept) {
      const key = entry.type === 'link' ? firstName(entry, data) : entry.path;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [entry]);
      else group.push(entry);
    }
    for (const [key, group] of groups) {
      const original = data.get(key) ?? group[0]!;
      if (original.type === 'directory') {
        const { mode, uid, gid, modified } = original;
        this.addDirectory(merged(original.path), { mode, uid, gid, modified });
        continue;
      }
      const inode = this.#inode++;
      const { mode, uid, gid, modified } = original;
      const shared = { uid, gid, modified, inode, links: group.length };
      this.#write(
        group.map(({ path }, i) => ({
          name: merged(path),
          mode: (original.type === 'symlink' ? FileKind.SymbolicLink : FileKind.Regular) | mode,
          data:
            i < group.length - 1
              ? new Uint8Array(0)
              : original.type === 'symlink'
                ? utf8(original.target)
                : original.data,
          ...shared,
        })),
      );
    }
    return kept.length;
  }

  /** Adds a file that belongs to no package, and the directories above it. */
  addFile({ path, data, mode }: DatabaseFile, modified = 0): void {
    this.#addParents(path);
    this.#write([{ name: path, mode: FileKind.Regular | mode, data, modified, inode: this.#inode++ }]);
  }

  /** Adds a symbolic link that belongs to no package, and the directories above it. */
  addLink(path: string, target: string): void {
    this.#addParents(path);
    this.#write([{ name: path, mode: FileKind.SymbolicLink | 0o777, data: utf8(target), inode: this.#inode++ }]);
  }

  /** Adds a directory, unless it is there. */
  addDirectory(path: string, facts: Partial<NewCpioEntry> = {}): void {
    if (path === '' || this.#directories.has(path)) return;
    this.#directories.add(path);
    const mode = FileKind.Directory | (facts.mode ?? 0o755);
    this.#write([{ inode: this.#inode++, links: 2, ...facts, name: path, mode }]);
  }

  /** Ends the archive, and pads it to whole sectors. */
  close(): void {
    try {
      for (const part of cpioTrailer()) this.#append(part);
      this.#append(new Uint8Array(SECTOR - (this.#size % SECTOR)));
    } finally {
      this.abandon();
    }
  }

  /** Closes the file as it is. */
  abandon(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
  }

  #addParents(path: string): void {
    const words = path.split('/');
    for (let depth = 1; depth < words.length; depth++) this.addDirectory(words.slice(0, depth).join('/'));
  }

  #write(entries: readonly NewCpioEntry[]): void {
    for (const part of cpioMembers(entries)) this.#append(part);
  }

  #append(part: Uint8Array): void {
    for (let done = 0; done < part.length;) done += writeSync(this.#fd, part, done);
    this.#size += part.length;
  }
}

/** Where a path of a package is found. */
export function merged(path: string): string {
  const first = path.split('/', 1)[0];
  return MERGED.some((name) => name === first) ? `usr/${path}` : path;
}

/** The path that has the data of a hard link. */
function firstName(link: PackagedEntry, entries: ReadonlyMap<string, PackagedEntry>): string {
  let name = link.target;
  // A link to a link to …: as many as there are files, at most.
  for (let steps = 0; steps < entries.size && entries.get(name)?.type === 'link'; steps++) {
    name = entries.get(name)!.target;
  }
  return name;
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Programs for the guest that makes a disk, out of the packages that go onto the disk: mke2fs and its libraries. */
import { FileKind, type NewCpioEntry } from '@ringlet/root-partition';
import { damagedPackage, type PackagedEntry } from '../deb.ts';
import { TOOLS } from './installer-script.ts';
import { merged } from './root-archive.ts';

const LIBRARIES = 'usr/lib/x86_64-linux-gnu/';
/** Files by their path on the disk. What is a link there is followed. */
const NEEDED: readonly string[] = [
  'usr/sbin/mke2fs',
  'etc/mke2fs.conf',
  `${LIBRARIES}ld-linux-x86-64.so.2`,
  ...['libc.so.6', 'libext2fs.so.2', 'libcom_err.so.2', 'libblkid.so.1', 'libuuid.so.1', 'libe2p.so.2'].map(
    (name) => LIBRARIES + name,
  ),
];

/** Packages that have them. */
export const TOOL_PACKAGES: readonly string[] = [
  'e2fsprogs',
  'libext2fs2',
  'libcom-err2',
  'libblkid1',
  'libuuid1',
  'libc6',
];

/** Collects the tools while packages are unpacked. */
export class InstallerTools {
  readonly #entries = new Map<string, PackagedEntry>();

  /** Looks through a package. */
  add(entries: readonly PackagedEntry[]): void {
    for (const entry of entries) {
      const path = merged(entry.path);
      if (path.startsWith(LIBRARIES) || NEEDED.includes(path)) this.#entries.set(path, entry);
    }
  }

  /** Members of an initial root file system. @throws UserError `package-damaged` */
  members(): NewCpioEntry[] {
    const root = TOOLS.slice(1);
    return [
      { name: root, mode: FileKind.Directory | 0o755, links: 2 },
      ...NEEDED.map((path) => ({
        name: `${root}/${path.slice(path.lastIndexOf('/') + 1)}`,
        mode: FileKind.Regular | 0o755,
        data: this.#find(path),
      })),
    ];
  }

  #find(path: string): Uint8Array {
    let entry = this.#entries.get(path);
    if (entry?.type === 'symlink') entry = this.#entries.get(LIBRARIES + entry.target);
    if (entry?.type !== 'file') throw damagedPackage('e2fsprogs', `it, or what it needs, has no ${path}`);
    return entry.data;
  }
}

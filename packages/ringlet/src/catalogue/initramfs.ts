/**
 * The initial root file system: busybox under all its names, our `/init`, the kernel's modules and their tables.
 *
 * The same inputs give the same bytes: order, times, owners and inode numbers come from nothing else. It is not packed:
 * unpacking is work for the guest, and reading a few more megabytes is none for the host.
 */
import { FileKind, writeCpio } from '@ringlet/root-partition';
import type { AgentFile } from './agent-files.ts';
import { appletsOf } from './applets.ts';
import { INIT_SCRIPT } from './init-script.ts';
import type { KernelModule } from './kernel-module.ts';
import { aliasTable, dependencyTable, softDependencyTable } from './module-set.ts';

/** What goes in. */
export interface InitramfsParts {
  readonly busybox: Uint8Array;
  readonly kernelVersion: string;
  readonly modules: readonly KernelModule[];
  /** Files that the kernel's package has beside its modules, such as `modules.builtin`, by name. */
  readonly tables: ReadonlyMap<string, Uint8Array>;
  /** The program that runs commands for the host, and what it needs; nothing when empty. */
  readonly agent: readonly AgentFile[];
}

type Entry = Parameters<typeof writeCpio>[0] extends Iterable<infer E> ? E : never;

const DIRECTORIES = [
  'bin',
  'dev',
  'etc',
  'lib',
  'lib/modules',
  'lib/x86_64-linux-gnu',
  'lib64',
  'mnt',
  'proc',
  'root',
  'run',
  'sys',
  'tmp',
  'usr',
  'var',
];
/** Places where programs look for commands; all are one. The kernel itself calls /sbin/modprobe. */
const LINKS = { sbin: 'bin', 'usr/bin': '../bin', 'usr/sbin': '../bin', 'var/run': '../run' } as const;

/** Makes the archive. */
export function makeInitramfs(parts: InitramfsParts): Uint8Array {
  return writeCpio([
    ...DIRECTORIES.map(directory),
    ...Object.entries(LINKS).map(([path, target]) => link(path, target)),
    // Open before anything is mounted.
    device('dev/console', 0o600, 5, 1),
    device('dev/null', 0o666, 1, 3),
    file('init', INIT_SCRIPT, 0o755),
    file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n'),
    file('etc/group', 'root:x:0:\ntty:x:5:\n'),
    file('bin/busybox', parts.busybox, 0o755),
    ...appletsOf(parts.busybox)
      .filter((name) => name !== 'busybox')
      .filter((name) => !parts.agent.some(({ path }) => path === `bin/${name}`))
      .map((name) => link(`bin/${name}`, 'busybox')),
    ...parts.agent.map(({ path, data }) => (typeof data === 'string' ? link(path, data) : file(path, data, 0o755))),
    ...moduleEntries(parts),
  ]);
}

function* moduleEntries({ kernelVersion, modules, tables }: InitramfsParts): Generator<Entry> {
  const root = `lib/modules/${kernelVersion}`;
  const directories = new Set([root]);
  for (const { path } of modules) {
    const words = path.split('/');
    for (let depth = 1; depth < words.length; depth++) directories.add(`${root}/${words.slice(0, depth).join('/')}`);
  }
  for (const path of [...directories].toSorted()) yield directory(path);
  for (const { path, data } of modules) yield file(`${root}/${path}`, data);
  yield file(`${root}/modules.dep`, dependencyTable(modules));
  yield file(`${root}/modules.alias`, aliasTable(modules));
  yield file(`${root}/modules.softdep`, softDependencyTable(modules));
  for (const [name, data] of [...tables].toSorted(([a], [b]) => (a < b ? -1 : 1))) yield file(`${root}/${name}`, data);
}

function directory(name: string): Entry {
  return { name, mode: FileKind.Directory | (name === 'root' ? 0o700 : 0o755), links: 2 };
}

function file(name: string, contents: Uint8Array | string, permissions = 0o644): Entry {
  const data = typeof contents === 'string' ? new TextEncoder().encode(contents) : contents;
  return { name, mode: FileKind.Regular | permissions, data };
}

function link(name: string, target: string): Entry {
  return { name, mode: FileKind.SymbolicLink | 0o777, data: new TextEncoder().encode(target) };
}

function device(name: string, permissions: number, major: number, minor: number): Entry {
  return { name, mode: FileKind.CharacterDevice | permissions, device: [major, minor] };
}

/**
 * Makes a root disk: chooses and fetches packages, writes their files into an archive, and has them installed: on the host
 * where that can be done in namespaces, by a guest everywhere else. Both run the same scripts.
 */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyDisk, createDisk, FileKind, openDisk, writeCpio } from '@ringlet/root-partition';
import type { Cache } from '../cache.ts';
import { fetchPackage } from '../fetch-package.ts';
import type { PackageRecord } from '../package-index.ts';
import type { PackageSource } from '../package-source.ts';
import type { PullEvent } from '../pull-event.ts';
import { DISK_LINKS, diskFiles, ROOT_LABEL } from './disk-files.ts';
import { DISK_PACKAGES, isOnDisk, NEEDED_PACKAGES } from './disk-packages.ts';
import { DATABASE_DIRECTORIES, DpkgDatabase, needsConfiguring } from './dpkg-database.ts';
import { type CreateMachine, installDisk } from './install-disk.ts';
import { installInNamespace } from './install-in-namespace.ts';
import { installerScript } from './installer-script.ts';
import { InstallerTools, TOOL_PACKAGES } from './installer-tools.ts';
import { namespaceScript } from './namespace-script.ts';
import { resolvePackages } from './resolve-packages.ts';
import { RootArchive } from './root-archive.ts';
import type { PreinstScript } from './set-up-script.ts';
import { unpackPackage } from './unpacked-package.ts';
import { usedBlocks } from './used-blocks.ts';

/** What a root disk is made with. */
export interface DiskParts {
  readonly suite: string;
  /** The packages of the kernel that will boot it, whose modules belong on the disk, and those that were asked for. */
  readonly morePackages: readonly string[];
  /** Paths of the kernel and initial root file system that will boot it. */
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
  readonly source: PackageSource;
  readonly cache: Cache;
  /** Where the image goes. */
  readonly disk: string;
  /** A directory for what is needed on the way. */
  readonly scratch: string;
  readonly createMachine: CreateMachine;
  /** Whether a guest installs, though the host could. */
  readonly inGuest: boolean;
  readonly tell: (event: PullEvent) => void;
  readonly signal: AbortSignal | undefined;
}

/** What the guest believes to have; the file holds what was written. */
const DISK_BYTES = 8 * 1024 ** 3;
/** Smaller than usual: what the guest trims comes back in pieces of this. */
const BLOCK_BYTES = 2 * 1024 ** 2;
/** Without encryption, as Debian installs it: packages are signed, and the disk has no certificates. */
const LATER_PACKAGES = 'http://deb.debian.org/debian';

const RECIPE: readonly unknown[] = [
  1,
  DISK_PACKAGES,
  [DISK_BYTES, BLOCK_BYTES],
  installerScript({ label: ROOT_LABEL, archiveBytes: 0, preinst: [] }),
  namespaceScript({ label: ROOT_LABEL, bytes: DISK_BYTES, preinst: [] }),
  diskFiles('', '').map(({ path, data }) => [path, new TextDecoder().decode(data)]),
  DISK_LINKS,
];

/** Says which way of making disks this is: other packages, other files, another script. */
export function diskRecipe(): string {
  return createHash('sha256').update(JSON.stringify(RECIPE)).digest('hex');
}

/** Makes the disk. @returns the packages that are on it. @throws UserError */
export async function makeDisk(parts: DiskParts): Promise<PackageRecord[]> {
  const { source, cache, tell, signal, scratch } = parts;
  const records = choosePackages(parts);
  await fetchAll(records, parts);

  const archiveFile = join(scratch, 'archive');
  const archive = new RootArchive(archiveFile);
  const database = new DpkgDatabase();
  const tools = new InstallerTools();
  const preinst: PreinstScript[] = [];
  let configured = 0;
  try {
    tell({ type: 'installing', phase: 'gather' });
    for (const [index, record] of records.entries()) {
      signal?.throwIfAborted();
      const unpacked = await unpackPackage(record, await fetchPackage(record, source, cache, () => undefined, signal));
      archive.addPackage(unpacked.entries, isOnDisk);
      if (TOOL_PACKAGES.includes(record.name)) tools.add(unpacked.entries);
      for (const file of database.add(unpacked)) {
        archive.addFile(file);
        if (file.path.endsWith('.preinst')) preinst.push({ name: record.name, script: `/${file.path}` });
      }
      if (needsConfiguring(unpacked)) configured++;
      tell({ type: 'installed', phase: 'gather', done: index + 1, of: records.length });
    }
    for (const directory of DATABASE_DIRECTORIES) archive.addDirectory(directory);
    for (const file of [...database.finish(), ...diskFiles(parts.suite, LATER_PACKAGES)]) archive.addFile(file);
    for (const [path, target] of Object.entries(DISK_LINKS)) archive.addLink(path, target);
    archive.close();
  } catch (error) {
    archive.abandon();
    throw error;
  }

  const contents = {
    archive: archiveFile,
    archiveBytes: archive.size,
    preinst: usersFirst(preinst),
    configured,
    tools,
  };
  // Scripts that nobody has signed run in a guest alone.
  const inGuest = parts.inGuest || source.signatures !== 'checked';
  if (inGuest || !(await onHost(parts, contents))) await byGuest(parts, contents);
  rmSync(archiveFile);
  return records;
}

/** What is installed. */
interface Contents {
  readonly archive: string;
  readonly archiveBytes: number;
  readonly preinst: readonly PreinstScript[];
  /** Packages whose scripts run. */
  readonly configured: number;
  readonly tools: InstallerTools;
}

/** @returns whether the host allows it */
async function onHost(parts: DiskParts, { preinst, configured }: Contents): Promise<boolean> {
  const { scratch, tell, signal } = parts;
  const made = await installInNamespace(
    { initrd: parts.initrd, work: scratch, label: ROOT_LABEL, bytes: DISK_BYTES, preinst, packages: configured },
    tell,
    signal,
  );
  if (made === undefined) {
    tell({ type: 'notice', text: 'this host does not allow what would be faster: a guest sets up the packages' });
    return false;
  }
  const from = openDisk(made.image, { readOnly: true, format: 'raw' });
  const used = usedBlocks(made.blocks);
  const sectors = (used?.blockSize ?? 0) / from.sectorSize;
  const ranges = used?.ranges.map(({ first, count }) => ({ first: first * sectors, count: count * sectors }));
  try {
    await copyDisk(from, parts.disk, {
      format: 'vhdx',
      blockSize: BLOCK_BYTES,
      io: 'inline',
      ...(ranges && { ranges }),
    });
  } finally {
    await new Promise((closed) => from.close(closed));
  }
  return true;
}

async function byGuest(parts: DiskParts, contents: Contents): Promise<void> {
  const { kernel, commandLine, disk, createMachine, tell, signal, scratch } = parts;
  const { archive, archiveBytes, preinst, configured, tools } = contents;
  createDisk(disk, { format: 'vhdx', size: DISK_BYTES, blockSize: BLOCK_BYTES });
  const script = installerScript({ label: ROOT_LABEL, archiveBytes, preinst });
  const initrd = join(scratch, 'initrd');
  writeFileSync(initrd, withInstaller(parts.initrd, tools, script));
  await installDisk({ kernel, initrd, commandLine, disk, archive, packages: configured }, createMachine, tell, signal);
}

function choosePackages({ source, morePackages, suite, tell }: DiskParts): PackageRecord[] {
  const required = [...source.all()].filter((record) => record.required).map(({ name }) => name);
  const wanted = [...required, ...DISK_PACKAGES, ...morePackages];
  const there = wanted.filter(
    (name) => source.find(name) !== undefined || [...NEEDED_PACKAGES, ...morePackages].includes(name),
  );
  for (const name of wanted) {
    if (!there.includes(name)) tell({ type: 'notice', text: `${suite} has no ${name}; the disk goes without` });
  }
  return resolvePackages([...new Set(there)], source);
}

/** Fetches what is not in the cache, one after the other: what was fetched stays, whatever happens to the next. */
async function fetchAll(records: readonly PackageRecord[], { source, cache, tell, signal }: DiskParts): Promise<void> {
  await source.expect?.(
    records.filter((record) => !cache.hasPackage(record.sha256)),
    signal,
  );
  const size = records.reduce((sum, record) => sum + record.size, 0);
  let before = 0;
  tell({ type: 'installing', phase: 'fetch' });
  for (const record of records) {
    await fetchPackage(
      record,
      source,
      cache,
      (event) => {
        if (event.type === 'notice') tell(event);
        if (event.type === 'progress') {
          tell({ type: 'installed', phase: 'fetch', done: before + event.received, of: size });
        }
      },
      signal,
    );
    before += record.size;
    tell({ type: 'installed', phase: 'fetch', done: before, of: size });
  }
}

/** The initial root file system, with the script and its tools behind it. */
function withInstaller(initrd: string, tools: InstallerTools, script: string): Uint8Array {
  const hook = { name: 'etc/ringlet-init', mode: FileKind.Regular | 0o755, data: new TextEncoder().encode(script) };
  return Buffer.concat([readFileSync(initrd), writeCpio([...tools.members(), hook])]);
}

/** Users and groups are there before any other script asks for them. */
function usersFirst<T extends { readonly name: string }>(scripts: readonly T[]): T[] {
  const first = 'base-passwd';
  return [...scripts.filter(({ name }) => name === first), ...scripts.filter(({ name }) => name !== first)];
}

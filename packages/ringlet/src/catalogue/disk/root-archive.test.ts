import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CpioEntry, FileKind, readCpio } from '@ringlet/root-partition';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PackagedEntry } from '../deb.ts';
import { isOnDisk } from './disk-packages.ts';
import { RootArchive } from './root-archive.ts';

let folder: string;

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'ringlet-archive-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const entry = (path: string, more: Partial<PackagedEntry> = {}): PackagedEntry => ({
  path,
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  modified: 1,
  target: '',
  data: Buffer.from(path),
  ...more,
});

const members = (entries: readonly PackagedEntry[], wanted = isOnDisk): Map<string, CpioEntry> => {
  const file = join(folder, 'archive');
  const archive = new RootArchive(file);
  archive.addPackage(entries, wanted);
  archive.close();
  const bytes = readFileSync(file);
  expect(bytes.length % 512).toBe(0);
  return new Map(readCpio(bytes).entries.map((one) => [one.name, one]));
};

test('what packages have in /bin and /lib goes to /usr, where those lead', () => {
  const read = members([entry('bin', { type: 'directory', mode: 0o755 }), entry('bin/sh'), entry('usr/bin/env')]);
  expect(new TextDecoder().decode(read.get('bin')!.data)).toBe('usr/bin');
  expect([...read.keys()]).toEqual(expect.arrayContaining(['usr/bin', 'usr/bin/sh', 'usr/bin/env']));
  expect(read.has('bin/sh')).toBe(false);
});

test('owners, permissions and times are kept; a directory is made once', () => {
  const read = members([
    entry('usr/bin/su', { mode: 0o4755, gid: 42, modified: 77 }),
    entry('tmp', { type: 'directory', mode: 0o1777 }),
    entry('tmp', { type: 'directory', mode: 0o755 }),
  ]);
  expect(read.get('usr/bin/su')).toMatchObject({ mode: FileKind.Regular | 0o4755, gid: 42, modified: 77 });
  expect(read.get('tmp')!.mode).toBe(FileKind.Directory | 0o1777);
});

test('names of one file stay one file, whose last name has the data', () => {
  const read = members([
    entry('usr/bin/perl'),
    entry('usr/bin/perl5', { type: 'link', target: 'usr/bin/perl', data: new Uint8Array(0) }),
  ]);
  const [first, second] = [read.get('usr/bin/perl')!, read.get('usr/bin/perl5')!];
  expect(first.inode).toBe(second.inode);
  expect([first.links, second.links]).toEqual([2, 2]);
  expect([first.data.length, Buffer.from(second.data).toString()]).toEqual([0, 'usr/bin/perl']);
});

test('a name of a file that stays away itself has its data', () => {
  const read = members(
    [entry('a'), entry('b', { type: 'link', target: 'a', data: new Uint8Array(0) })],
    (path) => path !== 'a',
  );
  expect(read.has('a')).toBe(false);
  expect(Buffer.from(read.get('b')!.data).toString()).toBe('a');
});

test('a link that leads to itself ends', () => {
  const loop = entry('a', { type: 'link', target: 'b', data: new Uint8Array(0) });
  expect(members([loop, { ...loop, path: 'b', target: 'a' }]).size).toBeGreaterThan(0);
});

test.each([
  ['usr/share/doc/bash', true],
  ['usr/share/doc/bash/copyright', true],
  ['usr/share/doc/bash/README', false],
  ['usr/share/man/man1/bash.1.gz', false],
  ['usr/share/man', true],
  ['usr/share/zoneinfo/UTC', true],
  ['lib/udev/hwdb.d/20-acpi-vendor.hwdb', false],
  ['lib/udev/rules.d/50-udev-default.rules', true],
])('%s is on the disk: %s', (path, expected) => expect(isOnDisk(path)).toBe(expected));

import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { FileKind, readCpio } from '@ringlet/root-partition';
import { BUSYBOX, makeKernelModule } from '../../tests/debian-mirror.ts';
import { appletsOf } from './applets.ts';
import { makeInitramfs } from './initramfs.ts';
import { readKernelModule } from './kernel-module.ts';

const parts = () => ({
  busybox: BUSYBOX,
  kernelVersion: '6.1',
  modules: [readKernelModule('kernel/drivers/hv/hv_vmbus.ko', makeKernelModule(['depends=']))],
  tables: new Map([['modules.builtin', new Uint8Array(3)]]),
  agent: [],
});

test('every directory comes before what is in it', () => {
  const seen = new Set(['.']);
  for (const { name, mode } of readCpio(makeInitramfs(parts())).entries) {
    expect(seen).toContain(dirname(name));
    expect(seen).not.toContain(name);
    if ((mode & FileKind.Mask) === FileKind.Directory) seen.add(name);
  }
});

test('there are an init that can be run, a console, and busybox under each of its names', () => {
  const entries = new Map(readCpio(makeInitramfs(parts())).entries.map((entry) => [entry.name, entry]));
  expect(entries.get('init')).toMatchObject({ mode: FileKind.Regular | 0o755 });
  expect(entries.get('dev/console')).toMatchObject({ mode: FileKind.CharacterDevice | 0o600, device: [5, 1] });
  for (const name of ['bin/[', 'bin/sh', 'bin/modprobe']) {
    expect(entries.get(name)?.mode).toBe(FileKind.SymbolicLink | 0o777);
    expect(new TextDecoder().decode(entries.get(name)!.data)).toBe('busybox');
  }
  expect(entries.get('lib/modules/6.1/kernel/drivers/hv/hv_vmbus.ko')?.mode).toBe(FileKind.Regular | 0o644);
  expect(new TextDecoder().decode(entries.get('lib/modules/6.1/modules.dep')!.data)).toBe(
    'kernel/drivers/hv/hv_vmbus.ko:\n',
  );
});

test('the same parts make the same bytes', () => {
  expect(Buffer.from(makeInitramfs(parts())).equals(makeInitramfs(parts()))).toBe(true);
});

test('the commands of a busybox are those of its table', () => {
  expect(appletsOf(BUSYBOX)).toEqual(['[', '[[', 'cat', 'modprobe', 'mount', 'sh']);
});

test.each([
  ['no table', Buffer.from('hello')],
  ['a table that ends with the file', Buffer.from('[\0[[\0cat\0mod')],
  ['a table without a shell', Buffer.from('[\0[[\0cat\0modprobe\0mount\0\0')],
  ['names that lead elsewhere', Buffer.from('[\0[[\0../../modprobe\0mount\0sh\0\0')],
])('a busybox with %s is refused', (_, data) => {
  expect(() => appletsOf(data)).toThrow(/table of commands/);
});

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { controlFile, makeDeb, type TarEntry, VERSION } from '../../../tests/debian-mirror.ts';
import type { PackageRecord } from '../package-index.ts';
import { DpkgDatabase } from './dpkg-database.ts';
import { unpackPackage, type UnpackedPackage } from './unpacked-package.ts';

const unpack = async (
  name: string,
  entries: readonly TarEntry[],
  control: readonly TarEntry[] = [],
  fields: Record<string, string> = {},
): Promise<UnpackedPackage> => {
  const record = { name, version: VERSION } as PackageRecord;
  return unpackPackage(record, await makeDeb(entries, [controlFile(name, fields), ...control]));
};

const text = (files: readonly { path: string; data: Uint8Array }[], path: string): string =>
  new TextDecoder().decode(files.find((file) => file.path === `var/lib/dpkg/${path}`)?.data);

test('a package with a script waits for it; one without is done', async () => {
  const database = new DpkgDatabase();
  database.add(await unpack('a', [], [['./postinst', '#!/bin/sh\n']]));
  database.add(await unpack('b', []));

  const status = text(database.finish(), 'status');
  expect(status.split('\n\n').map((stanza) => stanza.trim().split('\n').slice(0, 3))).toEqual([
    ['Package: a', 'Status: install ok unpacked', `Version: ${VERSION}`],
    ['Package: b', 'Status: install ok installed', `Version: ${VERSION}`],
  ]);
});

test('configuration files are noted with their sums, paths and scripts under the name of the package', async () => {
  const database = new DpkgDatabase();
  const files = database.add(
    await unpack(
      'liba',
      [[{ name: './', type: 'directory' }], ['./etc/a.conf', 'x=1\n'], ['./lib/a.so', '']],
      [
        ['./md5sums', 'd41d8cd98f00b204e9800998ecf8427e  lib/a.so\n'],
        ['./conffiles', '/etc/a.conf\n/etc/gone.conf\n'],
        [{ name: './preinst', mode: 0o755 }, '#!/bin/sh\n'],
      ],
      { 'Multi-Arch': 'same', Description: 'a library\n with a second line\n .\n and a third' },
    ),
  );

  expect(text(files, 'info/liba:amd64.list')).toBe('/.\n/etc/a.conf\n/lib/a.so\n');
  expect(text(files, 'info/liba:amd64.md5sums')).toContain('lib/a.so');
  expect(files.find(({ path }) => path.endsWith('liba:amd64.preinst'))).toMatchObject({ mode: 0o755 });
  const status = text(database.finish(), 'status');
  expect(status).toContain('Description: a library\n with a second line\n .\n and a third\n');
  expect(status).toContain(`Conffiles:\n /etc/a.conf ${createHash('md5').update('x=1\n').digest('hex')}\n`);
  expect(status).not.toContain('gone');
});

test('who is interested in what is known for later', async () => {
  const database = new DpkgDatabase();
  const triggers = (lines: string): TarEntry[] => [['./triggers', lines]];
  database.add(await unpack('libc-bin', [], triggers('# why\ninterest-await ldconfig\n')));
  database.add(await unpack('systemd', [], triggers('interest-noawait /usr/lib/systemd/catalog\nactivate x\n')));

  const files = database.finish();
  expect(text(files, 'triggers/ldconfig')).toBe('libc-bin\n');
  expect(text(files, 'triggers/File')).toBe('/usr/lib/systemd/catalog systemd/noawait\n');
  expect(files.some(({ path }) => path.endsWith('/x'))).toBe(false);
});

test('a package that is another one inside is refused', async () => {
  const deb = await makeDeb([], [controlFile('b')]);
  const record = { name: 'a', version: VERSION } as PackageRecord;
  await expect(unpackPackage(record, deb)).rejects.toMatchObject({ code: 'package-damaged' });
});

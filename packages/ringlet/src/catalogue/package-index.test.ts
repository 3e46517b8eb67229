import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '@ringlet/wire';
import { PackageIndex } from './package-index.ts';

const FIELDS = {
  Package: 'busybox-static',
  Version: '1:1.35.0-4',
  Architecture: 'amd64',
  Filename: 'pool/main/b/busybox/busybox-static_1.35.0-4_amd64.deb',
  Size: '928188',
  SHA256: '3d'.repeat(32),
};

const stanza = (fields: Record<string, string>): string =>
  `${Object.entries({ ...FIELDS, ...fields })
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('')}\n`;

const read = async (text: string, pieceSize = text.length): Promise<PackageIndex> => {
  const data = new TextEncoder().encode(text);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < data.length; at += pieceSize) pieces.push(data.subarray(at, at + pieceSize));
  const index = new PackageIndex();
  await index.add(pieces, () => true);
  return index;
};

test('a package is read with its place, size, sum and what it depends on', async () => {
  const depends = 'linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2), aa | bb, libc6:any';
  const index = await read(
    stanza({ Depends: depends, 'Pre-Depends': 'dpkg', Provides: 'sh-utils', Priority: 'required' }),
  );

  expect(index.find('busybox-static')).toEqual({
    name: 'busybox-static',
    version: '1:1.35.0-4',
    depends: ['linux-image-6.1.0-56-cloud-amd64', 'aa', 'libc6'],
    relations: `dpkg, ${depends}`,
    provides: 'sh-utils',
    required: true,
    path: FIELDS.Filename,
    size: 928188,
    sha256: FIELDS.SHA256,
  });
});

test('a list is read the same in whatever pieces it arrives', async () => {
  const text = `${stanza({ Description: 'größer\n continued\n .\n once more' })}${stanza({ Package: 'other' })}`;
  for (const size of [1, 7, 64]) {
    const index = await read(text, size);
    expect(index.find('busybox-static')?.size).toBe(928188);
    expect(index.find('other')?.size).toBe(928188);
  }
});

test('of several versions the newest counts, wherever it stands', async () => {
  const versions = ['6.1.9-1', '6.1.10-1', '6.1.2-1'];
  const index = await read(versions.map((version) => stanza({ Version: version })).join(''));
  expect(index.find('busybox-static')?.version).toBe('6.1.10-1');
});

test('packages of other processors are not seen', async () => {
  const index = await read(stanza({ Architecture: 'arm64' }));
  expect(index.find('busybox-static')).toBeUndefined();
});

test('packages that nobody wants need not even be valid', async () => {
  const index = new PackageIndex();
  await index.add([new TextEncoder().encode(stanza({ Size: 'huge' }))], () => false);
  expect(index.find('busybox-static')).toBeUndefined();
});

test.each([
  ['a path out of the archive', { Filename: 'pool/../../../etc/shadow' }],
  ['a path from the root', { Filename: '/etc/shadow' }],
  ['a path out of the archive, in other letters', { Filename: 'pool/%2e%2e/%2e%2e/x' }],
  ['the URL of another place', { Filename: '//elsewhere.example/package.deb' }],
  ['a size that no package has', { Size: '999999999999999' }],
  ['a negative size', { Size: '-1' }],
  ['a sum that is none', { SHA256: '../../lock' }],
  ['a sum in another form', { SHA256: '3D'.repeat(32) }],
  ['a version with blanks', { Version: '1.0 -o Dir=/' }],
])('%s is refused', async (_, fields: Record<string, string>) => {
  await expect(read(stanza(fields))).rejects.toMatchObject({ code: 'index-damaged' });
});

test('a name that apt would take for an option is refused', async () => {
  await expect(read(stanza({ Package: '--force-yes' }))).rejects.toMatchObject({ code: 'index-damaged' });
});

test('a line without an end is refused, and not held', async () => {
  const piece = new Uint8Array(1 << 20).fill(0x61);
  const endless = (function* () {
    for (;;) yield piece;
  })();
  await expect(new PackageIndex().add(endless, () => true)).rejects.toMatchObject({ code: 'index-damaged' });
});

test('any text at all is read or refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 200 }), async (text) => {
      const outcome: unknown = await read(`${text}\n${stanza({})}`).catch((error: unknown) => error);
      expect(outcome instanceof PackageIndex || outcome instanceof UserError).toBe(true);
    }),
  );
});

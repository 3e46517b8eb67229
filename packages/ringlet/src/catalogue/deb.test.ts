import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '@ringlet/wire';
import { makeAr, makeDeb, makeTar } from '../../tests/debian-mirror.ts';
import { readDeb } from './deb.ts';

const read = async (deb: Uint8Array, wanted = /^bin\//, limits?: { unpacked: number; file: number }) => {
  const files: Record<string, string> = {};
  for await (const { path, data } of readDeb(deb, 'test', (name) => wanted.test(name), limits)) {
    files[path] = new TextDecoder().decode(data);
  }
  return files;
};

test('wanted files are read, whether their paths start with ./ or not', async () => {
  const deb = await makeDeb([
    [{ name: './bin/', type: 'directory' }],
    ['./bin/a', 'one'],
    ['etc/b', 'two'],
    ['bin/c', ''],
  ]);
  expect(await read(deb)).toEqual({ 'bin/a': 'one', 'bin/c': '' });
});

test('files without compression are read', async () => {
  const deb = makeAr({ 'debian-binary': Buffer.from('2.0\n'), 'data.tar': await makeTar([['bin/a', 'one']]) });
  expect(await read(deb)).toEqual({ 'bin/a': 'one' });
});

test('reading may stop early, and the next package is read as if nothing had been', async () => {
  const deb = await makeDeb([
    ['bin/a', 'one'],
    ['bin/b', new Uint8Array(1 << 20)],
  ]);
  for await (const { path } of readDeb(deb, 'test', () => true)) {
    expect(path).toBe('bin/a');
    break;
  }
  expect(Object.keys(await read(deb))).toEqual(['bin/a', 'bin/b']);
});

test.each([
  ['a path out of the package', './bin/../../etc/shadow'],
  ['a path from the root', '/bin/sh'],
])('%s is refused, wanted or not', async (_, name) => {
  const deb = await makeDeb([[name, 'x']]);
  await expect(read(deb)).rejects.toMatchObject({ code: 'package-damaged' });
  await expect(read(deb, /^nothing$/)).rejects.toMatchObject({ code: 'package-damaged' });
});

test.each([
  ['a symbolic link', { type: 'symlink', linkname: '/etc/shadow' }],
  ['a hard link', { type: 'link', linkname: 'etc/shadow' }],
  ['a device', { type: 'character-device', devmajor: 1, devminor: 1 }],
  ['a pipe', { type: 'fifo' }],
] as const)('%s in the place of a wanted file is refused', async (_, header) => {
  const deb = await makeDeb([[{ name: 'bin/a', ...header }]]);
  await expect(read(deb)).rejects.toMatchObject({ code: 'package-damaged' });
});

test('a file that says it is larger than any is refused before it is held', async () => {
  const tar = Buffer.from(await makeTar([['bin/a', 'one']]));
  // The size in the header, as binary number, with the sum of the header made right.
  Buffer.from([0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).copy(tar, 124);
  tar.fill(0x20, 148, 156);
  const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const deb = makeAr({ 'data.tar.gz': gzipSync(tar) });
  await expect(read(deb)).rejects.toMatchObject({ code: 'package-damaged' });
});

test('what unpacks to more than it may is refused', async () => {
  const deb = await makeDeb([['other', new Uint8Array(4 << 20)]]);
  expect(deb.length).toBeLessThan(20_000);
  await expect(read(deb, /^bin/, { unpacked: 1 << 20, file: 100 })).rejects.toMatchObject({ code: 'package-damaged' });
});

test('a wanted file that is larger than it may be is refused', async () => {
  const deb = await makeDeb([['bin/a', new Uint8Array(101)]]);
  await expect(read(deb, /^bin/, { unpacked: 1 << 20, file: 100 })).rejects.toMatchObject({ code: 'package-damaged' });
});

test.each([
  ['no archive', Buffer.from('hello')],
  ['an archive without files', makeAr({ 'debian-binary': Buffer.from('2.0\n') })],
  ['files in a form that is not read', makeAr({ 'data.tar.zst': Buffer.from('x') })],
  ['files that are no gzip', makeAr({ 'data.tar.gz': Buffer.from('hello') })],
  ['files that are no XZ', makeAr({ 'data.tar.xz': Buffer.from('hello hello hello') })],
  ['files that are empty XZ', makeAr({ 'data.tar.xz': Buffer.alloc(0) })],
  ['files that are no tar', makeAr({ 'data.tar': Buffer.alloc(512, 'x') })],
  ['a member that is longer than the archive', Buffer.from(makeAr({ 'data.tar': Buffer.alloc(600) })).subarray(0, 300)],
])('%s is refused', async (_, deb) => {
  await expect(read(deb)).rejects.toBeInstanceOf(UserError);
});

test('a package that was damaged anywhere is read, or refused as damaged', async () => {
  const deb = await makeDeb([['bin/a', 'one'.repeat(100)]]);
  await fc.assert(
    fc.asyncProperty(fc.nat(deb.length - 1), fc.nat(255), async (at, value) => {
      const damaged = Uint8Array.from(deb);
      damaged[at] = value;
      const failure: unknown = await read(damaged).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failure === undefined || failure instanceof UserError).toBe(true);
    }),
    { numRuns: 200 },
  );
});

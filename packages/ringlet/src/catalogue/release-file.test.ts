import { expect, test } from 'vitest';
import { parseRelease, withoutSignature } from './release-file.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const SUM = 'ab'.repeat(32);

test('a release names its suite, and the size and sum of each list', async () => {
  const release = await parseRelease(
    text(`Codename: bookworm\nMD5Sum:\n 00 1 x\nSHA256:\n ${SUM}   42 main/binary-amd64/Packages.xz\n`),
  );
  expect(release.codename).toBe('bookworm');
  expect([...release.files]).toEqual([['main/binary-amd64/Packages.xz', { sha256: SUM, size: 42 }]]);
  expect(release.validUntil).toBeUndefined();
});

test('a release says how long it is valid', async () => {
  const release = await parseRelease(text('Codename: x\nValid-Until: Sat, 18 Jul 2026 20:16:37 UTC\n'));
  expect(release.validUntil).toBe(Date.UTC(2026, 6, 18, 20, 16, 37));
});

test.each([
  ['nothing', ''],
  ['a line that is no sum', `SHA256:\n ${SUM} many Packages\n`],
  ['a line that is no field', 'hello\n'],
])('%s is refused', async (_, contents) => {
  await expect(parseRelease(text(contents))).rejects.toMatchObject({ code: 'index-damaged' });
});

test('of a signed text what stands outside the signature does not count', () => {
  const signed = [
    '-----BEGIN PGP SIGNED MESSAGE-----',
    'Hash: SHA256',
    '',
    'Codename: bookworm',
    '- -----dashes',
    '-----BEGIN PGP SIGNATURE-----',
    'iQ==',
    '-----END PGP SIGNATURE-----',
    'Codename: evil',
  ].join('\n');
  expect(new TextDecoder().decode(withoutSignature(text(signed)))).toBe('Codename: bookworm\n-----dashes\n');
});

test('a signed text without a signature is refused', () => {
  expect(() => withoutSignature(text('-----BEGIN PGP SIGNED MESSAGE-----\n\nCodename: x\n'))).toThrow(/signed/);
});

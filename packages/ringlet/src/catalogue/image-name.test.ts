import { expect, test } from 'vitest';
import { looksLikeImage, parseImageName, shortName } from './image-name.ts';

test.each([
  ['debian', 'debian-bookworm-cloud', 'debian'],
  ['debian-cloud', 'debian-bookworm-cloud', 'debian'],
  ['debian-generic', 'debian-bookworm-generic', 'debian-generic'],
  ['debian-trixie', 'debian-trixie-cloud', 'debian-trixie'],
  ['debian-trixie-generic', 'debian-trixie-generic', 'debian-trixie-generic'],
])('%s is %s, or %s for short', (name, full, short) => {
  expect(parseImageName(name).full).toBe(full);
  expect(shortName(parseImageName(full))).toBe(short);
});

test.each([
  ['debian+perl', 'debian-bookworm-cloud+perl', 'debian+perl'],
  ['debian-generic+openssl,g++', 'debian-bookworm-generic+g++,openssl', 'debian-generic+g++,openssl'],
  ['debian-trixie-disk+perl', 'debian-trixie-cloud-disk+perl', 'debian-trixie-disk+perl'],
])('packages stand behind a plus sign: %s is %s, or %s for short', (name, full, short) => {
  expect(looksLikeImage(name)).toBe(true);
  expect(parseImageName(name).full).toBe(full);
  expect(shortName(parseImageName(full))).toBe(short);
});

test('packages of a name and of a flag come together, each once, in one order', () => {
  const image = parseImageName('debian+perl,bash', { packages: ['perl', 'openssl'] });
  expect(image.packages).toEqual(['bash', 'openssl', 'perl']);
  expect(image.full).toBe('debian-bookworm-cloud+bash,openssl,perl');
});

test.each(['debian+', 'debian+perl,', 'debian+Perl', 'debian+../x', 'debian+a', 'debian+perl openssl'])(
  '"%s" names no package',
  (name) => {
    expect(() => parseImageName(name)).toThrow(expect.objectContaining({ code: 'flag-invalid' }));
  },
);

test('a name too long for a directory is refused', () => {
  const packages = Array.from({ length: 40 }, (_, n) => `package${n}`);
  expect(() => parseImageName('debian', { packages })).toThrow(expect.objectContaining({ code: 'flag-invalid' }));
});

test('flags say what a name leaves open', () => {
  expect(parseImageName('debian', { suite: 'trixie', kernel: 'generic' }).full).toBe('debian-trixie-generic');
  expect(() => parseImageName('debian-trixie', { suite: 'bookworm' })).toThrow(/trixie.*bookworm/);
});

test.each(['ubuntu', 'debian-', 'debian-../x', 'debian-a-b-c', 'debian-generic-trixie', 'Debian', ''])(
  '"%s" is not in the catalogue',
  (name) => {
    expect(() => parseImageName(name)).toThrow(expect.objectContaining({ code: 'image-unknown' }));
  },
);

test.each([{ suite: '../../etc' }, { suite: 'Bookworm' }, { kernel: 'tiny' }])('%o is refused', (choices) => {
  expect(() => parseImageName('debian', choices)).toThrow(expect.objectContaining({ code: 'flag-invalid' }));
});

test.each(['debian.ts', './debian', 'debian/guest.ts', 'examples/hello.ts', 'debian.yaml'])('%s is a path', (path) => {
  expect(looksLikeImage(path)).toBe(false);
});

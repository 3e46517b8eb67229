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

/** `pull --with`: packages of a mirror of ours, and what Linux would unpack. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CpioEntry, FileKind, readCpio } from '@ringlet/root-partition';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { controlFile, DebianMirror, makeDeb, type MirrorPackage, usualPackages } from '../../tests/debian-mirror.ts';
import { pull, type PullOptions, type PullResult } from './pull.ts';
import { resolveCatalogue } from './resolve.ts';

let mirror: DebianMirror;
let cache: string;

beforeEach(async () => {
  mirror = await DebianMirror.start(await packages());
  cache = mkdtempSync(join(tmpdir(), 'ringlet-with-'));
});

afterEach(async () => {
  await mirror.stop();
  rmSync(cache, { recursive: true });
});

async function packages(): Promise<Record<string, MirrorPackage>> {
  const simple = async (name: string, ...files: string[]): Promise<{ deb: Uint8Array }> => ({
    deb: await makeDeb(
      files.map((path) => [{ name: `./${path}`, mode: 0o755 }, `${name}:${path}`]),
      [controlFile(name)],
    ),
  });
  return {
    ...(await usualPackages()),
    bash: { ...(await simple('bash', 'bin/bash')), depends: 'libtinfo6' },
    libtinfo6: await simple('libtinfo6', 'lib/x86_64-linux-gnu/libtinfo.so.6', 'usr/share/doc/libtinfo6/changelog'),
    tool: {
      ...(await simple('tool', 'usr/bin/tool', 'usr/sbin/mount')),
      depends: 'library, debconf (>= 0.5) | debconf-2.0',
    },
    library: await simple('library', 'usr/lib/x86_64-linux-gnu/library.so'),
    debconf: { ...(await simple('debconf', 'usr/sbin/dpkg-reconfigure')), depends: 'perl-base, nowhere' },
  };
}

const pullHere = (name: string, options: Partial<PullOptions> = {}): Promise<PullResult> =>
  pull(name, { cache, mirror: mirror.url, signatures: false, ...options });

/** What is there after both archives were unpacked; text of files, targets of links. */
function unpacked(initrd: string): Map<string, string> {
  const bytes = readFileSync(initrd);
  const first = readCpio(bytes);
  const second = readCpio(bytes, first.end);
  const tree = new Map<string, CpioEntry>();
  for (const entry of [...first.entries, ...second.entries]) tree.set(entry.name, entry);
  const kind = ({ mode }: CpioEntry): number => mode & FileKind.Mask;
  return new Map(
    [...tree].map(([name, entry]) => {
      const text = new TextDecoder().decode(entry.data);
      if (kind(entry) === FileKind.Directory) return [name, '/'];
      return [name, kind(entry) === FileKind.SymbolicLink ? `-> ${text}` : text];
    }),
  );
}

test('packages and what they need are in the image, programs first in line, busybox behind them', async () => {
  const image = await pullHere('debian', { with: ['tool'] });

  expect(image).toMatchObject({ name: 'debian-bookworm-cloud+tool', shortName: 'debian+tool', made: true });
  const tree = unpacked(image.initrd);
  expect(
    Object.fromEntries([...tree].filter(([name]) => /(tool|bash|\/mount|libtinfo|library\.so|\/perl)/.test(name))),
  ).toEqual({
    'usr/bin/tool': 'tool:usr/bin/tool',
    'bin/tool': '-> ../usr/bin/tool',
    'usr/sbin/mount': 'tool:usr/sbin/mount',
    'bin/mount': '-> busybox',
    'usr/bin/bash': 'bash:bin/bash',
    'bin/bash': '-> ../usr/bin/bash',
    'usr/lib/x86_64-linux-gnu/libtinfo.so.6': 'libtinfo6:lib/x86_64-linux-gnu/libtinfo.so.6',
    'lib/x86_64-linux-gnu/libtinfo.so.6': '-> /usr/lib/x86_64-linux-gnu/libtinfo.so.6',
    'usr/lib/x86_64-linux-gnu/library.so': 'library:usr/lib/x86_64-linux-gnu/library.so',
    // The first archive's own Perl.
    'bin/perl': 'perl',
    'usr/bin/perl': '-> ../../bin/perl',
  });
  expect(tree.get('usr/bin')).toBe('/');
  expect(tree.get('usr/bin/modprobe')).toBe('-> ../../bin/modprobe');
  expect([...tree.keys()].filter((name) => name.includes('doc/') || name.includes('dpkg'))).toEqual([]);
});

test('packages that only scripts need stay away, with all that they need', async () => {
  const { description } = await pullHere('debian+tool');

  const names = description.packages.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['tool', 'library', 'bash', 'libtinfo6', 'busybox-static']));
  expect(names).not.toContain('debconf');
});

test('the image has a name of its own, beside the plain one', async () => {
  const plain = await pullHere('debian');
  const more = await pullHere('debian', { with: ['tool'] });

  expect(plain.name).toBe('debian-bookworm-cloud');
  expect((await pullHere('debian+tool')).made).toBe(false);
  expect(resolveCatalogue('debian+tool', { cache })?.initrd).toBe(more.initrd);
  expect(resolveCatalogue('debian', { cache })?.initrd).toBe(plain.initrd);
  const [first, second] = [readFileSync(plain.initrd), readFileSync(more.initrd)];
  expect(second.subarray(0, first.length).equals(first)).toBe(true);
});

test('the same packages give the same bytes', async () => {
  const once = await pullHere('debian+tool');
  const again = await pullHere('debian+tool', { force: true });

  expect(again.made).toBe(true);
  expect(again.description.initrd).toEqual(once.description.initrd);
});

test('a package that is not there is told, and nothing is made', async () => {
  await expect(pullHere('debian', { with: ['tool', 'none-such'] })).rejects.toMatchObject({
    code: 'package-not-found',
    message: 'there is no package none-such, which --with needs',
  });
  expect(resolveCatalogue('debian+tool,none-such', { cache })).toBeUndefined();
});

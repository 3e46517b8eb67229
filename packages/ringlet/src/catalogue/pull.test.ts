import { createHash } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCpio } from '@ringlet/root-partition';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DebianMirror, KERNEL, KERNEL_VERSION, makeDeb, usualPackages } from '../../tests/debian-mirror.ts';
import { Cache } from './cache.ts';
import { lockCache } from './cache-lock.ts';
import { listImages, removeImage } from './image.ts';
import { pull, type PullOptions, type PullResult } from './pull.ts';
import type { PullEvent } from './pull-event.ts';
import { resolveCatalogue } from './resolve.ts';

const KERNEL_DEB = `pool/linux-image-${KERNEL_VERSION}.deb`;

let mirror: DebianMirror;
let cache: string;
let events: PullEvent[];

beforeEach(async () => {
  mirror = await DebianMirror.start(await usualPackages());
  cache = mkdtempSync(join(tmpdir(), 'ringlet-pull-'));
  events = [];
});

afterEach(async () => {
  await mirror.stop();
  rmSync(cache, { recursive: true });
});

const pullHere = (options: Partial<PullOptions> = {}): Promise<PullResult> =>
  pull('debian', { cache, mirror: mirror.url, signatures: false, onEvent: (event) => events.push(event), ...options });

/** What stands in the cache besides finished packages and unfinished downloads. */
const leftovers = (): string[] => [
  ...readdirSync(join(cache, 'images')),
  ...(existsSync(join(cache, 'lock')) ? ['lock'] : []),
];

test('an image is made from the packages of a mirror, and found by its name', async () => {
  const image = await pullHere();

  expect(image).toMatchObject({ made: true, name: 'debian-bookworm-cloud', kernelVersion: KERNEL_VERSION });
  expect(image.description.signatures).toBe('not-checked');
  expect(readFileSync(image.kernel).equals(KERNEL)).toBe(true);
  const names = readCpio(readFileSync(image.initrd)).entries.map(({ name }) => name);
  const modules = `lib/modules/${KERNEL_VERSION}`;
  expect(names).toContain(`${modules}/kernel/drivers/scsi/scsi_mod.ko`);
  expect(names).toContain(`${modules}/modules.builtin`);
  expect(names).not.toContain(`${modules}/kernel/drivers/net/unrelated.ko`);
  const { made: _, ...found } = image;
  expect(resolveCatalogue('debian', { cache })).toEqual(found);
  expect(leftovers()).toEqual(['debian-bookworm-cloud']);
});

test('what was not pulled, and what is a path, is not found', () => {
  expect(resolveCatalogue('debian', { cache })).toBeUndefined();
  expect(resolveCatalogue('./debian', { cache })).toBeUndefined();
});

test('a second pull does nothing; with force it makes the same bytes from the packages it has', async () => {
  const first = await pullHere();
  mirror.requests.length = 0;

  expect((await pullHere()).made).toBe(false);
  expect(mirror.requests).toEqual([]);

  const forced = await pullHere({ force: true });
  expect(forced.made).toBe(true);
  expect(forced.description.initrd).toEqual(first.description.initrd);
  expect(mirror.requests.filter((path) => path.startsWith('pool/'))).toEqual([]);
});

test('a package that was damaged in the cache is fetched again', async () => {
  await pullHere();
  for (const file of readdirSync(join(cache, 'packages'))) writeFileSync(join(cache, 'packages', file), 'damaged');

  await pullHere({ force: true });

  expect(events.filter(({ type }) => type === 'notice')).toHaveLength(5);
  expect(readFileSync((await pullHere()).kernel).equals(KERNEL)).toBe(true);
});

test('an image that was damaged is refused, and made anew by a pull', async () => {
  const { initrd } = await pullHere();
  writeFileSync(initrd, 'damaged');

  expect(() => resolveCatalogue('debian', { cache })).toThrow(expect.objectContaining({ code: 'image-damaged' }));

  expect((await pullHere()).made).toBe(true);
  expect(resolveCatalogue('debian', { cache })).toBeDefined();
});

test('a download that breaks off goes on where it stopped', async () => {
  let broken = false;
  mirror.misbehave = (path, _request, response, body) => {
    if (path !== KERNEL_DEB || broken) return false;
    broken = true;
    response.writeHead(200, { 'content-length': body.length });
    // Closing at once would reset the connection, and what is under way with it.
    response.write(body.subarray(0, 700), () => setTimeout(() => response.destroy(), 200));
    return true;
  };

  await pullHere();

  expect(mirror.requests).toContain(`${KERNEL_DEB} from 700`);
});

test('a download that a process left is taken up by the next, and thrown away when it is of something else', async () => {
  const body = mirror.files.get(KERNEL_DEB)!;
  const partial = join(cache, 'partial', `${createHash('sha256').update(body).digest('hex')}.deb`);
  mkdirSync(join(cache, 'partial'), { recursive: true });
  writeFileSync(partial, body.subarray(0, 500));

  await pullHere();
  expect(mirror.requests).toContain(`${KERNEL_DEB} from 500`);
  expect(existsSync(partial)).toBe(false);

  rmSync(join(cache, 'packages'), { recursive: true });
  mirror.requests.length = 0;
  writeFileSync(partial, Buffer.alloc(500, 'x'));
  await pullHere({ force: true });
  expect(mirror.requests.filter((path) => path.startsWith(KERNEL_DEB))).toEqual([`${KERNEL_DEB} from 500`, KERNEL_DEB]);
});

test('a server that knows no ranges sends everything again', async () => {
  const body = mirror.files.get(KERNEL_DEB)!;
  mkdirSync(join(cache, 'partial'), { recursive: true });
  const partial = join(cache, 'partial', `${createHash('sha256').update(body).digest('hex')}.deb`);
  writeFileSync(partial, body.subarray(0, 500));
  mirror.misbehave = (_path, _request, response, all) => {
    response.writeHead(200).end(all);
    return true;
  };

  expect((await pullHere()).made).toBe(true);
});

test('a package with a wrong sum is refused, not kept, and right the next time', async () => {
  mirror.misbehave = (path, _request, response, body) => {
    if (path !== KERNEL_DEB) return false;
    response.writeHead(200).end(Buffer.from(body).fill(0x55, 100, 110));
    return true;
  };
  await expect(pullHere()).rejects.toMatchObject({ code: 'download-damaged' });
  expect(readdirSync(join(cache, 'packages'))).toEqual([]);
  expect(readdirSync(join(cache, 'partial'))).toEqual([]);
  expect(leftovers()).toEqual([]);

  mirror.misbehave = () => false;
  expect((await pullHere()).made).toBe(true);
});

test('a server that sends more than it should is cut off', async () => {
  mirror.misbehave = (path, _request, response, body) => {
    if (path !== KERNEL_DEB) return false;
    response.writeHead(200).write(Buffer.concat([body, Buffer.alloc(1 << 20)]));
    return true;
  };
  await expect(pullHere()).rejects.toMatchObject({ code: 'download-failed' });
});

test('a package list that is not the one of the release is refused', async () => {
  mirror.files.set('dists/bookworm/main/binary-amd64/Packages.gz', Buffer.from('another list'));
  await expect(pullHere()).rejects.toMatchObject({
    code: expect.stringMatching(/^download-(damaged|failed)$/) as string,
  });
});

test.each([
  ['is of another suite', 'trixie', []],
  ['is out of date', 'bookworm', ['Valid-Until: Sat, 01 Jan 2022 00:00:00 UTC']],
])('a release that %s is refused', async (_, codename, more) => {
  mirror.setList('', codename, more);
  await expect(pullHere()).rejects.toMatchObject({ code: 'index-damaged' });
});

test('a suite, a package or a mirror that is not there is told as such', async () => {
  await expect(pullHere({ suite: 'sid' })).rejects.toMatchObject({ code: 'suite-not-found' });
  await expect(pullHere({ kernel: 'generic' })).rejects.toMatchObject({ code: 'package-not-found' });
  await expect(pullHere({ mirror: 'ftp://mirror' })).rejects.toMatchObject({ code: 'flag-invalid' });
  await expect(pullHere({ mirror: 'http://127.0.0.1:1/' })).rejects.toMatchObject({ code: 'download-failed' });
});

test('a kernel without the file of its name makes no image', async () => {
  await mirror.stop();
  const packages = await usualPackages();
  packages[`linux-image-${KERNEL_VERSION}`] = { deb: await makeDeb([['boot/other', 'x']]) };
  mirror = await DebianMirror.start(packages);

  await expect(pullHere()).rejects.toMatchObject({ code: 'package-damaged' });
  expect(leftovers()).toEqual([]);
});

test('an end in the middle of a download leaves no image and no lock, and keeps what has arrived', async () => {
  const abort = new AbortController();
  mirror.misbehave = (path, _request, response, body) => {
    if (path !== KERNEL_DEB) return false;
    response.writeHead(200).write(body.subarray(0, 600));
    return true;
  };
  const onEvent = (event: PullEvent): void => {
    if (event.type === 'progress') abort.abort();
  };

  await expect(pullHere({ signal: abort.signal, onEvent })).rejects.toMatchObject({ name: 'AbortError' });
  expect(leftovers()).toEqual([]);

  mirror.misbehave = () => false;
  await pullHere();
  expect(mirror.requests).toContain(`${KERNEL_DEB} from 600`);
});

test('two pulls at once: the second is told who is at it', async () => {
  const holder = new Cache(cache);
  holder.create();
  const unlock = lockCache(holder.lock);
  await expect(pullHere()).rejects.toMatchObject({
    code: 'cache-locked',
    message: expect.stringContaining(String(process.pid)) as string,
  });
  unlock();
  expect((await pullHere()).made).toBe(true);

  const again = lockCache(holder.lock);
  expect((await pullHere()).made).toBe(false);
  again();
});

test('the lock of a process that is gone does not count', async () => {
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  const { hostname } = await import('node:os');
  writeFileSync(join(cache, 'lock'), JSON.stringify({ pid: gone, host: hostname() }));
  expect((await pullHere()).made).toBe(true);
});

test('what a process that was killed has left is removed', async () => {
  mkdirSync(join(cache, 'images', '.new-debian-bookworm-cloud'), { recursive: true });
  mkdirSync(join(cache, 'images', '.old-debian-bookworm-cloud'), { recursive: true });
  await pullHere();
  expect(leftovers()).toEqual(['debian-bookworm-cloud']);
});

test('an image goes with its packages, but not with those of others', async () => {
  await pullHere();
  const store = new Cache(cache);
  const packages = readdirSync(store.packages);
  expect(packages).toHaveLength(5);
  expect(listImages(store).map(({ name }) => name)).toEqual(['debian-bookworm-cloud']);

  expect(() => removeImage(store, 'debian-trixie-cloud')).toThrow(expect.objectContaining({ code: 'image-not-there' }));
  writeFileSync(join(store.packages, 'of-nobody.deb'), '');
  removeImage(store, 'debian-bookworm-cloud');

  expect(listImages(store)).toEqual([]);
  expect(readdirSync(store.packages)).toEqual([]);
});

test('a cache that cannot be made is told as such', async () => {
  const file = join(cache, 'file');
  writeFileSync(file, '');
  await expect(pullHere({ cache: join(file, 'below') })).rejects.toMatchObject({ code: 'cache-unusable' });
});

const hasGpg = spawnSync('gpg', ['--version']).status === 0 && spawnSync('gpgv', ['--version']).status === 0;

test.skipIf(!hasGpg)('a release counts only with a signature by one of the keys', async () => {
  const home = join(cache, 'gpg');
  mkdirSync(home, { mode: 0o700 });
  const gpg = (...words: string[]): Buffer => execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', ...words]);
  gpg('--passphrase', '', '--quick-generate-key', 'test@example.org', 'ed25519', 'sign', 'never');
  const keyring = join(cache, 'keys.gpg');
  writeFileSync(keyring, gpg('--export'));
  const release = join(cache, 'Release');
  writeFileSync(release, mirror.files.get('dists/bookworm/Release')!);
  const signed = gpg('--clearsign', '--output', '-', release);
  const wanted = { signatures: true, keyring, force: true };
  const refused = { code: 'signature-wrong' };

  await expect(pullHere(wanted)).rejects.toMatchObject(refused);

  mirror.files.set('dists/bookworm/InRelease', signed);
  expect((await pullHere(wanted)).description.signatures).toBe('checked');

  const changed = signed.toString().replace('Codename: bookworm', 'Codename: trixie');
  mirror.files.set('dists/bookworm/InRelease', Buffer.from(changed));
  await expect(pullHere(wanted)).rejects.toMatchObject(refused);

  mirror.files.set('dists/bookworm/InRelease', Buffer.concat([signed, signed]));
  await expect(pullHere(wanted)).rejects.toMatchObject(refused);
  spawnSync('gpgconf', ['--homedir', home, '--kill', 'all']);
});

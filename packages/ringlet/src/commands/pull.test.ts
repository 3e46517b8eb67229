import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DebianMirror, KERNEL_VERSION, usualPackages } from '../../tests/debian-mirror.ts';
import { RecordingHost } from '../../tests/recording-host.ts';
import { runCommandLine } from './program.ts';
// Loaded when they are used; a test's time shall not go by with that.
import './images.ts';
import './pull.ts';

let mirror: DebianMirror;
let home: string;
let host: RecordingHost;

beforeEach(async () => {
  mirror = await DebianMirror.start(await usualPackages());
  home = mkdtempSync(join(tmpdir(), 'ringlet-pull-'));
  host = new RecordingHost({ XDG_CACHE_HOME: home });
});

afterEach(async () => {
  await mirror.stop();
  rmSync(home, { recursive: true });
});

const ringlet = (...words: string[]): Promise<number> => runCommandLine(words, host);
const pullDebian = (...more: string[]): Promise<number> =>
  ringlet('pull', 'debian', '--mirror', mirror.url, '--no-signatures', ...more);

test('a pull says what it fetches, and on standard output only what has come of it', async () => {
  expect(await pullDebian()).toBe(0);

  expect(host.stdout).toMatch(
    new RegExp(`^debian: Linux ${KERNEL_VERSION}, [\\d.]+ KiB, from http://.*, signatures not checked\\n$`),
  );
  expect(host.stderr.split('\n').map((line) => line.split(' ')[1])).toEqual([
    'bookworm',
    `linux-image-${KERNEL_VERSION}`,
    'busybox-static',
    'perl-base',
    'libc6',
    'libcrypt1',
    'making',
    undefined,
  ]);

  host.stdout = '';
  expect(await pullDebian()).toBe(0);
  expect(host.stdout).toMatch(/it was there; --force makes it anew/);
});

test('on a terminal one line moves, and is gone at the end', async () => {
  class Terminal extends RecordingHost {
    override readonly terminal = true;
  }
  host = new Terminal({ XDG_CACHE_HOME: home });
  expect(await pullDebian()).toBe(0);
  expect(host.stderr).toContain('100 %\r\u001b[K');
  expect(host.stderr.split('\r\u001b[K').at(-1)).not.toMatch(/%/);
});

test('with --json each line is an object, and standard error is empty', async () => {
  expect(await pullDebian('--json')).toBe(0);

  const lines = host.stdout.trimEnd().split('\n');
  const objects = lines.map((line) => JSON.parse(line) as { type: string; made?: boolean });
  expect(new Set(objects.map(({ type }) => type))).toEqual(
    new Set(['lists', 'source', 'package', 'progress', 'building', 'image']),
  );
  expect(objects.at(-1)).toMatchObject({ type: 'image', shortName: 'debian', made: true });
  expect(host.stderr).toBe('');
});

test('with --json a failure is an object, too', async () => {
  expect(await pullDebian('--json', '--suite', 'nowhere')).toBe(2);
  expect(JSON.parse(host.stdout)).toMatchObject({ type: 'error', code: 'suite-not-found' });
});

test('Ctrl-C ends it with the exit code of an interruption, and leaves no image', async () => {
  mirror.misbehave = (path, _request, response, body) => {
    if (!path.startsWith('pool/')) return false;
    response.writeHead(200).write(body.subarray(0, 100), () => host.signal('SIGINT'));
    return true;
  };
  expect(await pullDebian()).toBe(130);
  expect(host.stderr).toMatch(/interrupted; what was fetched is kept/);
  expect(readdirSync(join(home, 'ringlet/images'))).toEqual([]);
  expect(existsSync(join(home, 'ringlet/lock'))).toBe(false);
});

test('images are listed by the names that they are asked for by, and removed', async () => {
  expect(await ringlet('images', 'ls')).toBe(0);
  expect(host.stderr).toMatch(/ringlet pull debian/);
  await pullDebian();
  host.stdout = '';

  expect(await ringlet('images', 'ls')).toBe(0);
  expect(host.stdout).toMatch(new RegExp(`^NAME .*\\ndebian  ${KERNEL_VERSION} .*signatures not checked\\)\\n$`));
  expect(await ringlet('images', 'rm', 'debian')).toBe(0);
  expect(await ringlet('images', 'rm', 'debian')).toBe(2);
  expect(host.stderr).toMatch(/code {2}image-not-there/);
});

test('a name that is nearly right is met with the right one', async () => {
  expect(await ringlet('pull', 'debain')).toBe(2);
  expect(host.stderr).toMatch(/did you mean debian\?/);
});

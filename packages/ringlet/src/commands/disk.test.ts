import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RecordingHost } from '../../tests/recording-host.ts';
import { runCommandLine } from './program.ts';

let folder: string;
let host: RecordingHost;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-disk-'));
  host = new RecordingHost();
});
afterEach(() => rmSync(folder, { recursive: true }));

const disk = (...words: string[]): Promise<number> => runCommandLine(['disk', ...words], host);
const at = (file: string): string => join(folder, file);

test.each([
  ['a.vhdx', [], /^.*a\.vhdx: vhdx.*, 8 MiB\n$/],
  ['a.vhd', ['--fixed'], /^.*a\.vhd: vhd.*, 8 MiB\n$/],
  ['a.img', [], /^.*a\.img: raw, 8 MiB\n$/],
  ['a.disk', ['--format', 'vhdx'], /^.*a\.disk: vhdx.*, 8 MiB\n$/],
])('create makes %s with %j', async (file, flags, told) => {
  expect(await disk('create', at(file), '--size', '8M', ...flags)).toBe(0);
  expect(host.stdout).toMatch(told);
});

test('a differencing image takes its size from its parent', async () => {
  await disk('create', at('parent.vhdx'), '--size', '8M');
  host.stdout = '';
  expect(await disk('create', at('child.vhdx'), '--parent', at('parent.vhdx'))).toBe(0);
  expect(host.stdout).toContain('8 MiB');
});

test('create overwrites nothing', async () => {
  writeFileSync(at('a.img'), 'precious');
  expect(await disk('create', at('a.img'), '--size', '8M')).toBe(2);
  expect(host.stderr).toContain('disk-exists');
  expect(statSync(at('a.img')).size).toBe(8);
});

test('create without a size says how to give one', async () => {
  expect(await disk('create', at('a.img'))).toBe(2);
  expect(host.stderr).toContain('add --size 1G');
});

test('a format that cannot be made is refused', async () => {
  expect(await disk('create', at('a.img'), '--size', '8M', '--format', 'qcow2')).toBe(2);
  expect(host.stderr).toContain('flag-invalid');
});

test('info tells what an image is, for programs too', async () => {
  await disk('create', at('a.vhdx'), '--size', '8M');
  host.stdout = '';
  expect(await disk('info', at('a.vhdx'), '--json')).toBe(0);
  expect(JSON.parse(host.stdout)).toMatchObject({ bytes: 8 * 1024 * 1024, sectorSize: 512, optical: false });
  host.stdout = '';
  expect(await disk('info', at('a.vhdx'))).toBe(0);
  expect(host.stdout).toContain('size: 8 MiB\n');
});

test('check reads every sector and gives the hash of what a guest would see', async () => {
  await disk('create', at('a.vhdx'), '--size', '8M');
  host.stdout = '';
  expect(await disk('check', at('a.vhdx'))).toBe(0);
  const zeroes = createHash('sha256')
    .update(Buffer.alloc(8 * 1024 * 1024))
    .digest('hex');
  expect(host.stdout).toContain(`no damage found\nsha256 ${zeroes}\n`);
});

test('check refuses a damaged image and says what is wrong', async () => {
  await disk('create', at('a.vhdx'), '--size', '8M');
  truncateSync(at('a.vhdx'), 700_000);
  expect(await disk('check', at('a.vhdx'))).toBe(2);
  expect(host.stderr).toMatch(/code {2}disk-damaged/);
});

test('an image that is not there is a user error', async () => {
  expect(await disk('info', at('nowhere.vhdx'))).toBe(2);
  expect(host.stderr).toContain('disk-not-found');
});

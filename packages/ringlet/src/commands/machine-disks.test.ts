/** The commands about disks of running machines, against a control socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FAKE_FACTS, FakeMachine } from '../../tests/fake-machine.ts';
import { RecordingHost } from '../../tests/recording-host.ts';
import { controlDirectory } from '../control/directory.ts';
import { type ControlServer, serveControl } from '../control/server.ts';
import { runCommandLine } from './program.ts';
// Loaded when it is used; a test's time shall not go by with that.
import './machine-disks.ts';

let folder: string;
let host: RecordingHost;
let machine: FakeMachine;
let server: ControlServer;

const disk = (image: string) => ({ image, kind: 'vhdx', sectorSize: 512, sectorCount: 4096, readOnly: false });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-disks-'));
  host = new RecordingHost({ RINGLET_RUN_DIR: join(folder, 'run') });
  machine = new FakeMachine('web');
  machine.inspect = async () => ({ '0:0:0': disk('/root.vhdx'), '0:0:3': disk(resolve('data.vhdx')) });
  server = await serveControl(machine, FAKE_FACTS, controlDirectory(host.environment));
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const ringlet = (...words: string[]): Promise<number> => runCommandLine(['disk', ...words], host);

test('a disk is attached as for run --disk, by its full path, and where it hangs is told', async () => {
  expect(await ringlet('attach', 'web', 'more.raw,keep,lun=5')).toBe(0);
  expect(machine.asked).toEqual([`attach ${JSON.stringify({ path: resolve('more.raw'), keep: true, lun: 5 })}`]);
  expect(host.stderr).toBe('web has more.raw as disk 0:0:5\n');

  expect(await ringlet('attach', 'web', 'tools.iso', '--json')).toBe(0);
  expect(JSON.parse(host.stdout)).toMatchObject({ place: '0:0:1', controller: 0, target: 0, lun: 1 });
});

test.each([
  ['its place', '0:0:3'],
  ['its unit', '3'],
  ['its image', 'data.vhdx'],
])('a disk is named by %s', async (_, name) => {
  expect(await ringlet('detach', 'web', name)).toBe(0);
  expect(await ringlet('resize', 'web', name, '3G')).toBe(0);
  const place = '{"controller":0,"target":0,"lun":3}';
  expect(machine.asked).toEqual([`detach ${place}`, `resize ${place} to ${3 * 1024 ** 3}`]);
});

test('a name that no disk has is an error that says which there are', async () => {
  expect(await ringlet('detach', 'web', 'other.vhdx')).toBe(2);
  expect(host.stderr).toMatch(/no disk is other.vhdx/);
  expect(host.stderr).toMatch(/0:0:0 \/root.vhdx/);
  expect(await ringlet('detach', 'web', '0:9:0')).toBe(2);
  expect(machine.asked).toEqual([]);
});

test('disks are listed with their sizes', async () => {
  expect(await ringlet('ls', 'web')).toBe(0);
  expect(host.stdout.split('\n')[0]).toBe('0:0:0  2 MiB  vhdx  /root.vhdx');
  host.stdout = '';
  expect(await ringlet('ls', 'web', '--json')).toBe(0);
  expect(JSON.parse(host.stdout.split('\n')[1]!)).toMatchObject({ place: '0:0:3', bytes: 2 * 1024 ** 2, kind: 'vhdx' });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FAKE_FACTS, FakeMachine } from '../../tests/fake-machine.ts';
import { RecordingHost } from '../../tests/recording-host.ts';
import { type ControlServer, serveControl } from '../control/server.ts';
import { runCommandLine } from './program.ts';

let folder: string;
let host: RecordingHost;
let machine: FakeMachine;
let server: ControlServer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-keys-'));
  host = new RecordingHost({ RINGLET_RUN_DIR: folder });
  machine = new FakeMachine('web');
  server = await serveControl(machine, FAKE_FACTS, folder);
});

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const ringlet = (...words: string[]): Promise<number> => runCommandLine(words, host);

test('keys are given, taken away and shown', async () => {
  expect(await ringlet('keys', 'web', 'role=db', 'note=a=b')).toBe(0);
  expect(await ringlet('keys', 'web', 'role=')).toBe(0);
  expect(host.stdout).toBe('');
  expect(await ringlet('keys', 'web', '--pool', 'host')).toBe(0);
  expect(await ringlet('keys', 'web', '--json')).toBe(0);
  expect(host.stdout).toBe('pool=host\nnote=a=b\n{"pool":"system","note":"a=b"}\n');
});

test.each([[['role']], [['=x']], [['a=b', '--pool', 'guest']], [['--pool', 'nowhere']]])(
  'keys %j is refused with what it takes',
  async (words) => {
    expect(await ringlet('keys', 'web', ...words)).toBe(2);
    expect(host.stderr).toContain('flag-invalid');
  },
);

test('a clock is set', async () => {
  expect(await ringlet('set-clock', 'web')).toBe(0);
  expect(machine.asked).toEqual(['syncTime']);
});

test('a list shows how the guest is, and as JSON what it says of itself', async () => {
  await ringlet('ls');
  expect(host.stdout).toMatch(/HEARTBEAT.*\n.* no-contact /);
  machine.events$.next({ type: 'heartbeat', state: 'ok' } as { type: string });
  machine.events$.next({ type: 'guest-facts', facts: { os: 'Debian GNU/Linux' } } as { type: string });
  host.stdout = '';
  await ringlet('ls', '--json');
  expect(JSON.parse(host.stdout)).toMatchObject({ heartbeat: 'ok', system: { os: 'Debian GNU/Linux' } });
});

test('a file and its place in the guest reach the machine, absolute', async () => {
  expect(await ringlet('copy', '/etc/hosts', 'web:/root/')).toBe(0);
  expect(await ringlet('copy', '/etc/hosts', 'web:/root/x/../names', '--force', '--parents')).toBe(0);
  expect(machine.asked).toEqual([
    'copy /etc/hosts to /root/hosts',
    'copy /etc/hosts to /root/names over what is there',
  ]);
  expect(await ringlet('copy', '/etc/hosts', 'web:relative')).toBe(2);
});

test('a disk is backed up, by its place', async () => {
  expect(await ringlet('backup', 'web', '/tmp/b.vhdx')).toBe(0);
  expect(await ringlet('backup', 'web', '/tmp/b.raw', '--disk', '1:0:2', '--live')).toBe(0);
  expect(machine.asked).toEqual(['backup 0:0:0 to /tmp/b.vhdx', 'backup 1:0:2 to /tmp/b.raw live']);
  expect(await ringlet('backup', 'web', '/tmp/b.raw', '--disk', 'sda')).toBe(2);
});

test('a machine is restarted by asking its guest, or at once', async () => {
  expect(await ringlet('reboot', 'web')).toBe(0);
  expect(await ringlet('reboot', 'web', '--force')).toBe(0);
  expect(machine.asked).toEqual(['reboot', 'reset']);
  expect(host.stderr).toBe('web starts again\nweb starts again\n');
});

test('a restart that takes too long is told, and may still come', async () => {
  machine.onReboot = () => new Promise(() => {});
  expect(await ringlet('reboot', 'web', '--timeout', '30ms')).toBe(5);
  expect(host.stderr).toContain('reboot-late');
});

test('whoever follows the console is told that the machine starts again', async () => {
  const following = ringlet('console', 'web');
  await expect.poll(() => host.stderr).toContain('leaves');
  await ringlet('reboot', 'web');
  await expect.poll(() => host.stderr).toContain('ringlet: web starts again');
  machine.end({ reason: 'killed' });
  await server.close();
  expect(await following).toBe(0);
});

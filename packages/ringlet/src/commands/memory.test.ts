import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FAKE_FACTS, FakeMachine } from '../../tests/fake-machine.ts';
import { RecordingHost } from '../../tests/recording-host.ts';
import { type ControlServer, serveControl } from '../control/server.ts';
import { runCommandLine } from './program.ts';

const MIB = 1024 * 1024;
let folder: string;
let host: RecordingHost;
let machine: FakeMachine;
let server: ControlServer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-memory-'));
  host = new RecordingHost({ RINGLET_RUN_DIR: folder });
  machine = new FakeMachine('web');
  server = await serveControl(machine, FAKE_FACTS, folder);
});

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const ringlet = (...words: string[]): Promise<number> => runCommandLine(words, host);

test('what a machine has is shown to people, and to programs in bytes', async () => {
  expect(await ringlet('memory', 'web')).toBe(0);
  expect(host.stdout).toMatch(/^assigned +512 MiB +what the guest has$/m);
  expect(host.stdout).toMatch(/^demand +200 MiB /m);
  host.stdout = '';
  expect(await ringlet('memory', 'web', '--json')).toBe(0);
  expect(JSON.parse(host.stdout)).toMatchObject({
    name: 'web',
    assigned: 512 * MIB,
    policy: 'by-hand',
    free: 600 * MIB,
  });
});

test('a target is set, in bytes, or left to the guest', async () => {
  expect(await ringlet('memory', 'web', '384M')).toBe(0);
  expect(host.stdout).toMatch(/^target +384 MiB/m);
  expect(await ringlet('memory', 'web', 'pressure')).toBe(0);
  expect(machine.asked).toEqual([`memory ${384 * MIB}`, 'memory pressure']);
});

test.each([['lots'], ['4097'], ['0']])('the target %s is refused', async (size) => {
  expect(await ringlet('memory', 'web', size)).toBe(2);
  expect(host.stderr).toContain('size-invalid');
  expect(machine.asked).toEqual([]);
});

test('a list has what the guest has and needs, once that is known', async () => {
  await ringlet('ls', '--json');
  expect(JSON.parse(host.stdout)).not.toHaveProperty('assigned');
  machine.events$.next({ type: 'memory', assigned: 300 * MIB, demand: null } as { type: string });
  host.stdout = '';
  await ringlet('ls', '--json');
  expect(JSON.parse(host.stdout)).toMatchObject({ assigned: 300 * MIB });
  machine.events$.next({ type: 'memory', assigned: 300 * MIB, demand: 100 * MIB } as { type: string });
  host.stdout = '';
  await ringlet('ls', '--json');
  expect(JSON.parse(host.stdout)).toMatchObject({ assigned: 300 * MIB, demand: 100 * MIB });
});

/** The commands of screen, keyboard and mouse, against a control socket. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FAKE_FACTS, FakeMachine } from '../../tests/fake-machine.ts';
import { RecordingHost } from '../../tests/recording-host.ts';
import { controlDirectory } from '../control/directory.ts';
import { type ControlServer, serveControl } from '../control/server.ts';
import { runCommandLine } from './program.ts';

let folder: string;
let host: RecordingHost;
let machine: FakeMachine;
let server: ControlServer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-display-'));
  host = new RecordingHost({ RINGLET_RUN_DIR: join(folder, 'run') });
  machine = new FakeMachine('web');
  server = await serveControl(machine, FAKE_FACTS, controlDirectory(host.environment));
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const ringlet = (...words: string[]): Promise<number> => runCommandLine(words, host);

test('screenshot writes a PNG file and says how large the screen is', async () => {
  const file = join(folder, 'screen.png');
  expect(await ringlet('screenshot', 'web', file)).toBe(0);
  expect(host.stderr).toBe(`${file} · 2x1\n`);
  expect(readFileSync(file).subarray(1, 4).toString()).toBe('PNG');
});

test('screenshot - writes it to standard output, and --json says what was written', async () => {
  expect(await ringlet('screenshot', 'web', '-')).toBe(0);
  expect(host.stdout.slice(1, 4)).toBe('PNG');
  host.stdout = '';
  const file = join(folder, 'screen.png');
  expect(await ringlet('screenshot', 'web', file, '--json')).toBe(0);
  expect(JSON.parse(host.stdout)).toEqual({ file, width: 2, height: 1, bytes: readFileSync(file).length });
});

test('a screenshot of a guest that shows nothing leaves no file', async () => {
  machine.display.screenshot = () => Promise.reject(new UserError('display-off', 'the guest shows no picture'));
  const file = join(folder, 'screen.png');
  expect(await ringlet('screenshot', 'web', file)).not.toBe(0);
  expect(host.stderr).toContain('display-off');
  expect(existsSync(file)).toBe(false);
});

test('a screenshot that cannot be written, or would go to a terminal, is refused', async () => {
  expect(await ringlet('screenshot', 'web', join(folder, 'nowhere', 'screen.png'))).not.toBe(0);
  expect(host.stderr).toContain('file-unwritable');
  host.terminal = true;
  expect(await ringlet('screenshot', 'web', '-')).not.toBe(0);
  expect(host.stderr).toContain('a picture on a terminal is only noise');
});

test('type sends the text, then Enter, then the chords', async () => {
  expect(await ringlet('type', 'web', 'ls -l', '--enter', '--keys', 'ctrl-alt-f2  enter')).toBe(0);
  expect(machine.asked).toEqual(['type ls -l\n', 'press ctrl-alt-f2 enter']);
  expect(await ringlet('type', 'web', '€', '--unicode')).toBe(0);
  expect(machine.asked.at(-1)).toBe('type € as characters');
});

test('long texts go in pieces, in order, and no character is cut', async () => {
  const text = '😀'.repeat(5000);
  expect(await ringlet('type', 'web', text, '--unicode')).toBe(0);
  expect(machine.asked.length).toBeGreaterThan(1);
  expect(machine.asked.map((each) => each.replace('type ', '').replace(' as characters', '')).join('')).toBe(text);
});

test('nothing to type is a mistake', async () => {
  expect(await ringlet('type', 'web')).not.toBe(0);
  expect(host.stderr).toContain('nothing to type');
});

test('mouse sends its actions as one request', async () => {
  expect(await ringlet('mouse', 'web', 'move', '10', '20', 'click', 'right')).toBe(0);
  expect(machine.mouseActions).toEqual([
    { action: 'move', x: 10, y: 20 },
    { action: 'click', button: 'right' },
  ]);
  expect(await ringlet('mouse', 'web', 'scroll', '--', '-3')).toBe(0);
  expect(machine.mouseActions.at(-1)).toEqual({ action: 'scroll', notches: -3 });
});

test('resolution takes a size, and nothing else', async () => {
  expect(await ringlet('resolution', 'web', '1280x720')).toBe(0);
  expect(machine.asked).toEqual(['prefer 1280x720']);
  expect(await ringlet('resolution', 'web', 'large')).not.toBe(0);
  expect(host.stderr).toContain('display-invalid');
});

test('a machine that does not run is named', async () => {
  expect(await ringlet('type', 'wep', 'x')).not.toBe(0);
  expect(host.stderr).toContain('did you mean "web"?');
});

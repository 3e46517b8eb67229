/** The launcher, run as a user runs it: in processes of its own. */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serveControl } from '../src/control/server.ts';
import { FAKE_FACTS, FakeMachine } from './fake-machine.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const LAUNCHER = join(ROOT, 'packages/ringlet/bin/ringlet.mjs');
const EARLIER = 1_000_000;
const LATER = 2_000_000;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-launcher-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(file: string, text: string, seconds: number): void {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  utimesSync(path, seconds, seconds);
}

/** A repository with a command line that says what it was started from. */
function smallRepository(): void {
  write('package.json', '{"type":"module"}', EARLIER);
  write('tsconfig.base.json', '{}', EARLIER);
  write('packages/ringlet/package.json', '{"type":"module"}', EARLIER);
  write('packages/ringlet/src/main.ts', `console.log('sources' as string, process.argv[2]);`, EARLIER);
  write('packages/ringlet/dist/main.js', `console.log('build', process.argv[2]);`, LATER);
  write('packages/ringlet/dist/.tsbuildinfo', '', LATER);
  write('packages/wire/src/index.ts', '', EARLIER);
  write('packages/wire/dist/.tsbuildinfo', '', LATER);
  cpSync(join(ROOT, 'packages/ringlet/bin'), join(folder, 'packages/ringlet/bin'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
}

const startSmall = (): string =>
  spawnSync(process.execPath, [join(folder, 'packages/ringlet/bin/ringlet.mjs'), 'word'], { encoding: 'utf8' }).stdout;

const start = (...words: string[]) =>
  spawnSync(process.execPath, [LAUNCHER, ...words], {
    encoding: 'utf8',
    cwd: folder,
    env: { ...process.env, RINGLET_RUN_DIR: folder },
  });

test('a build that is as new as the sources is what runs', () => {
  smallRepository();
  expect(startSmall()).toBe('build word\n');
});

test('a fresh clone has no build: the sources run', () => {
  smallRepository();
  rmSync(join(folder, 'packages/ringlet/dist'), { recursive: true });
  expect(startSmall()).toBe('sources word\n');
});

test('a source of any package that is newer than its build makes the sources run', () => {
  smallRepository();
  write('packages/wire/src/deep/changed.ts', '', LATER + 1);
  expect(startSmall()).toBe('sources word\n');
});

test('a package that was never built makes the sources run', () => {
  smallRepository();
  rmSync(join(folder, 'packages/wire/dist'), { recursive: true });
  expect(startSmall()).toBe('sources word\n');
});

test('a test that is newer than the build changes nothing', () => {
  smallRepository();
  write('packages/wire/src/changed.test.ts', '', LATER + 1);
  expect(startSmall()).toBe('build word\n');
});

test('outside a repository the build is what was published, whatever the dates', () => {
  smallRepository();
  rmSync(join(folder, 'tsconfig.base.json'));
  write('packages/ringlet/src/main.ts', '', LATER + 1);
  expect(startSmall()).toBe('build word\n');
});

test('installed, the build is what runs, whatever the project around it is made of', () => {
  smallRepository();
  rmSync(join(folder, 'node_modules'));
  renameSync(join(folder, 'packages'), join(folder, 'node_modules'));
  write('node_modules/ringlet/src/main.ts', '', LATER + 1);
  mkdirSync(join(folder, 'packages'));
  const launcher = join(folder, 'node_modules/ringlet/bin/ringlet.mjs');
  expect(spawnSync(process.execPath, [launcher, 'word'], { encoding: 'utf8' }).stdout).toBe('build word\n');
});

test('it works from any directory, and exit codes come through', () => {
  expect(start('--version')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    stderr: '',
  });
  expect(start('frobnicate')).toMatchObject({ status: 2, stdout: '' });
});

test('a reader that goes away does not make it fail loudly', () => {
  const command = `"${process.execPath}" "${LAUNCHER}" explain | head -n 1`;
  expect(spawnSync('sh', ['-c', command], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
});

test('colour is for terminals: a pipe gets none', () => {
  expect(start('run', 'nowhere.ts').stderr).not.toContain('\u001b');
});

test('Ctrl-C reaches a command once, and ends it in order', async () => {
  const machine = new FakeMachine();
  const server = await serveControl(machine, FAKE_FACTS, folder);
  machine.print('said before\n');
  const child = spawn(process.execPath, [LAUNCHER, 'console', 'fake'], {
    env: { ...process.env, RINGLET_RUN_DIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = await new Promise<string>((resolve) =>
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
  );
  child.kill('SIGINT');
  const ended = await new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  await server.close();
  expect(text).toBe('said before\n');
  expect(ended).toEqual({ code: 0, signal: null });
});

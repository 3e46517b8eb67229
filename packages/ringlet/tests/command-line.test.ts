/** The command line with real machines, each command in a process of its own, as a user runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const LAUNCHER = join(ROOT, 'packages/ringlet/bin/ringlet.mjs');
const example = (name: string): string => join(ROOT, 'examples', name);

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: string;
let sockets: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-cli-'));
  sockets = join(folder, 'run');
});
afterEach(async () => {
  // Whatever a failed test left running.
  for (const file of existsSync(sockets) ? readdirSync(sockets) : []) {
    if (file.endsWith('.sock')) await ringlet('kill', file.replace('.sock', ''));
  }
  rmSync(folder, { recursive: true, force: true });
});

function start(...words: string[]): ChildProcess {
  return spawn(process.execPath, [LAUNCHER, ...words], {
    cwd: folder,
    env: { ...process.env, RINGLET_RUN_DIR: sockets },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function ended(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    let stdout = '';
    let stderr = '';
    child.stdout!.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

const ringlet = (...words: string[]): Promise<Ended> => ended(start(...words));

/** Resolves when a process has printed `text`. */
function printed(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve) => {
    let all = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      all += chunk.toString();
      if (all.includes(text)) resolve();
    });
  });
}

function guest(name: string, body: string): string {
  const path = join(folder, name);
  writeFileSync(path, `export default async function main(guest) {\n${body}\n}\n`);
  return path;
}

test('a guest prints to standard output, and the first line of standard error says how to leave', async () => {
  const { status, stdout, stderr } = await ringlet('run', example('hello.ts'));
  expect(stdout).toMatch(/^hello from a child partition of Microsoft Hv\n/);
  expect(stderr.split('\n')[0]).toMatch(/^ringlet \d+\.\d+\.\d+ · hello · .* · Ctrl-C shuts it down$/);
  expect(status).toBe(0);
});

test('words after -- reach the guest', async () => {
  const path = guest('words.ts', `await guest.print(guest.args.join('|'));`);
  expect(await ringlet('run', path, '--', '--fast', 'a b')).toMatchObject({ status: 0, stdout: '--fast|a b' });
});

test("a guest's exit code, a crash and a guest that does not compile have codes of their own", async () => {
  const failing = await ringlet('run', guest('failing.ts', 'return 42;'));
  const crashing = await ringlet('run', guest('crashing.ts', `throw new Error('boom');`));
  const broken = await ringlet('run', guest('broken.ts', 'const = 1;'));
  expect([failing.status, crashing.status, broken.status]).toEqual([1, 3, 2]);
  expect(crashing.stderr).toContain('Error: boom');
  expect(broken.stderr).toContain('code  guest-not-compiled');
});

test('--expect ends a guest that would run on, and --timeout one that does not say it', async () => {
  const path = guest('prompt.ts', `await guest.print('log'); await guest.print('in:'); await guest.sleep(1e9);`);
  expect(await ringlet('run', path, '--expect', 'login:', '--timeout', '50s')).toMatchObject({ status: 0 });
  expect(await ringlet('run', path, '--expect', 'Password:', '--timeout', '2s')).toMatchObject({ status: 5 });
});

test('a guest that never yields its processor can be timed out', async () => {
  const path = guest('spinning.ts', 'for (;;);');
  expect(await ringlet('run', path, '--timeout', '2s')).toMatchObject({ status: 5 });
});

test('Ctrl-C shuts a guest down in order, and nothing is left behind', async () => {
  const child = start('run', example('shutdown.ts'));
  const result = ended(child);
  await printed(child, 'running until');
  child.kill('SIGINT');
  const { status, stdout } = await result;
  expect(stdout).toContain('asked to stop: goodbye\n');
  expect(status).toBe(130);
  expect(readdirSync(sockets)).toEqual([]);
});

test('--json prints objects only', async () => {
  const { status, stdout, stderr } = await ringlet('run', example('hello.ts'), '--json');
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string });
  expect(lines[0]).toMatchObject({ type: 'machine', machine: 'hello' });
  expect(lines.map(({ type }) => type)).toEqual(expect.arrayContaining(['state', 'console', 'result']));
  expect(lines.at(-1)).toEqual({ type: 'exit', code: 0 });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('a disk is made, written to, left alone, and checked', async () => {
  const disk = join(folder, 'data.vhdx');
  await ringlet('disk', 'create', disk, '--size', '8M');
  const empty = await ringlet('disk', 'check', disk);
  expect(await ringlet('run', example('disk-write.ts'), '--disk', disk)).toMatchObject({ status: 0 });
  expect((await ringlet('disk', 'check', disk)).stdout).toBe(empty.stdout);
  expect(await ringlet('run', example('disk-write.ts'), '--disk', `${disk},keep`)).toMatchObject({ status: 0 });
  const written = await ringlet('disk', 'check', disk);
  expect(written.stdout).not.toBe(empty.stdout);
  const hash = /sha256 [0-9a-f]{64}/.exec(written.stdout)![0];
  expect((await ringlet('run', example('disk-sha256.ts'), '--disk', disk)).stdout).toContain(hash);
});

test('a machine in the background is listed, inspected, followed and stopped from other processes', async () => {
  const detached = await ringlet('run', example('shutdown.ts'), '--detach', '--name', 'web');
  expect(detached).toMatchObject({ status: 0, stderr: '' });
  expect(detached.stdout).toContain('web runs in the background\n');

  expect((await ringlet('ls')).stdout).toMatch(/^NAME .*\nweb +running .*shutdown\.ts\n$/);
  const tree = JSON.parse((await ringlet('inspect', 'web', '--json')).stdout) as Record<string, unknown>;
  expect(tree).toMatchObject({ name: 'web', state: 'running' });
  expect(await ringlet('inspect', 'web', 'no/such/part')).toMatchObject({ status: 2, stdout: '' });
  const wrong = await ringlet('inspect', 'web', 'chanels');
  expect(wrong).toMatchObject({ status: 2, stdout: '' });
  expect(wrong.stderr).toContain('code  no-such-path');
  const overview = (await ringlet('inspect', 'web')).stdout;
  expect(overview).toMatch(/^name +web$/m);
  expect(overview).toMatch(/^ {2}channels +… \d+ parts$/m);
  expect(overview).not.toContain('\t');
  expect((await ringlet('inspect', 'web', 'vmbus/channels/*/state')).stdout).toMatch(
    /^vmbus\/channels\/1\/state +\w+$/m,
  );
  const watching = start('inspect', 'web', 'partition', '--watch');
  const watched = ended(watching);
  // Time goes on, and a second look says how fast.
  await printed(watching, 'referenceTime');
  await printed(watching, '/s\n');
  expect(await ringlet('run', example('shutdown.ts'), '--name', 'web')).toMatchObject({ status: 2 });

  const console = start('console', 'web');
  const followed = ended(console);
  await printed(console, 'running until');
  expect(await ringlet('stop', 'web')).toMatchObject({ status: 0 });
  expect((await followed).stdout).toContain('asked to stop: goodbye\n');
  expect(await watched).toMatchObject({ status: 0, stderr: '' });
  expect((await ringlet('ls', '--json')).stdout).toBe('');
});

test('--detach fails as the run in the foreground would when the machine cannot start', async () => {
  const broken = guest('broken.ts', 'const = 1;');
  const detached = await ringlet('run', broken, '--detach');
  expect(detached).toMatchObject({ status: 2, stdout: '' });
  expect(detached.stderr).toContain('code  guest-not-compiled');
  expect(readdirSync(sockets)).toEqual([]);
});

test('a killed machine leaves a socket that the next of its name takes over', async () => {
  const child = start('run', example('shutdown.ts'));
  const result = ended(child);
  await printed(child, 'running until');
  child.kill('SIGKILL');
  await result;
  expect(readdirSync(sockets)).toContain('shutdown.sock');
  expect(await ringlet('run', example('hello.ts'), '--name', 'shutdown')).toMatchObject({ status: 0 });
  expect(readdirSync(sockets)).toEqual([]);
});

test('a machine file runs several machines, each line with its label', async () => {
  const file = join(folder, 'machines.yaml');
  const hello = example('hello.ts');
  writeFileSync(file, `machines:\n  left: { guest: ${hello} }\n  right: { guest: ${hello}, harness: lockstep }\n`);
  const { status, stdout } = await ringlet('run', file);
  expect(stdout).toContain('left | hello from a child partition');
  expect(stdout).toContain('right | hello from a child partition');
  expect(status).toBe(0);
});

test('a mistake in a machine file is shown with its line and column', async () => {
  const file = join(folder, 'machine.yaml');
  writeFileSync(file, 'guest: hello.ts\nmemroy: 64M\n');
  const { status, stderr } = await ringlet('run', 'machine.yaml');
  expect(stderr.split('\n')[0]).toBe('ringlet: machine.yaml:2:1: memroy is not a setting; did you mean "memory"?');
  expect(status).toBe(2);
});

test('a new device runs as it is written, where nothing is installed', async () => {
  await ringlet('new', 'device', 'frame-buffer');
  const { status, stdout } = await ringlet('run', 'frame-buffer.guest.ts', '--device', 'frame-buffer.ts');
  expect(stdout).toBe('21 -> 42, answer 1\n');
  expect(status).toBe(0);
});

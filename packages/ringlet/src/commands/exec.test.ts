/** `ringlet exec` against the agent itself, run by the Perl of this host behind the socket of a machine that is not there. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { FAKE_FACTS, FakeMachine } from '../../tests/fake-machine.ts';
import { RecordingHost } from '../../tests/recording-host.ts';
import { AGENT_PROGRAM } from '../agent/agent-program.ts';
import { guestSocketsPath } from '../control/directory.ts';
import { type ControlServer, serveControl } from '../control/server.ts';
import { runCommandLine } from './program.ts';

const hasPerl = spawnSync('perl', ['-e', '1']).status === 0 && process.platform === 'linux' && process.arch === 'x64';

let folder: string;
let agent: ChildProcess | undefined;
let guest: Server;
let control: ControlServer;
let host: RecordingHost;
/** How often the guest says that nobody listens before it accepts. */
let refusals = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-exec-'));
  writeFileSync(join(folder, 'agent'), AGENT_PROGRAM);
  if (hasPerl) agent = spawn('perl', [join(folder, 'agent'), '--unix', join(folder, 'agent.sock')]);
  while (hasPerl && !existsSync(join(folder, 'agent.sock'))) await delay(10);
  const sockets = guestSocketsPath(folder, 'web');
  mkdirSync(sockets);
  guest = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (greeting: Buffer) => {
      if (greeting.toString() !== 'CONNECT 1000\n' || refusals-- > 0) {
        return void socket.end('REFUSED nobody in the guest listens at 1000\n');
      }
      const far = connect({ path: join(folder, 'agent.sock'), allowHalfOpen: true });
      far.on('error', () => far.destroy());
      socket.write('OK 1000\n');
      socket.pipe(far).pipe(socket);
    });
  });
  await new Promise<void>((listening) => guest.listen(join(sockets, 'vsock'), listening));
});

afterAll(() => {
  agent?.kill('SIGKILL');
  guest.close();
  rmSync(folder, { recursive: true });
});

beforeEach(async () => {
  refusals = 0;
  host = new RecordingHost({ RINGLET_RUN_DIR: folder });
  control = await serveControl(new FakeMachine('web'), FAKE_FACTS, folder);
});

afterEach(() => control.close());

const exec = (...words: string[]): Promise<number> => runCommandLine(['exec', 'web', ...words], host);
const read = (stream: { read(): unknown }): string => (stream.read() as Buffer | null)?.toString() ?? '';

test.skipIf(!hasPerl)('exit code and streams are those of the command', async () => {
  expect(await exec('--no-input', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7')).toBe(7);
  expect([read(host.streams.stdout), read(host.streams.stderr), host.stderr]).toEqual(['out\n', 'err\n', '']);
});

test.skipIf(!hasPerl)('standard input is passed on to its end', async () => {
  host.streams.stdin.end('one\ntwo\n');
  expect(await exec('--', 'wc', '-l')).toBe(0);
  expect(read(host.streams.stdout).trim()).toBe('2');
});

test.skipIf(!hasPerl)('environment, directory and signals reach the command', async () => {
  const words = ['--no-input', '--env', 'WORD=a=b', '--directory', '/usr', '--'];
  const ended = exec(...words, 'sh', '-c', 'trap "exit 9" INT; echo "$PWD $WORD"; sleep 60 & wait');
  let said = '';
  host.streams.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
  await vi.waitFor(() => expect(said).toBe('/usr a=b\n'), 20_000);
  host.signal('SIGINT');
  expect(await ended).toBe(9);
});

test.skipIf(!hasPerl)('a command that a signal ends gives 128 and its number', async () => {
  expect(await exec('--no-input', '--', 'sh', '-c', 'kill -15 $$')).toBe(143);
});

test.skipIf(!hasPerl)('what is not there gives 127, what cannot be run 126', async () => {
  expect(await exec('--no-input', '--', 'no-such-command')).toBe(127);
  expect(await exec('--no-input', '--', '/etc')).toBe(126);
  expect(host.stderr).toContain('exec-failed');
});

test.skipIf(!hasPerl)('a guest that is still booting is waited for', async () => {
  refusals = 2;
  expect(await exec('--no-input', '--', 'true')).toBe(0);
});

test('a guest without an agent, a wrong flag and nothing to run are failures of ringlet’s own', async () => {
  refusals = 100;
  expect(await exec('--wait', '1ms', '--', 'true')).toBe(125);
  expect(host.stderr).toContain('guest-not-listening');
  expect(await exec('--env', 'x', '--', 'true')).toBe(125);
  expect(await exec()).toBe(125);
  expect(await runCommandLine(['exec', 'wbe', '--', 'true'], host)).toBe(125);
  expect(host.stderr).toContain('did you mean "web"?');
});

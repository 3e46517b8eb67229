/** The agent itself, run by the Perl of this host, at a Unix socket instead of a guest's. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { AGENT_PROGRAM } from './agent-program.ts';
import { type ExecCommand, ExecFailure, ExecSession } from './exec-session.ts';

const hasPerl = spawnSync('perl', ['-e', '1']).status === 0 && process.platform === 'linux' && process.arch === 'x64';

let folder: string;
let agent: ChildProcess;
let complaints = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-agent-'));
  const program = join(folder, 'agent');
  writeFileSync(program, AGENT_PROGRAM);
  // No module may be found: the guest has none. A shell that starts it in the background has it ignore these signals.
  writeFileSync(
    join(folder, 'alone.pl'),
    `@INC = (); $SIG{INT} = $SIG{QUIT} = 'IGNORE'; do '${program}'; die $@ if $@;`,
  );
  if (!hasPerl) return;
  agent = spawn('perl', [join(folder, 'alone.pl'), '--unix', join(folder, 'socket')]);
  agent.stderr!.on('data', (text: Buffer) => (complaints += text.toString()));
  while (!existsSync(join(folder, 'socket')) && agent.exitCode === null) await delay(10);
});

afterAll(() => {
  agent?.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

async function stream(): Promise<Socket> {
  const socket = connect({ path: join(folder, 'socket'), allowHalfOpen: true });
  await new Promise((done, failed) => socket.once('connect', done).once('error', failed));
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** A session whose output is collected. */
async function begin(command: Omit<ExecCommand, 'command'> & { readonly command: readonly string[] }) {
  const output = { out: '', err: '' };
  let wanted: (() => void) | undefined;
  const session = new ExecSession(await stream(), command, {
    stdout: (bytes) => void (output.out += Buffer.from(bytes).toString('latin1')),
    stderr: (bytes) => void (output.err += Buffer.from(bytes).toString('latin1')),
    inputWanted: () => wanted?.(),
  });
  const whenWanted = (): Promise<void> => new Promise((done) => (wanted = done));
  const says = async (text: string): Promise<void> => {
    while (!output.out.includes(text)) await delay(5);
  };
  return { session, output, whenWanted, says };
}

async function run(words: readonly string[], how: Omit<ExecCommand, 'command'> = {}, input = '') {
  const { session, output } = await begin({ ...how, command: words });
  session.input(Buffer.from(input, 'latin1'));
  session.endInput();
  return { result: await session.result, ...output };
}

test.skipIf(!hasPerl)('a command has its own streams, and its exit code comes back', async () => {
  expect(await run(['sh', '-c', 'echo out; echo err >&2; exit 7'])).toEqual({
    result: { code: 7 },
    out: 'out\n',
    err: 'err\n',
  });
  expect(complaints).toBe('');
});

test.skipIf(!hasPerl)('no shell is between: words arrive as they are', async () => {
  const words = ['a b', '$HOME', '', "it's", 'ä', 'x=y\nz'];
  const { out } = await run(['sh', '-c', 'for word; do printf "[%s]" "$word"; done', 'sh', ...words]);
  expect(Buffer.from(out, 'latin1').toString()).toBe(words.map((word) => `[${word}]`).join(''));
});

test.skipIf(!hasPerl)('megabytes of any bytes go through, to and fro', async () => {
  const bytes = Buffer.alloc(3_000_000);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7 + (i >> 8)) & 0xff;
  const { result, out } = await run(['cat'], {}, bytes.toString('latin1'));
  expect(result).toEqual({ code: 0 });
  expect(Buffer.from(out, 'latin1').equals(bytes)).toBe(true);
});

test.skipIf(!hasPerl)('input waits for a command that does not read, and signals do not wait behind it', async () => {
  const { session, says } = await begin({
    command: ['sh', '-c', 'trap "echo caught; exit 3" TERM; echo up; sleep 60 & wait'],
  });
  await says('up');
  expect(session.input(Buffer.alloc(1_000_000))).toBe(false);
  session.signal('SIGTERM');
  await says('caught');
  expect(await session.result).toEqual({ code: 3 });
});

test.skipIf(!hasPerl)('input that waited goes on when it is wanted', async () => {
  const { session, output, whenWanted } = await begin({ command: ['sh', '-c', 'sleep 0.2; wc -c'] });
  const wanted = whenWanted();
  expect(session.input(Buffer.alloc(500_000))).toBe(false);
  await wanted;
  session.endInput();
  expect(await session.result).toEqual({ code: 0 });
  expect(output.out.trim()).toBe('500000');
});

test.skipIf(!hasPerl)('a command that closes its input does not hold up the end', async () => {
  expect(await run(['sh', '-c', 'exec <&-; echo done'], {}, 'x'.repeat(300_000))).toMatchObject({
    result: { code: 0 },
    out: 'done\n',
  });
});

test.skipIf(!hasPerl)('a command that a signal ends says which', async () => {
  expect((await run(['sh', '-c', 'kill -9 $$'])).result).toEqual({ signal: 9 });
});

test.skipIf(!hasPerl)('what is left running in the background is not waited for', async () => {
  expect(await run(['sh', '-c', 'sleep 30 & echo started'])).toMatchObject({ result: { code: 0 }, out: 'started\n' });
});

test.skipIf(!hasPerl)('what cannot be run fails with the reason', async () => {
  await expect(run(['/no/such/thing'])).rejects.toMatchObject({ errno: 2, code: 'exec-failed' });
  await expect(run(['/etc'])).rejects.toBeInstanceOf(ExecFailure);
  await expect(run(['true'], { directory: '/no/such/place' })).rejects.toThrow('/no/such/place');
  await expect(run(['true'], { user: 'no-such-user' })).rejects.toThrow('no-such-user');
  await expect(run([])).rejects.toThrow('nothing to run');
});

test.skipIf(!hasPerl)('it runs where and as what it is told, in the environment it is given', async () => {
  const { out } = await run(['sh', '-c', 'echo "$PWD $RINGLET_TEST"'], {
    directory: '/usr',
    environment: { RINGLET_TEST: 'a=b' },
  });
  expect(out).toBe('/usr a=b\n');
});

test.skipIf(!hasPerl)('on a terminal it has a size, a controlling terminal, and keys that mean something', async () => {
  const { session, output, says } = await begin({
    command: ['sh', '-c', 'test -t 0 && stty size && trap "echo resized" WINCH && echo ready && cat'],
    terminal: { rows: 30, columns: 99 },
  });
  await says('ready');
  expect(output.out).toContain('30 99');
  session.input(Buffer.from('hello\r'));
  await says('hello\r\nhello');
  session.input(Buffer.from('\u0003'));
  expect(await session.result).toEqual({ signal: 2 });
});

test.skipIf(!hasPerl)('the end of input is the end of file of a terminal too', async () => {
  const { session } = await begin({ command: ['cat'], terminal: { rows: 24, columns: 80 } });
  session.endInput();
  expect(await session.result).toEqual({ code: 0 });
});

test.skipIf(!hasPerl)('when the host goes, the command is hung up, and its children with it', async () => {
  const mark = join(folder, 'mark');
  const { session, says } = await begin({
    command: ['sh', '-c', `trap "echo hup > ${mark}; exit" HUP; echo up; sleep 60 & wait`],
  });
  await says('up');
  session.result.catch(() => undefined);
  session.close();
  await expect.poll(() => existsSync(mark), { timeout: 20_000 }).toBe(true);
});

test.skipIf(!hasPerl)('nonsense ends its own connection only', async () => {
  for (const bytes of [Buffer.alloc(64, 0xff), Buffer.from('S\0\0\0\u0001\0'), Buffer.from('I\0\0\0\u0001x')]) {
    const socket = await stream();
    socket.end(bytes);
    socket.resume();
    await new Promise((ended) => socket.once('end', ended));
  }
  expect(await run(['echo', 'still here'])).toMatchObject({ out: 'still here\n' });
  expect(complaints).toBe('');
});

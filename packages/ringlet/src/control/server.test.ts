import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { firstValueFrom, take, toArray } from 'rxjs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FAKE_FACTS, FakeMachine } from '../../tests/fake-machine.ts';
import { ControlClient } from './client.ts';
import { socketPath } from './directory.ts';
import type { MachineFacts } from './facts.ts';
import { freeName, onlyMachine, openMachine, runningMachines } from './running.ts';
import { type ControlServer, serveControl } from './server.ts';

let directory: string;
let servers: ControlServer[];
let clients: ControlClient[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ringlet-control-'));
  servers = [];
  clients = [];
});
afterEach(async () => {
  for (const client of clients) client.close();
  await Promise.all(servers.map((server) => server.close()));
  rmSync(directory, { recursive: true, force: true });
});

async function serve(machine: FakeMachine, facts: MachineFacts = FAKE_FACTS): Promise<ControlServer> {
  const server = await serveControl(machine, facts, directory);
  servers.push(server);
  return server;
}

async function open(name = 'fake'): Promise<ControlClient> {
  const client = await openMachine(directory, name);
  clients.push(client);
  return client;
}

/** Sends bytes as they are and collects what comes back until the other side ends, or `lines` lines are there. */
function raw(bytes: string | Uint8Array, lines: number): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath(directory, 'fake'));
    let text = '';
    const finish = (): void => {
      socket.destroy();
      resolve(
        text
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as unknown),
      );
    };
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (text.split('\n').length > lines) finish();
    });
    socket.on('end', finish);
    socket.on('error', reject);
    socket.write(bytes);
  });
}

/** A socket file whose owner was killed before it could remove it. */
function leaveStaleSocket(path: string): void {
  const script = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  try {
    execFileSync(process.execPath, ['-e', script, path]);
  } catch {
    // Killed, as it should be.
  }
}

test('a machine describes itself', async () => {
  await serve(new FakeMachine('web'));
  const client = await open('web');
  expect(await client.call('describe')).toMatchObject({ name: 'web', state: 'created', pid: process.pid, cpus: 1 });
});

test('only its user may use the socket', async () => {
  const { path } = await serve(new FakeMachine());
  expect((statSync(path).mode & 0o777).toString(8)).toBe('600');
});

test('inspect answers with the tree, big integers and bytes included', async () => {
  const machine = new FakeMachine();
  machine.tree = { rip: 0xffffffff81000000n, id: new Uint8Array([1, 0xab]) };
  await serve(machine);
  expect(await (await open()).call('inspect')).toEqual({ rip: '0xffffffff81000000', id: '01ab' });
});

test('a tree that JSON cannot hold is an error of ours, not a crash', async () => {
  const machine = new FakeMachine();
  const knot: Record<string, unknown> = {};
  knot['self'] = knot;
  machine.tree = knot;
  await serve(machine);
  const client = await open();
  await expect(client.call('inspect')).rejects.toMatchObject({ code: 'machine-refused' });
  await expect(client.call('describe')).resolves.toMatchObject({ name: 'fake' });
});

test("a user's mistake arrives with its code and hint", async () => {
  await serve(new FakeMachine());
  const client = await open();
  await expect(client.call('inspect', { path: 'nowhere' })).rejects.toMatchObject({
    code: 'no-such-path',
    message: 'there is nothing at nowhere',
    hint: 'look at vmbus',
  });
});

test('shutdown answers once the machine is off, with its result', async () => {
  const machine = new FakeMachine();
  await serve(machine);
  expect(await (await open()).call('shutdown')).toEqual({ reason: 'power-off', code: 0 });
  expect(machine.asked).toEqual(['shutdown']);
});

test('powerOff pulls the plug', async () => {
  await serve(new FakeMachine());
  expect(await (await open()).call('powerOff')).toEqual({ reason: 'killed' });
});

test('the console answers with what was printed, then notifies of what is printed', async () => {
  const machine = new FakeMachine();
  await serve(machine);
  machine.print('before ');
  const client = await open();
  expect(await client.call('console')).toEqual({ text: 'before ' });
  const next = firstValueFrom(client.notifications$);
  machine.print('after');
  expect(await next).toEqual({ method: 'console', params: { text: 'after' } });
});

test('write types text, or any bytes, at the console of a kernel', async () => {
  const machine = new FakeMachine();
  await serve(machine, { ...FAKE_FACTS, kind: 'x86-64' });
  const client = await open();
  await client.call('write', { text: 'echo ä\n' });
  await client.call('write', { base64: Buffer.from('\u0003q').toString('base64') });
  expect(machine.typed).toBe('echo ä\n\u0003q');
});

test.each([{}, { text: 'a', base64: 'YQ==' }, { base64: '*' }, { text: 'a'.repeat(32 * 1024 + 1) }, { bytes: 'a' }])(
  'write refuses the parameters %j',
  async (params) => {
    const machine = new FakeMachine();
    await serve(machine, { ...FAKE_FACTS, kind: 'x86-64' });
    await expect((await open()).call('write', params)).rejects.toMatchObject({ code: 'machine-refused' });
    expect(machine.typed).toBe('');
  },
);

test('a guest module cannot be typed at', async () => {
  await serve(new FakeMachine());
  await expect((await open()).call('write', { text: 'a' })).rejects.toMatchObject({ code: 'console-output-only' });
});

test('subscribe notifies of each event', async () => {
  const machine = new FakeMachine();
  await serve(machine);
  const client = await open();
  await client.call('subscribe');
  const events = firstValueFrom(client.notifications$.pipe(take(2), toArray()));
  machine.events$.next({ type: 'one' });
  machine.events$.next({ type: 'two' });
  expect((await events).map(({ params }) => params['event'])).toEqual([{ type: 'one' }, { type: 'two' }]);
});

test('closing the server removes the socket and tells callers that the machine is gone', async () => {
  const server = await serve(new FakeMachine());
  const client = await open();
  const [answer] = await Promise.allSettled([client.call('finished'), server.close()]);
  expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'machine-gone' } });
  expect(existsSync(server.path)).toBe(false);
});

test('a caller that never reads cannot keep the server from closing', async () => {
  const server = await serve(new FakeMachine());
  const socket = connect({ path: server.path, allowHalfOpen: true });
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.on('error', () => undefined);
  await server.close();
  expect(existsSync(server.path)).toBe(false);
  socket.destroy();
});

test('a second machine of the same name is refused while the first runs', async () => {
  await serve(new FakeMachine());
  await expect(serve(new FakeMachine())).rejects.toMatchObject({ code: 'name-taken' });
  expect(await (await open()).call('describe')).toMatchObject({ name: 'fake' });
});

test('the socket of a machine that died is taken over', async () => {
  leaveStaleSocket(socketPath(directory, 'fake'));
  expect(existsSync(socketPath(directory, 'fake'))).toBe(true);
  await serve(new FakeMachine());
  expect(await (await open()).call('describe')).toMatchObject({ name: 'fake' });
});

test('a file that is no socket does not keep a name', async () => {
  writeFileSync(socketPath(directory, 'fake'), 'not a socket');
  await serve(new FakeMachine());
  expect(await (await open()).call('describe')).toMatchObject({ name: 'fake' });
});

test('of several that take over one dead socket at once, exactly one gets it', async () => {
  leaveStaleSocket(socketPath(directory, 'fake'));
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => serve(new FakeMachine())));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await (await open()).call('describe')).toMatchObject({ name: 'fake' });
});

test('a lock left by a process that died does not keep anybody out', async () => {
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  writeFileSync(join(directory, 'lock'), String(dead));
  await serve(new FakeMachine());
  expect(existsSync(join(directory, 'lock'))).toBe(false);
});

test('listing shows the machines that answer and removes the sockets of those that died', async () => {
  await serve(new FakeMachine('b'));
  await serve(new FakeMachine('a'));
  leaveStaleSocket(socketPath(directory, 'dead'));
  expect((await runningMachines(directory)).map(({ name }) => name)).toEqual(['a', 'b']);
  expect(existsSync(socketPath(directory, 'dead'))).toBe(false);
});

test('a machine that is not there is named with its near miss', async () => {
  await serve(new FakeMachine('web'));
  await expect(open('wbe')).rejects.toMatchObject({ code: 'machine-not-found', hint: 'did you mean "web"?' });
});

test('without a name the only machine is meant, and none when there are two', async () => {
  await serve(new FakeMachine('web'));
  expect(await onlyMachine(directory)).toBe('web');
  await serve(new FakeMachine('db'));
  await expect(onlyMachine(directory)).rejects.toMatchObject({
    code: 'machine-not-chosen',
    hint: 'name one of them: db, web',
  });
});

test('a name in use gets a number', async () => {
  await serve(new FakeMachine('web'));
  expect(await freeName(directory, 'web')).toBe('web-2');
  expect(await freeName(directory, 'db')).toBe('db');
});

test.each([
  ['what is not JSON', 'hello\n', -32700, null],
  ['a request without its version', '{"id":1,"method":"describe"}\n', -32600, 1],
  ['a method that is not text', '{"jsonrpc":"2.0","id":"x","method":7}\n', -32600, 'x'],
  ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"describe"}]\n', -32600, null],
  ['an unknown method', '{"jsonrpc":"2.0","id":1,"method":"levitate"}\n', -32601, 1],
  ['a method of every object', '{"jsonrpc":"2.0","id":1,"method":"toString"}\n', -32601, 1],
  ['an unknown parameter', '{"jsonrpc":"2.0","id":1,"method":"describe","params":{"x":1}}\n', -32602, 1],
  ['parameters by position', '{"jsonrpc":"2.0","id":1,"method":"inspect","params":["vmbus"]}\n', -32602, 1],
  [
    'a parameter of the wrong kind',
    '{"jsonrpc":"2.0","id":1,"method":"shutdown","params":{"timeoutMs":-1}}\n',
    -32602,
    1,
  ],
])('%s is answered with its JSON-RPC error', async (_what, line, code, id) => {
  await serve(new FakeMachine());
  expect(await raw(line, 1)).toMatchObject([{ jsonrpc: '2.0', id, error: { code } }]);
});

test('a notification is never answered, not even a wrong one', async () => {
  await serve(new FakeMachine());
  const lines = '{"jsonrpc":"2.0","method":"nonsense"}\n\n{"jsonrpc":"2.0","id":2,"method":"describe"}\n';
  expect(await raw(lines, 1)).toMatchObject([{ id: 2, result: { name: 'fake' } }]);
});

test('a line too long is refused and the connection ended, and others are served on', async () => {
  await serve(new FakeMachine());
  expect(await raw(Buffer.alloc(70_000, 'x'), 9)).toMatchObject([{ id: null, error: { code: -32600 } }]);
  expect(await (await open()).call('describe')).toMatchObject({ name: 'fake' });
});

test('more requests at once than allowed are refused one by one', async () => {
  await serve(new FakeMachine());
  const line = (id: number): string => `{"jsonrpc":"2.0","id":${id},"method":"finished"}\n`;
  const burst = Array.from({ length: 40 }, (_, id) => line(id)).join('');
  const answers = await raw(burst, 8);
  expect(answers).toHaveLength(8);
  expect(answers).toMatchObject(
    Array.from({ length: 8 }, () => ({ error: { message: 'at most 32 requests at once' } })),
  );
});

test('a caller that does not read is cut off, and the guest goes on printing', async () => {
  const machine = new FakeMachine();
  await serve(machine);
  const socket = connect(socketPath(directory, 'fake'));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  socket.pause();
  socket.write('{"jsonrpc":"2.0","id":1,"method":"console"}\n');
  await new Promise((resolve) => socket.once('readable', resolve));
  for (let i = 0; i < 20; i++) machine.print('x'.repeat(1024 * 1024));
  socket.resume();
  await closed;
  expect(await (await open()).call('describe')).toMatchObject({ name: 'fake' });
});

test('bytes of any kind never take the server down', async () => {
  await serve(new FakeMachine());
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    '"jsonrpc":"2.0"',
    '"method":',
    '"describe"',
    '"id":',
    '1',
    ',',
    '\n',
    'null',
    '\u0000',
    '"params":',
    '{}',
  ];
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: fc.constantFrom(...pieces) }), fc.uint8Array(), async (text, bytes) => {
      const client = connect(socketPath(directory, 'fake'));
      client.on('error', () => undefined);
      client.resume();
      await new Promise((resolve) => client.end(Buffer.concat([Buffer.from(text), bytes]), () => resolve(undefined)));
      client.destroy();
    }),
    { numRuns: 100 },
  );
  expect(await (await open()).call('describe')).toMatchObject({ name: 'fake' });
});

test('a client waits no longer than it was told', async () => {
  await serve(new FakeMachine());
  await expect((await open()).call('finished', {}, 20)).rejects.toMatchObject({ code: 'machine-silent' });
});

test('a client refuses a server that does not speak JSON-RPC', async () => {
  const path = join(directory, 'liar.sock');
  const liar = createServer((socket) => socket.resume().end('{"jsonrpc":"1.0"}\n'));
  await new Promise<void>((resolve) => liar.listen(path, resolve));
  const client = await ControlClient.open(path);
  await expect(client.call('describe')).rejects.toMatchObject({ code: 'machine-gone' });
  await new Promise((resolve) => liar.close(resolve));
});

test('a directory that cannot be written is a user error', async () => {
  if (process.getuid?.() === 0) {
    // Root writes everywhere: a path below a file is what even root cannot make.
    directory = join(directory, 'file');
    writeFileSync(directory, '');
  } else {
    chmodSync(directory, 0o500);
  }
  await expect(serve(new FakeMachine())).rejects.toMatchObject({ code: 'control-socket-refused' });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeMachine } from '../../tests/fake-machine.ts';
import { RecordingHost } from '../../tests/recording-host.ts';
import { createProgram, runCommandLine } from './program.ts';

let folder: string;
let host: RecordingHost;
let guest: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-commands-'));
  host = new RecordingHost({ RINGLET_RUN_DIR: join(folder, 'run'), XDG_CACHE_HOME: join(folder, 'cache') });
  guest = join(folder, 'hello.guest.ts');
  writeFileSync(guest, '');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Makes the command's machine behave as `onStart` says. */
function whenStarted(onStart: (machine: FakeMachine) => void): FakeMachine[] {
  const made: FakeMachine[] = [];
  host.makeMachine = (name) => {
    const machine = new FakeMachine(name);
    machine.onStart = onStart;
    made.push(machine);
    return machine;
  };
  return made;
}

const ends = (code: number) => (machine: FakeMachine) => machine.end({ reason: 'power-off', code });
const run = (...words: string[]): Promise<number> => runCommandLine(['run', guest, ...words], host);
const jsonLines = (): Record<string, unknown>[] =>
  host.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('what the guest prints, and nothing else, is standard output', async () => {
  whenStarted((machine) => {
    machine.print('Hello from a partition\n');
    machine.end({ reason: 'power-off', code: 0 });
  });
  expect(await run()).toBe(0);
  expect(host.stdout).toBe('Hello from a partition\n');
});

test('the first line says what is running, what happens to its disks and how to leave', async () => {
  whenStarted(ends(0));
  await run('--cpus', '2', '--memory', '1G', '--disk', 'a.vhdx', '--disk', 'b.img,keep');
  expect(host.stderr.split('\n')[0]).toBe(
    'ringlet 1.2.3 · hello · 2 processors, 1 GiB · a.vhdx: changes are thrown away · b.img is written to · Ctrl-C shuts it down',
  );
});

test('every flag reaches the machine', async () => {
  whenStarted(ends(0));
  await run(
    '--name',
    'web',
    '--cpus',
    '4',
    '--memory',
    '128M',
    '--device',
    '/d/echo.ts,rate=5,loud',
    '--disk',
    '/a.img,ro',
    '--on-reset',
    'stop',
    '--lockstep',
    '--seed',
    '9',
    '--',
    '--word',
    'x',
  );
  expect(host.created).toEqual([
    {
      guest,
      name: 'web',
      cpus: 4,
      memory: 128 * 1024 * 1024,
      devices: [{ path: '/d/echo.ts', options: { rate: '5', loud: 'true' }, asText: true }],
      disks: [{ path: '/a.img', readOnly: true }],
      onReset: 'stop',
      harness: 'lockstep',
      seed: 9,
      args: ['--word', 'x'],
      sockets: expect.stringMatching(/web\.guest$/),
    },
  ]);
});

test('a reset by the guest is told', async () => {
  whenStarted((machine) => {
    machine.events$.next({ type: 'restarting', by: 'guest', count: 1 });
    machine.end({ reason: 'power-off', code: 0 });
  });
  expect(await run()).toBe(0);
  expect(host.stderr).toContain('ringlet: hello starts again\n');
});

test('a flag wins over the machine file, and disks add up', async () => {
  const file = join(folder, 'machine.yaml');
  writeFileSync(file, 'guest: hello.guest.ts\ncpus: 1\nmemory: 32M\ndisks: [a.img]\n');
  whenStarted(ends(0));
  await runCommandLine(['run', file, '--cpus', '2', '--disk', '/b.img'], host);
  expect(host.created).toMatchObject([
    {
      guest,
      name: 'hello',
      cpus: 2,
      memory: 32 * 1024 * 1024,
      disks: [{ path: join(folder, 'a.img') }, { path: '/b.img' }],
    },
  ]);
});

test('several machines run at once, and each line of output has its label', async () => {
  const file = join(folder, 'two.yaml');
  writeFileSync(file, 'machines:\n  left: { guest: hello.guest.ts }\n  right: { guest: hello.guest.ts }\n');
  whenStarted((machine) => {
    machine.print('half a ');
    machine.print('line\nand an end');
    machine.end({ reason: 'power-off', code: machine.name === 'right' ? 9 : 0 });
  });
  expect(await runCommandLine(['run', file], host)).toBe(1);
  expect(host.stdout.trim().split('\n').toSorted()).toEqual([
    'left | and an end',
    'left | half a line',
    'right | and an end',
    'right | half a line',
  ]);
});

test('a flag for one machine is refused when the file has several', async () => {
  const file = join(folder, 'two.yaml');
  writeFileSync(file, 'machines:\n  left: { guest: hello.guest.ts }\n  right: { guest: hello.guest.ts }\n');
  expect(await runCommandLine(['run', file, '--cpus', '2'], host)).toBe(2);
  expect(host.stderr).toContain('flag-for-several');
  expect(host.created).toEqual([]);
});

test('a guest that ends with a code of its own gives exit code 1', async () => {
  whenStarted(ends(42));
  expect(await run()).toBe(1);
  expect(host.stderr).toContain('hello ended with exit code 42 after');
});

test('a guest that crashes gives exit code 3, and says why', async () => {
  whenStarted((machine) => machine.end({ reason: 'crash', message: 'divide error' }));
  expect(await run()).toBe(3);
  expect(host.stderr).toMatch(/ringlet: hello crashed after \d\.\d s\n {4}divide error\n/);
});

test('an expected text, even in pieces, shuts the guest down and gives 0', async () => {
  const [machines] = [whenStarted((machine) => ['log', 'in:', ' '].forEach((piece) => machine.print(piece)))];
  expect(await run('--expect', 'login: ')).toBe(0);
  expect(machines[0]!.asked).toEqual(['shutdown', 'dispose']);
});

test('an expected text that does not appear gives 4', async () => {
  whenStarted(ends(0));
  expect(await run('--expect', 'login:')).toBe(4);
});

test("a guest's failure outweighs an expected text that did not appear", async () => {
  whenStarted(ends(1));
  expect(await run('--expect', 'login:')).toBe(1);
});

test('a time-out turns the machine off and gives 5', async () => {
  const machines = whenStarted(() => undefined);
  expect(await run('--timeout', '10ms')).toBe(5);
  expect(machines[0]!.asked).toEqual(['powerOff', 'dispose']);
});

test('turning the machine off from outside gives 6', async () => {
  whenStarted((machine) => void machine.powerOff());
  expect(await run()).toBe(6);
});

test('Ctrl-C once shuts the guest down and gives 130', async () => {
  const machines = whenStarted(() => host.signal('SIGINT'));
  expect(await run()).toBe(130);
  expect(machines[0]!.asked).toEqual(['shutdown', 'dispose']);
});

test('Ctrl-C twice turns it off', async () => {
  const machines = whenStarted((machine) => {
    machine.onShutdown = () => undefined;
    host.signal('SIGINT');
    host.signal('SIGINT');
  });
  expect(await run()).toBe(130);
  expect(machines[0]!.asked).toEqual(['shutdown', 'powerOff', 'dispose']);
});

test('a guest that cannot be asked is turned off by the first Ctrl-C', async () => {
  const machines = whenStarted((machine) => {
    machine.shutdown = async () => Promise.reject(new Error('no shutdown component'));
    host.signal('SIGINT');
  });
  expect(await run()).toBe(130);
  expect(machines[0]!.asked).toEqual(['powerOff', 'dispose']);
});

test('SIGTERM shuts the guest down and gives 143', async () => {
  whenStarted(() => host.signal('SIGTERM'));
  expect(await run()).toBe(143);
});

test('a machine that cannot start is disposed of, and its error told', async () => {
  const machines = whenStarted(() => {
    throw new Error('no thread to be had');
  });
  expect(await run()).toBe(70);
  expect(host.stderr).toContain('ringlet: a mistake in ringlet itself: no thread to be had\n');
  expect(machines[0]!.asked).toEqual(['dispose']);
});

test('--json prints objects, one a line, and nothing else anywhere', async () => {
  whenStarted((machine) => {
    machine.print('hi');
    machine.events$.next({ type: 'offer' });
    machine.end({ reason: 'power-off', code: 0 });
  });
  expect(await run('--json')).toBe(0);
  expect(jsonLines()).toMatchObject([
    { type: 'machine', machine: 'hello', guest, cpus: 1 },
    { type: 'console', machine: 'hello', text: 'hi' },
    { type: 'offer', machine: 'hello' },
    { type: 'result', machine: 'hello', result: { reason: 'power-off', code: 0 } },
    { type: 'exit', code: 0 },
  ]);
  expect(host.stderr).toBe('');
});

test('--json tells errors as objects too', async () => {
  expect(await run('--json', '--memory', 'lots')).toBe(2);
  expect(jsonLines()).toMatchObject([
    { type: 'error', code: 'memory-invalid', hint: expect.stringContaining('256M') },
    { type: 'exit', code: 2 },
  ]);
  expect(host.stderr).toBe('');
});

test.each([
  [['run'], 'usage'],
  [['run', '/nowhere/guest.ts'], 'guest-not-found'],
  [['run', 'GUEST', '--jsn'], 'usage'],
  [['run', 'GUEST', '--cpus', 'two'], 'flag-invalid'],
  [['run', 'GUEST', '--memory', '5G'], 'memory-invalid'],
  [['run', 'GUEST', '--name', '../x'], 'name-invalid'],
  [['run', 'GUEST', '--timeout', 'soon'], 'duration-invalid'],
  [['run', 'GUEST', '--disk', 'a,keeep'], 'disk-option-invalid'],
  [['run', 'GUEST', '--detach', '--expect', 'x'], 'flag-conflict'],
  [['inspect', 'nobody'], 'machine-not-found'],
  [['inspect'], 'machine-not-chosen'],
  [['stop', 'nobody'], 'machine-not-found'],
  [['explain', 'no-such-code'], 'error-code-unknown'],
  [['frobnicate'], 'usage'],
  [['run', 'GUEST', '--kernel', 'bzImage'], 'flag-conflict'],
  [['run', 'GUEST', '--initrd', 'initrd.img'], 'flag-conflict'],
  [['run', 'GUEST', '--append', 'quiet'], 'flag-conflict'],
  [['run', 'debian'], 'image-not-there'],
  [['run', 'debian-bookworm-cluod'], 'image-unknown'],
])('%j is a user error with the code %s', async (words, code) => {
  expect(
    await runCommandLine(
      words.map((word) => (word === 'GUEST' ? guest : word)),
      host,
    ),
  ).toBe(2);
  expect(host.stderr).toContain(`code  ${code} · ringlet explain ${code}`);
  expect(host.stderr).not.toContain('    at ');
  expect(host.stdout).toBe('');
});

test('an error has a stack only when RINGLET_DEBUG asks for it', async () => {
  host.environment['RINGLET_DEBUG'] = '1';
  await run('--cpus', 'two');
  expect(host.stderr).toContain('    at ');
});

test('a running machine answers the other commands', async () => {
  let started!: (machine: FakeMachine) => void;
  const running = new Promise<FakeMachine>((resolve) => (started = resolve));
  whenStarted((machine) => {
    machine.print('booted\n');
    started(machine);
  });
  const exit = run('--name', 'web');
  await running;
  const other = new RecordingHost(host.environment);

  expect(await runCommandLine(['ls'], other)).toBe(0);
  expect(other.stdout).toMatch(
    /^NAME +STATE +CPUS +MEMORY +UPTIME +HEARTBEAT +PID +GUEST\nweb +running +1 +64 MiB +\d+\.\d s +[a-z-]+ +\d+ +hello\.guest\.ts\n$/,
  );

  other.stdout = '';
  expect(await runCommandLine(['ls', '--json'], other)).toBe(0);
  expect(JSON.parse(other.stdout)).toMatchObject({ name: 'web', state: 'running' });

  other.stdout = '';
  expect(await runCommandLine(['inspect', 'web'], other)).toBe(0);
  expect(other.stdout).toBe('vmbus  version 5.3\n');

  other.stdout = '';
  expect(await runCommandLine(['inspect', '--json'], other)).toBe(0);
  expect(other.stdout).toBe('{"vmbus":{"version":"5.3"}}\n');

  other.stdout = '';
  expect(await runCommandLine(['console', '--no-follow'], other)).toBe(0);
  expect(other.stdout).toBe('booted\n');

  expect(await runCommandLine(['stop', 'web'], other)).toBe(0);
  expect(await exit).toBe(0);
});

test('console follows until the machine ends', async () => {
  let started!: (machine: FakeMachine) => void;
  const running = new Promise<FakeMachine>((resolve) => (started = resolve));
  whenStarted((machine) => {
    machine.print('one ');
    started(machine);
  });
  const exit = run();
  const machine = await running;
  const other = new RecordingHost(host.environment);
  const following = runCommandLine(['console', 'hello'], other);
  await vi.waitFor(() => expect(other.stdout).toBe('one '), 25_000);
  machine.print('two');
  machine.end({ reason: 'power-off', code: 0 });
  expect(await following).toBe(0);
  expect(await exit).toBe(0);
  expect(other.stdout).toBe('one two');
});

test('a guest that does not go in time is reported as late, and kill turns it off', async () => {
  let started!: (machine: FakeMachine) => void;
  const running = new Promise<FakeMachine>((resolve) => (started = resolve));
  whenStarted((machine) => {
    machine.onShutdown = () => undefined;
    started(machine);
  });
  const exit = run();
  await running;
  const other = new RecordingHost(host.environment);
  expect(await runCommandLine(['stop', 'hello', '--timeout', '30ms'], other)).toBe(5);
  expect(other.stderr).toContain('shutdown-late');
  expect(await runCommandLine(['kill', 'hello'], other)).toBe(0);
  expect(await exit).toBe(6);
});

test('stop --force turns off a guest that does not go', async () => {
  let started!: (machine: FakeMachine) => void;
  const running = new Promise<FakeMachine>((resolve) => (started = resolve));
  whenStarted((machine) => {
    machine.onShutdown = () => undefined;
    started(machine);
  });
  const exit = run();
  await running;
  const other = new RecordingHost(host.environment);
  expect(await runCommandLine(['stop', 'hello', '--force', '--timeout', '30ms'], other)).toBe(0);
  expect(await exit).toBe(6);
});

test('a second machine of the same guest gets a name of its own', async () => {
  const machines = whenStarted(() => undefined);
  const first = run();
  await vi.waitFor(() => expect(machines[0]?.state$.value).toBe('running'), 25_000);
  const second = run();
  await vi.waitFor(() => expect(machines[1]?.state$.value).toBe('running'), 25_000);
  expect(machines.map(({ name }) => name)).toEqual(['hello', 'hello-2']);
  for (const machine of machines) machine.end({ reason: 'power-off', code: 0 });
  expect(await Promise.all([first, second])).toEqual([0, 0]);
});

test('machines of one guest that start at the same moment all get a name', async () => {
  const machines = whenStarted(() => undefined);
  const exits = Array.from({ length: 6 }, () => run());
  await vi.waitFor(() => expect(machines.filter(({ state$ }) => state$.value === 'running')).toHaveLength(6), 25_000);
  const running = machines.filter(({ state$ }) => state$.value === 'running');
  expect(running.map(({ name }) => name).toSorted()).toEqual(['hello', ...[2, 3, 4, 5, 6].map((n) => `hello-${n}`)]);
  for (const machine of running) machine.end({ reason: 'power-off', code: 0 });
  expect(await Promise.all(exits)).toEqual([0, 0, 0, 0, 0, 0]);
});

test('--version prints the version and nothing else', async () => {
  expect(await runCommandLine(['--version'], host)).toBe(0);
  expect(host.stdout).toBe('1.2.3\n');
});

test('no word at all prints the help', async () => {
  expect(await runCommandLine([], host)).toBe(0);
  expect(host.stdout).toContain('Usage: ringlet');
});

test('every command has examples in its help', async () => {
  const names = createProgram(host, () => undefined).commands.map((command) => command.name());
  expect(names).toContain('run');
  for (const name of names) {
    host.stdout = '';
    expect(await runCommandLine([name, '--help'], host)).toBe(0);
    expect(host.stdout).toContain(`Examples:\n  $ ringlet ${name}`);
  }
});

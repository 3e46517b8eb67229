import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeMachine } from '../../tests/fake-machine.ts';
import { RecordingHost } from '../../tests/recording-host.ts';
import { describeImage, fileFacts } from '../catalogue/image.ts';
import { runCommandLine } from './program.ts';

const LEAVE = '\u001dq';
const OFF = { reason: 'power-off', code: 0 } as const;

let folder: string;
let host: RecordingHost;
let machines: FakeMachine[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-kernels-'));
  host = new RecordingHost({ RINGLET_RUN_DIR: join(folder, 'run'), XDG_CACHE_HOME: join(folder, 'cache') });
  machines = [];
  host.makeMachine = (name) => {
    const machine = new FakeMachine(name);
    machines.push(machine);
    return machine;
  };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (...words: string[]): Promise<number> => runCommandLine(['run', ...words], host);

/** Starts the run of a kernel and waits until its machine runs. */
async function running(...words: string[]): Promise<{ machine: FakeMachine; exit: Promise<number> }> {
  const exit = run('--kernel', '/k/bzImage', ...words);
  await vi.waitFor(() => expect(machines[0]?.state$.value).toBe('running'), 25_000);
  return { machine: machines[0]!, exit };
}

/** The host's standard streams are those of a terminal. */
function atTerminal(): void {
  host.terminal = true;
  host.keyboard.terminal = true;
}

test('a kernel, its initial RAM disk and its words reach the machine', async () => {
  const { machine, exit } = await running('--initrd', '/k/initrd.img', '--append', 'quiet', '--cpus', '2');
  machine.end(OFF);
  expect(await exit).toBe(0);
  expect(host.created).toEqual([
    {
      name: 'bzImage',
      kernel: '/k/bzImage',
      initrd: '/k/initrd.img',
      commandLine: 'quiet',
      cpus: 2,
      sockets: expect.stringMatching(/bzImage\.guest$/),
    },
  ]);
});

test('the first line says what boots, with the memory that kernels get', async () => {
  const { machine, exit } = await running();
  machine.end(OFF);
  await exit;
  expect(host.stderr.split('\n')[0]).toBe(
    'ringlet 1.2.3 · bzImage · boots bzImage · 1 processor, 512 MiB · Ctrl-C shuts it down',
  );
});

test('an image that was pulled boots under its name', async () => {
  const image = join(folder, 'cache/ringlet/images/debian-bookworm-cloud');
  mkdirSync(image, { recursive: true });
  const facts = Object.fromEntries(
    (['kernel', 'initrd'] as const).map((name) => {
      writeFileSync(join(image, name), name);
      return [name, fileFacts(Buffer.from(name))] as const;
    }),
  ) as Record<'kernel' | 'initrd', ReturnType<typeof fileFacts>>;
  const description = describeImage({
    name: 'debian-bookworm-cloud',
    kernelVersion: '6.1.0-1-cloud-amd64',
    commandLine: 'console=ttyS0',
    source: 'apt',
    signatures: 'checked',
    recipe: '0'.repeat(64),
    pulled: '2026-01-01T00:00:00Z',
    packages: [],
    ...facts,
  });
  writeFileSync(join(image, 'image.json'), description);
  const exit = run('debian', '--append', 'quiet');
  await vi.waitFor(() => expect(machines[0]?.state$.value).toBe('running'), 25_000);
  machines[0]!.end(OFF);
  expect(await exit).toBe(0);
  expect(host.created).toEqual([
    {
      name: 'debian',
      kernel: join(image, 'kernel'),
      initrd: join(image, 'initrd'),
      commandLine: 'console=ttyS0 quiet',
      sockets: expect.stringMatching(/debian\.guest$/),
    },
  ]);
  expect(host.stderr).toContain(' · debian · boots debian-bookworm-cloud · ');
  // No ringlet makes images by a recipe of zeroes.
  expect(host.stderr).toContain('was made by another version of ringlet; make it anew: ringlet pull debian');
});

test('--append adds to the words of a machine file, and --kernel replaces its kernel', async () => {
  const file = join(folder, 'machine.yaml');
  writeFileSync(file, 'kernel: old\ninitrd: initrd.img\nappend: quiet\n');
  const exit = run(file, '--kernel', '/k/new', '--append', 'panic=1');
  await vi.waitFor(() => expect(machines).toHaveLength(1), 25_000);
  machines[0]!.end(OFF);
  await exit;
  expect(host.created).toMatchObject([
    { kernel: '/k/new', initrd: join(folder, 'initrd.img'), commandLine: 'quiet panic=1' },
  ]);
});

test('what comes through a pipe is typed, and its end is not the end of the machine', async () => {
  const { machine, exit } = await running();
  expect(host.keyboard.raw).toBe(false);
  host.keyboard.type('uname -a\n\u001dq');
  expect(machine.typed).toBe('uname -a\n\u001dq');
  machine.end(OFF);
  expect(await exit).toBe(0);
});

test('on a terminal every key goes to the guest, Ctrl-C too, until the machine ends', async () => {
  atTerminal();
  const { machine, exit } = await running();
  expect(host.stderr.split('\n')[0]).toMatch(/ · Ctrl-\] then q leaves$/);
  expect(host.keyboard.raw).toBe(true);
  host.keyboard.type('top\r\u0003');
  expect(machine.typed).toBe('top\r\u0003');
  machine.end(OFF);
  expect(await exit).toBe(0);
  expect(host.keyboard.raw).toBeUndefined();
});

test('keys that are typed while the machine starts wait for it', async () => {
  atTerminal();
  let begin!: () => void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  host.makeMachine = (name) => {
    const machine = new FakeMachine(name);
    machine.start = async () => {
      await begun;
      machine.state$.next('running');
    };
    machines.push(machine);
    return machine;
  };
  const exit = run('--kernel', '/k/bzImage');
  await vi.waitFor(() => expect(host.keyboard.raw).toBe(true), 25_000);
  host.keyboard.type('early ');
  expect(machines[0]!.typed).toBe('');
  begin();
  await vi.waitFor(() => expect(machines[0]!.typed).toBe('early '), 25_000);
  host.keyboard.type('late');
  expect(machines[0]!.typed).toBe('early late');
  machines[0]!.end(OFF);
  await exit;
});

test('Ctrl-] then q shuts the guest down', async () => {
  atTerminal();
  const { machine, exit } = await running();
  host.keyboard.type(LEAVE);
  expect(await exit).toBe(130);
  expect(machine.asked).toEqual(['shutdown', 'dispose']);
  expect(host.stderr).toContain('shutting down; Ctrl-] then q again turns it off at once');
});

test('Ctrl-] then q a second time turns it off', async () => {
  atTerminal();
  const { machine, exit } = await running();
  machine.onShutdown = () => undefined;
  host.keyboard.type(LEAVE);
  host.keyboard.type(LEAVE);
  expect(await exit).toBe(130);
  expect(machine.asked).toEqual(['shutdown', 'powerOff', 'dispose']);
});

test('Ctrl-] then ? says what the keys do', async () => {
  atTerminal();
  const { machine, exit } = await running();
  host.keyboard.type('\u001d?');
  expect(host.stderr).toContain('q       shuts the machine down; a second time turns it off\n');
  expect(machine.typed).toBe('');
  machine.end(OFF);
  await exit;
});

test('the terminal is given back when a machine cannot start', async () => {
  atTerminal();
  host.makeMachine = (name) => {
    const machine = new FakeMachine(name);
    machine.onStart = () => {
      throw new Error('no thread to be had');
    };
    return machine;
  };
  expect(await run('--kernel', '/k/bzImage')).toBe(70);
  expect(host.keyboard.raw).toBeUndefined();
});

test.each([
  ['a guest module', 'guest'],
  ['one of several kernels', 'several'],
])('%s is not typed at', async (_what, which) => {
  atTerminal();
  const file = join(folder, which === 'guest' ? 'guest.ts' : 'two.yaml');
  writeFileSync(file, which === 'guest' ? '' : 'machines:\n  a: { kernel: k }\n  b: { kernel: k }\n');
  const exit = run(file);
  await vi.waitFor(() => expect(machines.at(-1)?.state$.value).toBe('running'), 25_000);
  expect(host.keyboard.raw).toBeUndefined();
  for (const machine of machines) machine.end(OFF);
  expect(await exit).toBe(0);
});

test('ringlet console types at a kernel, and leaves it running', async () => {
  const { machine, exit } = await running('--name', 'web');
  const other = new RecordingHost(host.environment);
  other.terminal = true;
  other.keyboard.terminal = true;
  const following = runCommandLine(['console', 'web'], other);
  await vi.waitFor(() => expect(other.keyboard.raw).toBe(true), 25_000);
  expect(other.stderr).toBe('web · Ctrl-] then q leaves, the machine runs on\n');
  other.keyboard.type('ls\r');
  await vi.waitFor(() => expect(machine.typed).toBe('ls\r'), 25_000);
  other.keyboard.type(LEAVE);
  expect(await following).toBe(0);
  expect(other.keyboard.raw).toBeUndefined();
  expect(machine.asked).toEqual([]);
  machine.end(OFF);
  expect(await exit).toBe(0);
});

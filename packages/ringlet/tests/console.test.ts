/** Typing at a kernel's console, through a real terminal and through a pipe. */
import { spawn as spawnProcess, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type IPty, spawn } from '@lydell/node-pty';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { echoKernel } from './echo-kernel.ts';
import { ROOT, temporaryFolder } from './machines.ts';

const LAUNCHER = join(ROOT, 'packages/ringlet/bin/ringlet.mjs');
const LEAVE = '\u001dq';
/** The first machine of a clone waits until the processor is compiled. */
const PATIENTLY = { timeout: 40_000, interval: 20 } as const;
vi.setConfig({ testTimeout: 90_000 });

/** What `stty -a` says of a terminal that keys are shown on, and that acts on Ctrl-C. */
const USABLE = / icrnl [^]*\nisig icanon .* echo /;

let folder: string;
let environment: Record<string, string>;
let kernel: string;

beforeEach(() => {
  folder = temporaryFolder();
  environment = { ...process.env, RINGLET_RUN_DIR: join(folder, 'run'), NO_COLOR: '1' } as Record<string, string>;
  kernel = join(folder, 'echo.bin');
  writeFileSync(kernel, echoKernel());
});

/** A terminal with a shell that runs `ringlet WORDS`, then says how that ended and what state the terminal is in. */
class Terminal {
  readonly #pty: IPty;
  text = '';

  constructor(words: string) {
    const script = `${process.execPath} ${LAUNCHER} ${words}; echo "exit code $?"; stty -a; echo done`;
    this.#pty = spawn('/bin/sh', ['-c', script], { cols: 200, rows: 50, cwd: ROOT, env: environment });
    this.#pty.onData((text) => (this.text += text));
    // The hang-up ends whatever still runs in it.
    onTestFinished(() => this.#pty.kill());
  }

  type(text: string): void {
    this.#pty.write(text);
  }

  /** Waits until it shows `text`. */
  async shows(text: string | RegExp): Promise<void> {
    // oxlint-disable-next-line vitest/no-standalone-expect -- called from tests
    await expect.poll(() => this.text, PATIENTLY).toMatch(text);
  }
}

/** Starts the kernel at a terminal, and waits until it listens. */
async function booted(words = ''): Promise<Terminal> {
  const terminal = new Terminal(`run --kernel ${kernel} --memory 16M ${words}`);
  await terminal.shows('>');
  return terminal;
}

test('what is typed reaches the guest, Ctrl-C and Ctrl-Z too, and the terminal is usable afterwards', async () => {
  const terminal = await booted();
  expect(terminal.text).toMatch(/^ringlet .* · echo.bin · boots echo.bin · .* · Ctrl-\] then q leaves\r\n/);
  terminal.type('hello\u0003\u001a\u001d\u001d.\n');
  await terminal.shows('>\r\nhello\u0003\u001a\u001d.\r\n');
  terminal.type('\u0004');
  await terminal.shows('done');
  expect(terminal.text).toContain('exit code 0');
  expect(terminal.text).toMatch(USABLE);
});

test('Ctrl-] then q, twice, ends a guest that nobody can ask', async () => {
  const terminal = await booted();
  terminal.type(LEAVE);
  await terminal.shows(/Ctrl-\] then q again turns it off at once/);
  terminal.type(LEAVE);
  await terminal.shows('done');
  expect(terminal.text).toContain('exit code 130');
  expect(terminal.text).toMatch(USABLE);
});

test.each(['TERM', 'QUIT', 'HUP'])('the terminal is usable after SIG%s', async (signal) => {
  const terminal = await booted();
  const listing = spawnProcess(process.execPath, [LAUNCHER, 'ls', '--json'], { env: environment });
  let json = '';
  for await (const chunk of listing.stdout) json += String(chunk);
  process.kill((JSON.parse(json) as { pid: number }).pid, `SIG${signal}`);
  await terminal.shows('done');
  expect(terminal.text).toMatch(USABLE);
});

test('ringlet console types at a machine in the background, and leaves it running', async () => {
  const starter = new Terminal(`run --kernel ${kernel} --memory 16M --name web --detach`);
  onTestFinished(() => void spawnSync(process.execPath, [LAUNCHER, 'kill', 'web'], { env: environment }));
  await starter.shows('done');
  const terminal = new Terminal('console web');
  await terminal.shows('>');
  terminal.type('hello\n');
  await terminal.shows('>\r\nhello\r\n');
  terminal.type(LEAVE);
  await terminal.shows('done');
  expect(terminal.text).toContain('exit code 0');
  expect(terminal.text).toMatch(USABLE);

  const lister = new Terminal('ls');
  await lister.shows('done');
  expect(lister.text).toMatch(/^web +running/m);
});

test('what comes through a pipe is typed as soon as the guest listens', async () => {
  const child = spawnProcess(process.execPath, [LAUNCHER, 'run', '--kernel', kernel, '--memory', '16M'], {
    env: environment,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.stdin.end('from a pipe\n\u0004');
  let printed = '';
  for await (const chunk of child.stdout) printed += String(chunk);
  expect(printed).toBe('>\nfrom a pipe\n');
  expect(await ended).toBe(0);
});

/** `ringlet run debian`: Debian's own kernel, unmodified, on the processor of @ringlet/x64. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';
import { afterAll, beforeAll, expect, onTestFinished, test, type TestContext } from 'vitest';
import { type PullResult, pull } from '../src/catalogue/pull.ts';
import { ROOT } from './machines.ts';

const MINUTE = 60_000;
const LAUNCHER = join(ROOT, 'packages/ringlet/bin/ringlet.mjs');
const PROMPT = '~ # ';
/** VMBus class of the heartbeat, as sysfs has it. */
const HEARTBEAT_CLASS = '{57164f39-9115-4e78-ab55-382f3bd5422d}';

let folder: string;
let image: PullResult;
/** Why there is no image; a host without apt, or without a network, is no failure. */
let missing: string | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-linux-'));
  await pull('debian', { cache: join(folder, 'cache') }).then(
    (result) => (image = result),
    (error: unknown) => {
      if (!(error instanceof UserError)) throw error;
      missing = `the packages cannot be fetched here: ${error.message}`;
    },
  );
}, 5 * MINUTE);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Types each line when the shell asks for one. @returns all that was printed, and how `ringlet run` ended */
async function session(context: TestContext, options: readonly string[], lines: readonly string[]) {
  if (missing !== undefined) context.skip(missing);
  const child = spawn(
    process.execPath,
    [LAUNCHER, 'run', '--kernel', image.kernel, '--initrd', image.initrd, '--append', image.commandLine, ...options],
    { cwd: ROOT, env: { ...process.env, RINGLET_RUN_DIR: join(folder, 'run') }, stdio: ['pipe', 'pipe', 'pipe'] },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  const waiting = [...lines];
  let text = '';
  let asked = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const prompt = text.indexOf(PROMPT, asked);
    if (prompt < 0) return;
    asked = prompt + PROMPT.length;
    const line = waiting.shift();
    if (line !== undefined) child.stdin.write(`${line}\n`);
  });
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { text, status };
}

test('Debian boots to a shell, finds its VMBus, and powers off', async (context) => {
  const { text, status } = await session(
    context,
    [],
    ['seq 1 10000 | sha256sum', 'dmesg | grep -i vmbus', 'cat /sys/bus/vmbus/devices/*/class_id | sort', 'poweroff -f'],
  );

  const numbers = Array.from({ length: 10_000 }, (_, i) => `${i + 1}\n`).join('');
  expect(text).toContain(createHash('sha256').update(numbers).digest('hex'));
  expect(text).toMatch(/Vmbus version:5\.3/i);
  expect(text).toContain(HEARTBEAT_CLASS);
  expect(text).not.toMatch(/Call Trace|WARNING: CPU|BUG:/);
  expect(status).toBe(0);
});

test('four virtual processors come up and take work', async (context) => {
  const { text, status } = await session(
    context,
    ['--cpus', '4'],
    [
      'echo processors: $(nproc)',
      'for i in 1 2 3 4; do (seq 1 20000 | sha256sum) & done; wait; echo all four done',
      'poweroff -f',
    ],
  );

  expect(text).toContain('processors: 4');
  const numbers = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join('');
  expect(text.split(createHash('sha256').update(numbers).digest('hex'))).toHaveLength(5);
  expect(text).not.toMatch(/Call Trace|WARNING: CPU|BUG:/);
  expect(status).toBe(0);
});

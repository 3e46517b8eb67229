/** The examples, as a user runs them. Those of disks, of hello and of shutdown: `command-line.test.ts`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vspRules } from 'ringlet/testing';
import { expect, test } from 'vitest';
import Ticker from '../../../examples/ticker.ts';
import { ringlet } from './launcher.ts';
import { ROOT, temporaryFolder } from './machines.ts';

/** What belongs to an example but is not run by itself; the machine files of the guide are read by `machine-schema.test.ts`. */
const PARTS = ['echo.vsc.ts', 'two-partitions.ts', 'machine-files'];

test('every example is run by a test', () => {
  const tests = readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(import.meta.dirname, file), 'utf8'))
    .join('\n');
  const examples = readdirSync(join(ROOT, 'examples')).filter((file) => !PARTS.includes(file));
  expect(examples.length).toBeGreaterThan(5);
  expect(examples.filter((file) => !tests.includes(file))).toEqual([]);
});

test('echo: a device and its guest, one file each, and no edit anywhere else', async () => {
  const result = await ringlet(temporaryFolder(), 'run', 'examples/echo.guest.ts', '--device', 'examples/echo.ts');
  expect(result).toMatchObject({
    status: 0,
    stdout: [8, 64, 512, 4096].map((n) => `${n} bytes out, ${n} bytes back: the same\n`).join(''),
  });
});

test('the halves of echo are short enough to be read at a glance', () => {
  for (const half of ['echo.ts', 'echo.vsc.ts']) {
    const lines = readFileSync(join(ROOT, 'examples', half), 'utf8')
      .trimEnd()
      .split('\n');
    expect(lines.length).toBeLessThanOrEqual(30);
    expect(lines.filter((line) => line.startsWith('export default'))).toHaveLength(1);
  }
});

test('ticker: a device speaks by its clock, which in lockstep needs no waiting for', async () => {
  const words = ['run', 'examples/ticker.guest.ts', '--device', 'examples/ticker.ts', '--lockstep'];
  expect(await ringlet(temporaryFolder(), ...words)).toMatchObject({ status: 0, stdout: '1 s\n2 s\n3 s\n' });
});

test('ticker keeps the rules of every device', () => {
  const rules: string[] = [];
  vspRules((name, run) => (run(), rules.push(name)), Ticker);
  expect(rules).toHaveLength(3);
});

test('arp: a guest finds its gateway through a network adapter', async () => {
  const { status, stdout } = await ringlet(
    temporaryFolder(),
    'run',
    'examples/arp.ts',
    '--net',
    'nat,mac=02:52:6c:00:00:07',
  );
  expect(stdout).toMatch(/^02:52:6c:00:00:07, MTU 1500, link up\n10\.0\.2\.2 is at (?:[0-9a-f]{2}:){5}[0-9a-f]{2}\n$/);
  expect(status).toBe(0);
});

test('arp: nobody answers where no cable leads', async () => {
  const { status, stdout } = await ringlet(temporaryFolder(), 'run', 'examples/arp.ts', '--net', 'none');
  expect(stdout).toContain('link down\nnobody has 10.0.2.2\n');
  expect(status).toBe(1);
});

test('two-partitions: two children at once, neither in the memory of the other', async () => {
  const { status, stdout } = await ringlet(temporaryFolder(), 'run', 'examples/two-partitions.yaml');
  for (const [name, size] of [
    ['left', 16],
    ['right', 32],
  ]) {
    expect(stdout).toMatch(new RegExp(`^${name} +\\| ${name}: ${size} MiB of memory`, 'm'));
    expect(stdout).toMatch(
      new RegExp(`^${name} +\\| ${name}: all of it is still mine; beyond it there is nothing$`, 'm'),
    );
  }
  expect(status).toBe(0);
});

test('the tour shows all of them, says how long it took, and ends well', async () => {
  const { status, stdout, stderr } = await ringlet(temporaryFolder(), 'tour');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  for (const stop of ['hello', 'disk-write', 'disk-sha256', 'echo', 'two partitions', 'shutdown']) {
    expect(stdout).toMatch(new RegExp(`^\\d+\\. ${stop}`, 'm'));
  }
  expect(stdout).not.toContain('FAILED');
  expect(stdout).toMatch(/All went well, in \d+\.\d s/);
});

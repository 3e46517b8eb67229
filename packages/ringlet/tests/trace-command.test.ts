/** `ringlet trace` and `ringlet dissector` as a user runs them: each in a process of its own. */
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Ended, ringlet, startRinglet } from './launcher.ts';
import { temporaryFolder } from './machines.ts';

const GUEST = 'examples/multiplier/multiplier.guest.ts';
const DEVICE = 'examples/multiplier/multiplier.ts';

/** A command that is interrupted, as Ctrl-C does it, as soon as its output shows what is waited for. */
async function interrupted(folder: string, until: (seen: Ended) => boolean, ...words: string[]): Promise<Ended> {
  const child = startRinglet(folder, ...words);
  onTestFinished(() => void child.kill('SIGKILL'));
  const seen = { status: null as number | null, stdout: '', stderr: '' };
  let asked = false;
  const look = (): void => {
    if (asked || !until(seen)) return;
    asked = true;
    child.kill('SIGINT');
  };
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (seen.stdout += text) && look());
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (seen.stderr += text) && look());
  seen.status = await new Promise<number | null>((ended) => child.once('close', ended));
  return seen;
}

test('--follow shows what happens until Ctrl-C, says how much it was, and leaves the machine alone', async () => {
  const folder = temporaryFolder();
  const machine = startRinglet(folder, 'run', GUEST, '--device', DEVICE, '--name', 'asks', '--', '--follow');
  onTestFinished(() => void machine.kill('SIGKILL'));
  let printed = '';
  await new Promise<void>((asking) => {
    machine.stdout!.on('data', (text: Buffer) => ((printed += text.toString()).includes('->') ? asking() : undefined));
  });
  const file = join(folder, 'asks.pcapng');
  const follow = ['trace', 'asks', '--follow', '--filter', 'device=multiplier && kind=packet'];
  const [text, capture] = await Promise.all([
    interrupted(folder, ({ stdout }) => /← ANSWER/.test(stdout), ...follow),
    interrupted(folder, ({ stderr }) => stderr.includes('Ctrl-C leaves'), ...follow, '-w', file, '--snaplen', '20'),
  ]);

  expect(text.status).toBe(0);
  const lines = text.stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(/packet +multiplier \d+ +→ ASK value=\d+$/);
  expect(text.stderr).toBe(`asks · Ctrl-C leaves, the machine runs on\n${lines.length} records\n`);
  expect(capture.status).toBe(0);
  expect(capture.stderr).toMatch(/^asks · Ctrl-C leaves, the machine runs on\n\d+ packets in .*asks\.pcapng\n$/);
  expect(readFileSync(file).readUInt32LE(0)).toBe(0x0a0d0d0a);

  expect(machine.exitCode).toBeNull();
  const again = printed.length;
  await expect.poll(() => printed.length, { timeout: 30_000 }).toBeGreaterThan(again);
  expect((await ringlet(folder, 'trace', 'asks', '--snaplen', 'all')).stderr).toMatch(/snap-length-invalid/);
}, 120_000);

test('a dissector has the protocol of a device file; one that declares none is refused', async () => {
  const folder = temporaryFolder();
  const silent = join(folder, 'silent.ts');
  writeFileSync(
    silent,
    `export default class Silent {
       offer = { name: 'silent', interfaceId: '${randomUUID()}', instanceId: '${randomUUID()}' };
       packet() { return true; }
     }`,
  );
  const [made, plain, refused] = await Promise.all([
    ringlet(folder, 'dissector', '--device', DEVICE),
    ringlet(folder, 'dissector'),
    ringlet(folder, 'dissector', '--device', silent),
  ]);
  expect(made.status).toBe(0);
  expect(made.stdout).toMatch(/\["multiplier\.ask"\] = \{/);
  expect(made.stdout).toMatch(/\["memory\.status"\] = \{/);
  expect(plain.stdout).not.toMatch(/multiplier/);
  expect(refused.status).not.toBe(0);
  expect(refused.stderr).toMatch(/device-without-protocol/);
}, 120_000);

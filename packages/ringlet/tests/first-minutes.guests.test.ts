/** The programs of the library, as the guide shows them; the commands of its first five minutes: `documents.guests.test.ts`. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, temporaryFolder } from './machines.ts';

const LAUNCHER = join(ROOT, 'packages/ringlet/bin/ringlet.mjs');

interface Ended {
  readonly status: number | null;
  readonly output: string;
}

function shell(line: string, folder: string): Promise<Ended> {
  const child = spawn('sh', ['-c', line], {
    cwd: folder,
    env: { ...process.env, RINGLET_RUN_DIR: join(folder, 'run') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, output })));
}

/** A folder beside the examples, as a clone is. */
function clone(): string {
  const folder = temporaryFolder();
  symlinkSync(join(ROOT, 'examples'), join(folder, 'examples'));
  return folder;
}

test('the programs of the library run as they are shown', async () => {
  const folder = clone();
  const tsx = `"${process.execPath}" --conditions=@ringlet/source --import "${join(ROOT, 'node_modules/tsx/dist/loader.mjs')}"`;
  const library = await shell(`${tsx} examples/library.ts`, folder);
  expect(library).toMatchObject({ status: 0 });
  expect(library.output).toMatch(/^hello$/m);
  expect(library.output).toMatch(/^hello from a child partition[\s\S]*reason: 'power-off', code: 0/m);

  const traced = await shell(`${tsx} examples/tracing.ts`, folder);
  expect(traced).toMatchObject({ status: 0 });
  // Four requests and their answers.
  expect(traced.output.match(/^\d+\.\d+ packet/gm)?.length).toBeGreaterThanOrEqual(8);

  const travelled = await shell(`${tsx} examples/time-travel.ts`, folder);
  expect(travelled).toMatchObject({ status: 0 });
  expect(travelled.output).toMatch(/^false\nhello from a child partition[\s\S]*devices on offer/);

  const screen = await shell(`${tsx} examples/screen.ts shot.png`, folder);
  expect(screen).toMatchObject({ status: 0, output: expect.stringContaining('640x480') });
  expect(existsSync(join(folder, 'shot.png'))).toBe(true);
  expect(readFileSync(join(folder, 'shot.png')).subarray(1, 4).toString()).toBe('PNG');
}, 120_000);

test('sectors: without a disk there are none', async () => {
  const folder = clone();
  writeFileSync(join(folder, 'small.img'), new Uint8Array(512 * 100));
  const run = `"${process.execPath}" "${LAUNCHER}" run examples/sectors.ts`;
  expect(await shell(run, folder)).toMatchObject({ status: 1, output: expect.stringContaining('0 sectors') });
  expect(await shell(`${run} --disk small.img`, folder)).toMatchObject({
    status: 0,
    output: expect.stringContaining('100 sectors'),
  });
}, 120_000);

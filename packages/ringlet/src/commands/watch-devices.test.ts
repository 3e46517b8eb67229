import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeMachine } from '../../tests/fake-machine.ts';
import { RecordingHost } from '../../tests/recording-host.ts';
import type { Runnable } from './host.ts';
import { textReporter } from './reporter.ts';
import { watchDevices } from './watch-devices.ts';

let folder: string;
let file: string;
let stop = (): void => undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-watch-'));
  file = join(folder, 'mine.ts');
  writeFileSync(file, 'first');
});
afterEach(() => {
  stop();
  rmSync(folder, { recursive: true });
});

/** A machine with one device of one file, and those that it imports. */
class Watched extends FakeMachine {
  reloads = 0;
  sources = [file];
  failure: UserError | undefined;
  override readonly devices: Runnable['devices'] = {
    files: [file],
    reload: async () => {
      this.reloads++;
      if (this.failure) throw this.failure;
    },
    sources: async () => this.sources,
  };
}

async function watching(machine: Watched, host = new RecordingHost()): Promise<RecordingHost> {
  machine.state$.next('running');
  stop = await watchDevices(machine, textReporter(host, 1));
  return host;
}

const reloads = (machine: Watched, count: number) =>
  vi.waitFor(() => expect(machine.reloads).toBe(count), { timeout: 20_000, interval: 20 });

test('a file that is written, or replaced by another, is loaded anew', async () => {
  const machine = new Watched('fake');
  const host = await watching(machine);
  writeFileSync(file, 'second one');
  await reloads(machine, 1);
  writeFileSync(join(folder, 'new'), 'third one!');
  renameSync(join(folder, 'new'), file);
  await reloads(machine, 2);
  await vi.waitFor(() => expect(host.stderr.match(/mine\.ts: the new version is offered to fake/g)).toHaveLength(2));
});

test('so is one whose import is written', async () => {
  const imported = join(folder, 'protocol.ts');
  writeFileSync(imported, 'first');
  const machine = new Watched('fake');
  machine.sources = [file, imported];
  const host = await watching(machine);
  utimesSync(imported, 1, 1);
  await reloads(machine, 1);
  await vi.waitFor(() => expect(host.stderr).toContain('mine.ts: the new version'));
});

test('one that cannot be taken is told of once, with its code, and looked at again when it is mended', async () => {
  const machine = new Watched('fake');
  const host = await watching(machine);
  machine.failure = new UserError('guest-not-compiled', 'mine.ts:1:2: Expected ";"', { hint: 'mend it' });
  writeFileSync(file, 'broken');
  await reloads(machine, 1);
  machine.failure = undefined;
  writeFileSync(file, 'mended again');
  await reloads(machine, 2);
  expect(host.stderr).toContain(
    [
      'ringlet: mine.ts is not reloaded, the version before runs on:',
      '    mine.ts:1:2: Expected ";"',
      '    try   mend it',
      '    code  guest-not-compiled · ringlet explain guest-not-compiled',
    ].join('\n'),
  );
});

test('nothing is loaded before the machine runs; what was saved until then is loaded then', async () => {
  const machine = new Watched('fake');
  await watching(machine);
  machine.state$.next('starting');
  writeFileSync(file, 'while it starts');
  expect(machine.reloads).toBe(0);
  machine.state$.next('running');
  await reloads(machine, 1);
});

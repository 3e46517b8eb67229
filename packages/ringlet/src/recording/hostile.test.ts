/** Recordings of others, whose parts are whole but not what a recorder writes: refused with a code, before anything is made. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RecordedInput, RecordingHeader } from './format.ts';
import { RecordingWriter } from './recording-writer.ts';
import { takeOf } from './take.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { readonly version: string };
const HEADER: RecordingHeader = { ringlet: version, recorded: 1, options: { guest: '/guest.ts' }, files: [] };

let folder: string;

beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'ringlet-hostile-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a replay says of a recording. @returns `good`, or the code of the error */
function verdict(header: RecordingHeader, ...inputs: Pick<RecordedInput, 'name' | 'parameters'>[]): string {
  const path = join(folder, 'recording');
  const writer = new RecordingWriter(path, header, 1024 * 1024);
  for (const input of inputs) writer.input({ step: 0, time: 0, ...input });
  writer.close();
  try {
    return takeOf({ replay: path }).options.harness === 'lockstep' ? 'good' : 'no lockstep';
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
}

test('options of a machine are good ones, or are refused', () => {
  const named = fc.constantFrom(
    'guest',
    'kernel',
    'disks',
    'networks',
    'devices',
    'display',
    'cpus',
    'memory',
    'seed',
    'sockets',
    'gdb',
  );
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constant([{ path: '/d', keep: true }]),
    fc.constant([{ path: '../d' }]),
    fc.constant([{ kind: 'tap', name: 'eth0' }]),
  );
  fc.assert(
    fc.property(fc.dictionary(named, value), (options) => {
      const header = { ...HEADER, options: { ...HEADER.options, ...options } as RecordingHeader['options'] };
      expect(verdict(header)).toMatch(/^(good|recording-damaged)$/);
    }),
    { numRuns: 150 },
  );
  expect(verdict(HEADER)).toBe('good');
  expect(verdict({ ...HEADER, options: { guest: '/g.ts', disks: [{ path: '/d', keep: true }] } })).toBe(
    'recording-damaged',
  );
});

test('what comes in is a request with its parameters, or is refused', () => {
  const names = ['write', 'attachDisk', 'resizeDisk', 'copyFile', 'shutdown', 'pressKeys', 'dispose', '__proto__', 'x'];
  const parameters = fc.dictionary(
    fc.constantFrom('path', 'keep', 'base64', 'bytes', 'lun', 'strokes'),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(fc.constantFrom(...names), parameters, (name, given) => {
      const input = { name, parameters: given as RecordedInput['parameters'] };
      expect(verdict(HEADER, input)).toMatch(/^(good|recording-damaged)$/);
    }),
    { numRuns: 150 },
  );
  expect(verdict(HEADER, { name: 'attachDisk', parameters: { path: '/d' } })).toBe('good');
  expect(verdict(HEADER, { name: 'attachDisk', parameters: { path: '/d', keep: true } })).toBe('recording-damaged');
  expect(verdict(HEADER, { name: 'write', parameters: {} })).toBe('recording-damaged');
  expect(verdict(HEADER, { name: 'dispose', parameters: {} })).toBe('recording-damaged');
});

test('another version is told by its number', () => {
  expect(verdict({ ...HEADER, ringlet: '0.0.0-other' })).toBe('replay-version');
});

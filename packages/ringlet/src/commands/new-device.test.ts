import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isGuid } from '@ringlet/wire';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RecordingHost } from '../../tests/recording-host.ts';
import { newDevice } from './new-device.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ringlet-device-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('four files of at most 30 lines are written', () => {
  expect(newDevice('frame-buffer', { directory }, new RecordingHost())).toBe(0);
  const files = readdirSync(directory).toSorted();
  expect(files).toEqual(['frame-buffer.guest.ts', 'frame-buffer.test.ts', 'frame-buffer.ts', 'frame-buffer.vsc.ts']);
  const lengths = files.map((file) => readFileSync(join(directory, file), 'utf8').trimEnd().split('\n').length);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(30);
});

test('VSP and VSC share an interface GUID that no other device has', () => {
  newDevice('one', { directory }, new RecordingHost());
  newDevice('two', { directory }, new RecordingHost());
  const interfaceOf = (file: string): string =>
    /interfaceId[:=\s]+'([^']+)'/.exec(readFileSync(join(directory, file), 'utf8'))![1]!;
  expect(isGuid(interfaceOf('one.ts'))).toBe(true);
  expect(interfaceOf('one.vsc.ts')).toBe(interfaceOf('one.ts'));
  expect(interfaceOf('two.ts')).not.toBe(interfaceOf('one.ts'));
});

test('no file is overwritten, and none is written when one is in the way', () => {
  newDevice('one', { directory }, new RecordingHost());
  rmSync(join(directory, 'one.ts'));
  expect(() => newDevice('one', { directory }, new RecordingHost())).toThrow(
    expect.objectContaining({ code: 'file-exists' }),
  );
  expect(readdirSync(directory)).not.toContain('one.ts');
});

test.each(['', 'Echo', '../x', 'a b', '-a', 'a-', '1st', 'a'.repeat(41)])('%j is no name for a device', (name) => {
  expect(() => newDevice(name, { directory }, new RecordingHost())).toThrow(
    expect.objectContaining({ code: 'device-name-invalid' }),
  );
});

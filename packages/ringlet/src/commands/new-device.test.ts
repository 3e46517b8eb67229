import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

const read = (file: string): string => readFileSync(join(directory, file), 'utf8');

/** Files of a device, each with the most lines that it may have: what is to be changed must be seen at a glance. */
const MOST_LINES = {
  'frame-buffer.c': 150,
  'frame-buffer.guest.ts': 25,
  'frame-buffer.h': 35,
  'frame-buffer.md': 75,
  'frame-buffer.protocol.ts': 15,
  'frame-buffer.test.ts': 60,
  'frame-buffer.ts': 40,
  'frame-buffer.vsc.ts': 40,
};

test('a device is eight short files, and a folder of its own two more', () => {
  expect(newDevice('frame-buffer', { directory }, new RecordingHost())).toBe(0);
  expect(readdirSync(directory).toSorted()).toEqual(
    [...Object.keys(MOST_LINES), 'package.json', 'tsconfig.json'].toSorted(),
  );
  const longer = Object.entries(MOST_LINES).filter(([file, most]) => read(file).trimEnd().split('\n').length > most);
  expect(longer).toEqual([]);
});

test('its identifiers stand in the protocol, and in what C is told; no other device has them', () => {
  newDevice('one', { directory }, new RecordingHost());
  newDevice('two', { directory }, new RecordingHost());
  const idsOf = (name: string): string[] =>
    [...read(`${name}.protocol.ts`).matchAll(/(?:interface|instance)Id: '([^']+)'/g)].map((match) => match[1]!);
  const ids = [...idsOf('one'), ...idsOf('two')];
  expect(ids.map(isGuid)).toEqual([true, true, true, true]);
  expect(new Set(ids).size).toBe(4);
  for (const id of idsOf('one')) expect(read('one.h')).toContain(`"${id}"`);
});

test('what a project has already is left as it is, also in a folder above', () => {
  writeFileSync(join(directory, 'package.json'), '{"name":"mine"}');
  mkdirSync(join(directory, 'deep'));
  newDevice('one', { directory: join(directory, 'deep') }, new RecordingHost());
  expect(read('package.json')).toBe('{"name":"mine"}');
  expect(readdirSync(join(directory, 'deep'))).not.toContain('package.json');
  expect(readdirSync(join(directory, 'deep'))).toContain('tsconfig.json');
});

test('package.json asks for the version that wrote it', () => {
  newDevice('one', { directory }, new RecordingHost());
  expect(JSON.parse(read('package.json'))).toMatchObject({
    type: 'module',
    dependencies: { ringlet: new RecordingHost().version },
  });
});

test('it says what each file is, and what to do next', () => {
  const host = new RecordingHost();
  newDevice('one', { directory }, host);
  for (const file of readdirSync(directory)) expect(host.stdout).toContain(`${join(directory, file)} `);
  expect(host.stdout).toContain('npm install\n');
  expect(host.stdout).toMatch(/ringlet run \S+one\.guest\.ts --device \S+one\.ts --watch -- --follow\n/);
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

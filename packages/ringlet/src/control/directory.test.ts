import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { controlDirectory, socketPath } from './directory.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'ringlet-home-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test('the runtime directory of the session is used when there is one', () => {
  expect(controlDirectory({ XDG_RUNTIME_DIR: home, HOME: '/nowhere' })).toBe(join(home, 'ringlet'));
  expect(modeOf(join(home, 'ringlet'))).toBe('700');
});

test('without one it is below the home directory', () => {
  expect(controlDirectory({ HOME: home })).toBe(join(home, '.ringlet', 'run'));
  expect(modeOf(join(home, '.ringlet', 'run'))).toBe('700');
});

test('RINGLET_RUN_DIR wins over both', () => {
  const chosen = join(home, 'chosen');
  expect(controlDirectory({ RINGLET_RUN_DIR: chosen, XDG_RUNTIME_DIR: home, HOME: home })).toBe(chosen);
});

test('a runtime directory that cannot be written falls back to the next', () => {
  const file = join(home, 'file');
  writeFileSync(file, '');
  expect(controlDirectory({ XDG_RUNTIME_DIR: file, HOME: home })).toBe(join(home, '.ringlet', 'run'));
});

test('a directory that others may enter is closed to them', () => {
  const open = join(home, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  controlDirectory({ RINGLET_RUN_DIR: open });
  expect(modeOf(open)).toBe('700');
});

test('a link in place of the directory is refused', () => {
  const link = join(home, 'link');
  symlinkSync(home, link);
  expect(() => controlDirectory({ RINGLET_RUN_DIR: link })).toThrow(
    expect.objectContaining({ code: 'control-directory-unsafe' }),
  );
});

test('a file in place of the directory is a user error', () => {
  const file = join(home, 'file');
  writeFileSync(file, '');
  expect(() => controlDirectory({ RINGLET_RUN_DIR: file })).toThrow(
    expect.objectContaining({ code: 'control-directory-missing' }),
  );
});

test('a name too long for a socket address gets a short one, the same each time and its own', () => {
  const long = 'n'.repeat(63);
  const deep = `/run/${'d'.repeat(60)}`;
  expect(socketPath('/run', 'web')).toBe('/run/web.sock');
  expect(Buffer.byteLength(socketPath(deep, long))).toBeLessThanOrEqual(103);
  expect(socketPath(deep, long)).toBe(socketPath(deep, long));
  expect(socketPath(deep, long)).not.toBe(socketPath(deep, `${long.slice(1)}m`));
});

test('a directory too deep for any socket gets a short stand-in', () => {
  const deep = join(home, 'd'.repeat(120));
  const standIn = controlDirectory({ RINGLET_RUN_DIR: deep });
  expect(standIn).toBe(controlDirectory({ RINGLET_RUN_DIR: deep }));
  expect(Buffer.byteLength(socketPath(standIn, 'n'.repeat(63)))).toBeLessThanOrEqual(103);
  expect(modeOf(standIn)).toBe('700');
  rmSync(standIn, { recursive: true });
});

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lockImage, refuseLocked } from './image-lock.ts';

let directory = '';
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'ringlet-lock-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const locked = expect.objectContaining({ code: 'disk-locked' }) as Error;

test('an image is locked once, says by whom, and leaves nothing behind when it is given back', () => {
  const image = join(directory, 'once');
  const unlock = lockImage(image);

  expect(() => lockImage(image)).toThrow(locked);
  expect(() => refuseLocked(image)).toThrow(`process ${process.pid}`);
  unlock();
  refuseLocked(image);
  lockImage(image)();
  expect(readdirSync(directory).filter((name) => name.startsWith('once'))).toEqual([]);
});

test('the lock of a process that is gone is taken over', () => {
  const image = join(directory, 'gone');
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  writeFileSync(`${image}.lock`, JSON.stringify({ pid, host: hostname(), started: '1' }));

  refuseLocked(image);
  const unlock = lockImage(image);

  expect(JSON.parse(readFileSync(`${image}.lock`, 'utf8'))).toMatchObject({ pid: process.pid });
  unlock();
});

test.skipIf(!existsSync('/proc/self/stat'))(
  'a process that only has the same number is not the owner (needs /proc)',
  () => {
    const image = join(directory, 'reused');
    writeFileSync(`${image}.lock`, JSON.stringify({ pid: process.pid, host: hostname(), started: '1' }));
    expect(() => lockImage(image)()).not.toThrow();
  },
);

test('a lock of another host is believed', () => {
  const image = join(directory, 'far');
  writeFileSync(`${image}.lock`, JSON.stringify({ pid: 1, host: 'elsewhere', started: '1' }));
  expect(() => lockImage(image)).toThrow(locked);
});

test('a lock that says nothing is cleaned up', () => {
  const image = join(directory, 'empty');
  writeFileSync(`${image}.lock`, 'null');
  expect(() => lockImage(image)()).not.toThrow();
});

/** Sockets whose machine died without removing them: telling them from live ones, and removing them. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@ringlet/wire';

/** How long to wait for whoever holds the lock; it is held for a few milliseconds. */
const LOCK_WAIT_MS = 5_000;
const LOCK_RETRY_MS = 5;

/** Whether anybody listens at a socket: `refused` when its owner is gone, `absent` when there is no such file. */
export function probe(path: string): Promise<'alive' | 'refused' | 'absent'> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve('alive');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve('absent');
      // A full backlog, or no right to ask, is not the same as nobody there.
      else resolve(error.code === 'ECONNREFUSED' || error.code === 'ENOTSOCK' ? 'refused' : 'alive');
    });
  });
}

/** Removes a socket that nobody answers; leaves one that is answered. */
export function removeStale(path: string): Promise<void> {
  return withLock(dirname(path), async () => {
    // Asked again under the lock: a new machine may have taken the name since.
    if ((await probe(path)) === 'refused') rmSync(path, { force: true });
  });
}

/**
 * Runs `work` while nobody else adds or removes sockets in `directory`: between finding a dead socket and removing it,
 * another process could bind a live one in its place.
 *
 * The lock is a file with its owner's process id, so that one left by a crash is recognised.
 */
export async function withLock<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const path = join(directory, 'lock');
  for (const deadline = performance.now() + LOCK_WAIT_MS; !acquire(path); await delay(LOCK_RETRY_MS)) {
    if (performance.now() > deadline) {
      throw new UserError('control-directory-locked', `another ringlet has held ${path} for ${LOCK_WAIT_MS / 1000} s`, {
        hint: 'if no other ringlet is starting, remove that file',
      });
    }
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function acquire(path: string): boolean {
  try {
    const file = openSync(path, 'wx', 0o600);
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw new UserError('control-socket-refused', `cannot lock ${path}: ${message}`, { cause });
    if (ownerDied(path)) rmSync(path, { force: true });
    return false;
  }
}

function ownerDied(lock: string): boolean {
  try {
    const owner = Number(readFileSync(lock, 'utf8'));
    // Empty for an instant, between the owner's creating and writing it.
    if (owner > 0) process.kill(owner, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/**
 * The lock of a cache: one process changes it at a time. A file that says who; one whose owner is gone does not count.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { UserError } from '@ringlet/wire';
import { reason } from './cache.ts';

interface Owner {
  readonly pid: number;
  readonly host: string;
}

/** Takes the lock at `path`. @returns what gives it back. @throws UserError `cache-locked` when another process has it. */
export function lockCache(path: string): () => void {
  const mine = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    writeFileSync(mine, JSON.stringify({ pid: process.pid, host: hostname() } satisfies Owner), { flag: 'wx' });
  } catch (cause) {
    throw new UserError('cache-unusable', `the cache cannot be written: ${reason(cause)}`, {
      hint: 'choose another with --cache DIR or XDG_CACHE_HOME',
      cause,
    });
  }
  try {
    if (!take(mine, path)) {
      const owner = ownerOf(path);
      if (owner === undefined || lives(owner)) throw locked(path, owner);
      removeStale(path);
      if (!take(mine, path)) throw locked(path, ownerOf(path));
    }
  } finally {
    rmSync(mine, { force: true });
  }
  const giveBack = (): void => {
    process.off('exit', giveBack);
    rmSync(path, { force: true });
  };
  // A process that is told to exit at once, by a third Ctrl-C, still gives it back.
  process.on('exit', giveBack);
  return giveBack;
}

/** A link appears with its contents, or not at all: nobody sees a lock that does not say whose it is. */
function take(mine: string, path: string): boolean {
  try {
    linkSync(mine, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
  }
  try {
    // A file system without links.
    writeFileSync(path, readFileSync(mine), { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

/** Of several who find a lock stale one moves it away; the others find nothing, or a lock that is new. */
function removeStale(path: string): void {
  const taken = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, taken);
    const owner = ownerOf(taken);
    if (owner !== undefined && lives(owner)) linkSync(taken, path);
  } catch {
    // Somebody else was faster.
  }
  rmSync(taken, { force: true });
}

function ownerOf(path: string): Owner | undefined {
  try {
    const owner = JSON.parse(readFileSync(path, 'utf8')) as Partial<Owner> | null;
    return Number.isInteger(owner?.pid) ? { pid: owner!.pid!, host: String(owner!.host) } : undefined;
  } catch {
    return undefined;
  }
}

function lives(owner: Owner): boolean {
  // Another host on a shared file system cannot be asked.
  if (owner.host !== hostname()) return true;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function locked(path: string, owner: Owner | undefined): UserError {
  const who = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`;
  return new UserError('cache-locked', `${who} is changing the cache`, {
    hint: `wait until it is done; if there is no such process, remove ${path}`,
  });
}

/**
 * ImageLock: keeps two machines from writing one image. Node has no file locks of the host, so it is a file beside the
 * image, `<image>.lock`, that says who writes; one whose writer is gone is cleaned up. It binds those who ask.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { UserError } from '@ringlet/wire';
import { hostRefused } from './failures.ts';

interface Owner {
  pid: number;
  host: string;
  /** When the process started, as the host counts: a process id is used again. */
  started: string;
}

/** Locks that this thread holds. */
const held = new Set<string>();

/** Takes the lock of the image at `path`. It is given back at the latest when this thread, or its process, ends. @returns what gives it back. @throws UserError when it is taken. */
export function lockImage(path: string): () => void {
  const lock = `${path}.lock`;
  const mine = `${lock}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  const owner: Owner = { pid: process.pid, host: hostname(), started: startOf(process.pid) ?? '' };
  try {
    writeFileSync(mine, JSON.stringify(owner), { flag: 'wx' });
  } catch (error) {
    throw hostRefused(lock, error);
  }
  try {
    for (let tries = 0; ; tries++) {
      if (tryTake(mine, lock)) {
        if (held.size === 0) process.on('exit', giveBackAll);
        held.add(lock);
        return () => giveBack(lock);
      }
      const found = ownerOf(lock);
      if (tries > 3 || (found !== undefined && isAlive(found))) throw locked(path, lock, found);
      removeStale(lock);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** @throws UserError when another machine writes the image at `path`. */
export function refuseLocked(path: string): void {
  const lock = `${path}.lock`;
  const found = ownerOf(lock);
  if (found !== undefined && isAlive(found)) throw locked(path, lock, found);
}

function giveBack(lock: string): void {
  if (held.delete(lock)) rmSync(lock, { force: true });
  if (held.size === 0) process.off('exit', giveBackAll);
}

/** A thread that fails is heard once more: its process may go on, and want the image again. */
function giveBackAll(): void {
  for (const lock of held) giveBack(lock);
}

/** A link appears with its contents, or not at all: nobody sees a lock that does not say whose it is. */
function tryTake(mine: string, lock: string): boolean {
  try {
    linkSync(mine, lock);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') {
      throw hostRefused(lock, error);
    }
  }
  // A file system without links.
  try {
    writeFileSync(lock, readFileSync(mine), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw hostRefused(lock, error);
  }
}

/** Moves the lock away before it is removed: of several who find it stale, only one gets it, and sees what it got. */
function removeStale(lock: string): void {
  const taken = `${lock}.stale.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    renameSync(lock, taken);
  } catch {
    return;
  }
  const found = ownerOf(taken);
  if (found !== undefined && isAlive(found)) {
    try {
      linkSync(taken, lock);
    } catch {
      // Someone has taken it meanwhile; the next try finds out who.
    }
  }
  rmSync(taken, { force: true });
}

/** Who holds a lock; `undefined` when nobody does, or nobody that can be read. */
function ownerOf(lock: string): Owner | undefined {
  try {
    const owner = JSON.parse(readFileSync(lock, 'utf8')) as Partial<Owner> | null;
    if (owner === null || typeof owner.pid !== 'number' || !Number.isInteger(owner.pid) || owner.pid < 1)
      return undefined;
    return { pid: owner.pid, host: String(owner.host), started: String(owner.started) };
  } catch {
    return undefined;
  }
}

function isAlive(owner: Owner): boolean {
  if (owner.host !== hostname()) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const started = startOf(owner.pid);
  return started === undefined || owner.started === '' || started === owner.started;
}

/** The start time of a process, in ticks since the host started; `undefined` where there is no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Fields follow the name, which is in parentheses and may hold anything; the start is the 22nd.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function locked(path: string, lock: string, owner: Owner | undefined): UserError {
  const who = owner === undefined ? 'someone' : `process ${owner.pid} on ${owner.host}`;
  return new UserError('disk-locked', `${path} is being written by ${who}`, {
    hint: `stop that machine first; if it is gone for good, remove ${lock}`,
  });
}

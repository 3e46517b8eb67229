/** A file of one's own: the image of a root disk that keeps what its guest writes. */
import { constants, copyFileSync, existsSync, renameSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { UserError } from '@ringlet/wire';
import { reason } from './cache.ts';

/**
 * Copies `from` to `to`, unless `to` is there: whole or not at all, and without taking room twice where the file system
 * can share blocks. It is a copy rather than a disk that builds on `from`, so that it outlives it.
 *
 * @returns the full path of `to`
 * @throws UserError `copy-failed`
 */
export function copyOnce(from: string, to: string): string {
  const path = resolve(to);
  if (existsSync(path)) return path;
  const fresh = `${path}.${process.pid}.new`;
  try {
    copyFileSync(from, fresh, constants.COPYFILE_FICLONE);
    renameSync(fresh, path);
  } catch (cause) {
    rmSync(fresh, { force: true });
    throw new UserError('copy-failed', `${to} cannot be made: ${reason(cause)}`, {
      hint: 'look for a full disk, or choose another place with --keep FILE',
      cause,
    });
  }
  return path;
}

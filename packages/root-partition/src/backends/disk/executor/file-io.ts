/** FileIo: the calls of the host's file system that an executor needs, so that tests can give it a failing one. */
import * as fs from 'node:fs';
import { DiskStatus } from '../disk.ts';

type Moved = (error: NodeJS.ErrnoException | null, count: number) => void;
type Ended = (error: NodeJS.ErrnoException | null) => void;

/** Positioned file I/O: each call in the caller's thread, and the same call on a thread of the host's pool. */
export interface FileIo {
  readSync(fd: number, bytes: Uint8Array, offset: number, length: number, position: number): number;
  writeSync(fd: number, bytes: Uint8Array, offset: number, length: number, position: number): number;
  readvSync(fd: number, views: readonly Uint8Array[], position: number): number;
  writevSync(fd: number, views: readonly Uint8Array[], position: number): number;
  fdatasyncSync(fd: number): void;
  ftruncateSync(fd: number, size: number): void;
  closeSync(fd: number): void;
  read(fd: number, bytes: Uint8Array, offset: number, length: number, position: number, done: Moved): void;
  write(fd: number, bytes: Uint8Array, offset: number, length: number, position: number, done: Moved): void;
  readv(fd: number, views: readonly Uint8Array[], position: number, done: Moved): void;
  writev(fd: number, views: readonly Uint8Array[], position: number, done: Moved): void;
  fdatasync(fd: number, done: Ended): void;
  ftruncate(fd: number, size: number, done: Ended): void;
  close(fd: number, done: Ended): void;
}

/** The host's own. */
export const nodeFileIo: FileIo = fs as FileIo;

/** Interrupted calls in a row before the host is taken at its word. */
export const MOST_RETRIES = 16;

/** Whether the call should simply be made again. */
export function isTransient(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'EINTR' || code === 'EAGAIN';
}

/** What a failed call means for a request. */
export function statusOfError(error: unknown): number {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return DiskStatus.NoSpace;
    case 'EROFS':
      return DiskStatus.ReadOnly;
    default:
      return DiskStatus.IoError;
  }
}

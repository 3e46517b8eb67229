/** The operating system's number of the calling thread, on Linux; elsewhere that of the process, which pins nothing. */
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';

export function threadId(): number {
  try {
    return Number(basename(readlinkSync('/proc/thread-self')));
  } catch {
    return process.pid;
  }
}

/** Puts an overlay over a disk, in a file that has no name, or in memory. */
import { randomUUID } from 'node:crypto';
import { openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Disk } from '../disk.ts';
import { HostFile } from '../executor/host-file.ts';
import { MemoryFile } from '../executor/memory-file.ts';
import { type ExecutorMode, ExecutorPolicy } from '../executor/policy.ts';
import { hostRefused } from '../failures.ts';
import { OverlayDisk } from './overlay-disk.ts';

/** Where an overlay keeps what is written. */
export interface OverlayOptions {
  overlay?: 'file' | 'memory';
  scratch?: string;
  io?: ExecutorMode;
}

/** Makes a disk that reads `base` and throws its writes away. @throws UserError when there is no place for them. */
export function makeOverlay(base: Disk, options: OverlayOptions = {}): OverlayDisk {
  if (options.overlay === 'memory') return new OverlayDisk(base, new MemoryFile());
  const path = join(options.scratch ?? tmpdir(), `ringlet-overlay-${randomUUID()}`);
  let fd: number;
  try {
    fd = openSync(path, 'wx+', 0o600);
  } catch (error) {
    base.close(() => undefined);
    throw hostRefused(path, error);
  }
  // Without a name nobody else sees it, and it is gone with the process however that ends.
  rmSync(path, { force: true });
  return new OverlayDisk(base, new HostFile(fd, { policy: new ExecutorPolicy(options.io) }));
}

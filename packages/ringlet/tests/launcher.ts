/** The command line, started as a user starts it: each command in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './machines.ts';

const LAUNCHER = join(ROOT, 'packages/ringlet/bin/ringlet.mjs');

/** How a command ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `ringlet`; `folder` is where its sockets are, so that it meets no machine of anybody else's. */
export function startRinglet(folder: string, ...words: string[]): ChildProcess {
  return spawn(process.execPath, [LAUNCHER, ...words], {
    cwd: ROOT,
    env: { ...process.env, RINGLET_RUN_DIR: join(folder, 'run') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Runs `ringlet` to its end. */
export function ringlet(folder: string, ...words: string[]): Promise<Ended> {
  const child = startRinglet(folder, ...words);
  return new Promise((resolve) => {
    let stdout = '';
    let stderr = '';
    child.stdout!.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

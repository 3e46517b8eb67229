/** Which programs of the host a test can lean on, and how it says that it cannot. */
import { spawnSync } from 'node:child_process';

/** The part of a test's name that says why it is skipped: empty when all `tools` are installed. */
export function lacking(...tools: readonly string[]): string {
  const missing = tools.filter((tool) => spawnSync('which', [tool]).status !== 0);
  return missing.length === 0 ? '' : ` (skipped: ${missing.join(' and ')} not installed)`;
}

/** Runs a program over some input. @returns what it writes @throws Error with its own words when it fails */
export function filter(input: Uint8Array, program: string, ...options: readonly string[]): Buffer {
  const done = spawnSync(program, options, { input, maxBuffer: 2 ** 30, timeout: 300_000 });
  if (done.status !== 0) throw new Error(`${program} failed: ${done.stderr?.toString() ?? done.error?.message}`);
  return done.stdout;
}

/** Runs a program. @returns what it writes @throws Error with its own words when it fails */
export function capture(program: string, ...options: readonly string[]): Buffer {
  return filter(new Uint8Array(0), program, ...options);
}

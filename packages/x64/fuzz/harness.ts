/** The host's side: builds the harness and runs cases on the host's processor. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CASE_SIZE } from './cases.ts';

const here = dirname(fileURLToPath(import.meta.url));

/** Signal that the harness reports for a case that does not end by itself: SIGVTALRM. */
export const ENDLESS = 26;

/** Builds the harness. @returns its path, or undefined where there is no compiler or another processor */
export function buildHarness(): string | undefined {
  if (process.arch !== 'x64' || process.platform !== 'linux') return undefined;
  const directory = join(here, '..', 'wasm');
  mkdirSync(directory, { recursive: true });
  const source = join(here, 'harness.c');
  const target = join(directory, 'fuzz-harness');
  if (existsSync(target) && statSync(target).mtimeMs > statSync(source).mtimeMs) return target;
  // Another run may be using the old one.
  const { status } = spawnSync('gcc', ['-O2', '-o', `${target}.${process.pid}`, source]);
  if (status !== 0) return undefined;
  renameSync(`${target}.${process.pid}`, target);
  return target;
}

/** Runs cases of {@link CASE_SIZE} bytes. @returns a result for each; fewer when the harness died in the next one */
export function runOnHost(harness: string, cases: Uint8Array): DataView[] {
  const { stdout } = spawnSync(harness, { input: cases, maxBuffer: 1 << 30, timeout: 60_000 });
  return Array.from(
    { length: Math.floor(stdout.length / CASE_SIZE) },
    (_, i) => new DataView(stdout.buffer, stdout.byteOffset + i * CASE_SIZE, CASE_SIZE),
  );
}

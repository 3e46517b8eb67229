/** The processor's core, compiled once for all machines of the process. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '@ringlet/wire';
import { compileCore } from '@ringlet/x64';

let compiled: Promise<object> | undefined;

/**
 * The core as a WebAssembly module, which can be posted to other threads. In a clone it is built from its sources when it
 * is missing or older than they are.
 */
export const loadCore = (): Promise<object> => (compiled ??= load());

const load = async (): Promise<object> => compileCore(readFileSync(await coreFile()));

/** Path of the core, which is built first where it has to be. @throws UserError `processor-not-built` */
export async function coreFile(): Promise<string> {
  const root = dirname(createRequire(import.meta.url).resolve('@ringlet/x64/package.json'));
  const builder = join(root, 'scripts', 'build.mjs');
  let file = join(root, 'wasm', 'core.wasm');
  if (existsSync(builder)) {
    const script = (await import(pathToFileURL(builder).href)) as { buildCore(): Promise<string> };
    file = await script.buildCore();
  }
  if (!existsSync(file)) {
    throw new UserError('processor-not-built', `the x86-64 processor is not built: there is no ${file}`, {
      hint: 'run: npm run build',
    });
  }
  return file;
}

/** Bundles a thread's TypeScript entry in memory: Node 20 starts no worker from TypeScript. */
import { build } from 'esbuild';

/** CommonJS text of an entry beside this file, with everything it imports. */
export async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [new URL(entry, import.meta.url).pathname],
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    conditions: ['@ringlet/source'],
  });
  return outputFiles[0]!.text;
}

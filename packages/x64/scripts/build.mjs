/**
 * Builds the processor's core: generates the decoder's tables and compiles `assembly/index.ts` to `wasm/core.wasm`, with the
 * layout in `src/state.ts` and `src/exits.ts` that both languages read. Does nothing when the result is newer than everything
 * it is made of.
 *
 *     node packages/x64/scripts/build.mjs [--force]
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
  renameSync,
  existsSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { tsImport } from 'tsx/esm/api';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const assembly = join(root, 'assembly');
const generated = join(root, 'wasm', 'generated');
const target = join(root, 'wasm', 'core.wasm');

/** Compiles when needed. @returns the path of the module */
export async function buildCore(force = false) {
  const sources = [
    ...filesBelow(assembly),
    ...filesBelow(join(root, 'src', 'isa')),
    ...['state.ts', 'exits.ts'].map((file) => join(root, 'src', file)),
    fileURLToPath(import.meta.url),
  ].filter((file) => !file.endsWith('.test.ts'));
  const newest = Math.max(...sources.map((file) => statSync(file).mtimeMs));
  if (!force && existsSync(target) && statSync(target).mtimeMs > newest) return target;
  // A source that changes while the compiler runs is newer than the result.
  const started = new Date();
  await generate();
  const scratch = `${target}.${process.pid}`;
  await compile(scratch);
  utimesSync(scratch, started, started);
  renameSync(scratch, target);
  return target;
}

async function generate() {
  mkdirSync(generated, { recursive: true });
  const tables = await tsImport(pathToFileURL(join(root, 'src', 'isa', 'decoder-tables.ts')).href, import.meta.url);
  const handlers = handlersOf();
  writeFileSync(join(generated, 'tables.ts'), tables.decoderTablesSource());
  writeFileSync(join(generated, 'handlers.ts'), tables.handlersSource(handlers));
}

/** The functions that execute instructions, and the module of each, as the generated sources import it. */
export function handlersOf() {
  const handlers = new Map();
  for (const file of filesBelow(assembly)) {
    const module = relative(generated, file).replace(/\.ts$/, '');
    for (const [, name] of readFileSync(file, 'utf8').matchAll(
      /^export function (op[A-Z]\w*)\(s: usize, p: usize\)/gm,
    )) {
      if (handlers.has(name)) throw new Error(`two handlers named ${name}: ${handlers.get(name)} and ${module}`);
      handlers.set(name, module);
    }
  }
  return handlers;
}

async function compile(output) {
  const { default: asc } = await import('assemblyscript/asc');
  const { error, stderr } = await asc.main([
    join(assembly, 'index.ts'),
    '--outFile',
    output,
    '--runtime',
    'stub',
    '--importMemory',
    '--sharedMemory',
    '--initialMemory',
    '2',
    '--maximumMemory',
    '65536',
    '--enable',
    'threads',
    '--enable',
    'simd',
    '-O3',
    '--noAssert',
    '--uncheckedBehavior',
    'always',
    '--memoryBase',
    '4096',
    ...(process.env['RINGLET_X64_TEXT'] ? ['--textFile', `${target}.wat`] : []),
  ]);
  // oxlint-disable-next-line typescript/no-base-to-string -- a memory stream, whose string is its text
  if (error) throw new Error(`the core does not compile: ${error.message}\n${stderr.toString()}`);
}

function filesBelow(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const started = Date.now();
  const path = await buildCore(process.argv.includes('--force'));
  console.log(`${relative(process.cwd(), path)}: ${statSync(path).size} bytes, ${Date.now() - started} ms`);
}

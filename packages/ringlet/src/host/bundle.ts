/**
 * Bundles a thread's code into one ES module: what a guest or a device file imports, TypeScript included, and the
 * thread's own start-up, so that a worker starts from one file in about 30 ms whether Ringlet runs from its sources or
 * from its build, and so that every class exists once.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { UserError } from '@ringlet/wire';
import { build, type Message, type Plugin } from 'esbuild';
import { rememberSourceMap } from './source-positions.ts';

/** Whether this code runs from its TypeScript sources (tsx, tests) rather than from `dist`. */
const fromSources = import.meta.url.endsWith('.ts');

/** The file of a module next to `metaUrl`, by its name without extension: `.ts` from sources, `.js` from the build. */
export const siblingModule = (name: string, metaUrl: string): string =>
  fileURLToPath(new URL(`${name}.${fromSources ? 'ts' : 'js'}`, metaUrl));

/** A bundle that was written. */
export interface Bundle {
  readonly url: URL;
  /** Input files and their modification times when they were read. */
  readonly inputs: ReadonlyMap<string, number>;
}

const bundles = new Map<string, Promise<Bundle>>();
const filesOf = new Map<string, readonly string[]>();
let folder: string | undefined;
let count = 0;

/**
 * Bundles `contents`, an ES module's source that imports by absolute path.
 *
 * @param name - for stack traces
 * @returns the URL of a module file that lives until the process ends
 * @throws UserError `guest-not-compiled` with the compiler's messages
 */
export async function bundle(name: string, contents: string): Promise<URL> {
  return (await bundled(name, contents)).url;
}

/** The same, and what it was made of. */
export async function bundled(name: string, contents: string): Promise<Bundle> {
  const known = await bundles.get(contents)?.catch(() => undefined);
  if (known && [...known.inputs].every(([file, time]) => modified(file) === time)) return known;
  const made = make(name, contents);
  bundles.set(contents, made);
  return made;
}

/** Files that a bundle was made from, in no order. */
export function bundledFiles(url: URL): readonly string[] {
  return filesOf.get(url.href) ?? [];
}

async function make(name: string, contents: string): Promise<Bundle> {
  try {
    const result = await build({
      stdin: { contents, resolveDir: process.cwd(), sourcefile: `${name}.entry.ts`, loader: 'ts' },
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      sourcemap: 'external',
      sourcesContent: false,
      minifyWhitespace: true,
      plugins: [rxjsModules, ownPackage],
      outdir: workFolder(),
      conditions: fromSources ? ['@ringlet/source'] : [],
      loader: { '.node': 'file' },
      logLevel: 'silent',
      banner: {
        // Packages in CommonJS form may ask for Node's own modules by `require`.
        js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
      },
    });
    const file = join(workFolder(), `${name.replaceAll(/[^\w.-]/g, '_')}-${++count}.mjs`);
    const [map, code] = result.outputFiles.toSorted((a) => (a.path.endsWith('.map') ? -1 : 1));
    writeFileSync(file, code!.contents);
    rememberSourceMap(file, workFolder(), map!.text);
    const inputs = new Map<string, number>();
    for (const input of Object.keys(result.metafile.inputs)) {
      const path = resolve(input);
      if (!input.endsWith('.entry.ts')) inputs.set(path, modified(path));
    }
    const url = pathToFileURL(file);
    filesOf.set(url.href, [...inputs.keys()]);
    return { url, inputs };
  } catch (cause) {
    const errors = (cause as { errors?: Message[] }).errors;
    if (!errors) throw cause;
    throw new UserError('guest-not-compiled', errors.map(describe).join('\n'), { cause });
  }
}

/**
 * rxjs offers Node its CommonJS form, which cannot be reduced to what is used; its module form makes the bundle half as
 * large, and the thread start that much sooner.
 */
const rxjsModules: Plugin = {
  name: 'rxjs-modules',
  setup(esbuild) {
    esbuild.onResolve({ filter: /^rxjs$/ }, () => ({
      path: createRequire(import.meta.url)
        .resolve('rxjs')
        .replace('/dist/cjs/', '/dist/esm/'),
      sideEffects: false,
    }));
  },
};

/** A guest or a device lies anywhere: where `ringlet` is not installed beside it, it means the one that runs it. */
const ownPackage: Plugin = {
  name: 'own-package',
  setup(esbuild) {
    const asked = {};
    esbuild.onResolve({ filter: /^ringlet(?:\/|$)/ }, async ({ path, pluginData, kind, importer, resolveDir }) => {
      if (pluginData === asked) return undefined;
      const options = { kind, importer, pluginData: asked };
      const installed = await esbuild.resolve(path, { ...options, resolveDir });
      if (installed.errors.length === 0) return installed;
      const own = await esbuild.resolve(path, { ...options, resolveDir: dirname(fileURLToPath(import.meta.url)) });
      return own.errors.length === 0 ? own : installed;
    });
  },
};

const describe = ({ text, location }: Message): string =>
  location ? `${location.file}:${location.line}:${location.column + 1}: ${text}` : text;

const modified = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? -1;

function workFolder(): string {
  if (folder === undefined) {
    folder = mkdtempSync(join(tmpdir(), 'ringlet-'));
    process.once('exit', () => rmSync(folder!, { recursive: true, force: true }));
  }
  mkdirSync(folder, { recursive: true });
  return folder;
}

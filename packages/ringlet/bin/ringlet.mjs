#!/usr/bin/env node
// Starts the command line: from the build when there is one that is not older than the sources, else from the sources.
//
// Both run in this process, so signals, the terminal and the exit code need no forwarding. Plain JavaScript, committed:
// it works in a fresh clone right after `npm ci`.
import { readdirSync, statSync } from 'node:fs';
import { register } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const own = fileURLToPath(new URL('../', import.meta.url));

if (built()) {
  await import('../dist/main.js');
} else {
  const { register: compileTypeScript } = await import('tsx/esm/api');
  compileTypeScript();
  // Registered last, asked first: sends `@ringlet/…` to the sources of the package rather than to its build.
  register('./source-condition.mjs', import.meta.url);
  await import('../src/main.ts');
}

/** Whether every package of the repository has a build at least as new as its sources. */
function built() {
  // Installed: the build is what was published, whatever the project around it has.
  if (basename(dirname(own)) === 'node_modules') return true;
  const repository = join(own, '../..');
  const inRepository = modified(join(repository, 'tsconfig.base.json')) > 0;
  if (!inRepository) return true;
  return readdirSync(join(repository, 'packages')).every((name) => {
    const folder = join(repository, 'packages', name);
    const builtAt = modified(join(folder, 'dist/.tsbuildinfo'));
    return builtAt > 0 && newest(join(folder, 'src')) <= builtAt;
  });
}

/** The latest modification of any source below `folder`, tests aside. */
function newest(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .reduce((latest, entry) => Math.max(latest, modified(join(entry.parentPath, entry.name))), 0);
}

/** When `path` was modified, in ms; 0 when there is no such file. */
function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

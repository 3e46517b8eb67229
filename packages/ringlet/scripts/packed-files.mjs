/**
 * What the packed package has and this folder has not: the examples, which the tour runs, and the README.
 *
 *     node scripts/packed-files.mjs add        before npm packs
 *     node scripts/packed-files.mjs remove     afterwards
 */
import { cpSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const own = dirname(dirname(fileURLToPath(import.meta.url)));
const root = join(own, '../..');

for (const name of ['examples', 'README.md']) {
  rmSync(join(own, name), { recursive: true, force: true });
  // Tests make folders of theirs among the examples, with a dot before their names.
  const filter = (path) => !basename(path).startsWith('.');
  if (process.argv[2] === 'add') cpSync(join(root, name), join(own, name), { recursive: true, filter });
}

/** Recipes: which way of making images one was made by, so that an image of an earlier ringlet is known as such. */
import { createHash } from 'node:crypto';
import { AGENT_PROGRAM } from '../agent/agent-program.ts';
import { ADDED_RECIPE } from './add-packages.ts';
import { INIT_SCRIPT } from './init-script.ts';
import { USEFUL_MODULES } from './module-set.ts';

/** Counts up when the way of making an image changes in the code rather than in the data below. */
const REVISION = 1;

/** The sum of this ringlet's way: another script, another choice of modules, another recipe. */
export function recipe(packages: readonly string[]): string {
  const added = packages.length > 0 ? ADDED_RECIPE : [];
  return createHash('sha256')
    .update(JSON.stringify([REVISION, INIT_SCRIPT, USEFUL_MODULES, AGENT_PROGRAM, ...added]))
    .digest('hex');
}

/** Where a switch listens that is called by a name: beside the sockets of the machines. */
import { join } from 'node:path';
import { controlDirectory, type Environment } from './directory.ts';

/** How the name of a switch's socket ends. */
export const SWITCH_SUFFIX = '.switch';

/** The socket of the switch `name`. */
export function switchSocket(name: string, environment: Environment = process.env): string {
  return join(controlDirectory(environment), `${name}${SWITCH_SUFFIX}`);
}

/** Where a switch listens that is called by a name: beside the sockets of the machines. */
import { join } from 'node:path';
import { controlDirectory, type Environment } from './directory.ts';

/** The socket of the switch `name`. */
export function switchSocket(name: string, environment: Environment = process.env): string {
  return join(controlDirectory(environment), `${name}.switch`);
}

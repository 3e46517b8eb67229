/** A machine that is plugged into a switch that does not run yet: starts one, in a process of its own. */
import { spawn } from 'node:child_process';
import { basename, dirname, extname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { NetworkDescription } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import { controlDirectory, type Environment } from '../control/directory.ts';
import { probe } from '../control/stale.ts';
import { SWITCH_SUFFIX } from '../control/switch-socket.ts';

/** The launcher, at the same place seen from the sources and from the build. */
const LAUNCHER = fileURLToPath(new URL('../../bin/ringlet.mjs', import.meta.url));
const START_MS = 30_000;
const LOOK_MS = 50;

/** Starts every switch that is called by its name and does not run. @throws UserError `switch-not-started` */
export async function ensureSwitches(networks: readonly NetworkDescription[], environment: Environment): Promise<void> {
  const paths = new Set(networks.flatMap((network) => (network.kind === 'switch' ? [network.path] : [])));
  await Promise.all([...paths].map((path) => ensureSwitch(path, environment)));
}

async function ensureSwitch(path: string, environment: Environment): Promise<void> {
  // A switch elsewhere is somebody else's to start.
  if (dirname(path) !== controlDirectory(environment) || extname(path) !== SWITCH_SUFFIX) return;
  if ((await probe(path)) === 'alive') return;
  const name = basename(path, SWITCH_SUFFIX);
  const child = spawn(process.execPath, [LAUNCHER, 'switch', name, '--while-used'], {
    detached: true,
    stdio: 'ignore',
    env: { ...environment },
  });
  const gone = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code) => resolve(`it ended with code ${code}`));
  });
  child.unref();
  let why: string | undefined;
  void gone.then((said) => (why = said));
  for (const end = performance.now() + START_MS; performance.now() < end; await delay(LOOK_MS)) {
    if ((await probe(path)) === 'alive') return;
    if (why !== undefined) break;
  }
  throw new UserError('switch-not-started', `the switch "${name}" did not start: ${why ?? 'it takes too long'}`, {
    hint: `run it by hand to see why: ringlet switch ${name}`,
  });
}

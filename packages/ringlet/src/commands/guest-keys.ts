/** `ringlet keys` and `ringlet set-clock`: what host and guest tell each other by the integration components. */
import { UserError } from '@ringlet/wire';
import type { KeyPool } from '../control/controllable-guest.ts';
import { controlDirectory } from '../control/directory.ts';
import { openMachine } from '../control/running.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

/** A guest's daemon may take half a minute. */
const ANSWER_MS = 60_000;
const POOLS: readonly string[] = ['host', 'guest', 'system'];

/** The flags of `ringlet keys`. */
export interface KeysFlags {
  readonly pool?: string;
  readonly json?: boolean;
}

/** Shows the guest's keys, or gives it `KEY=VALUE` (`KEY=` takes KEY away). */
export async function keys(
  name: string,
  setting: readonly string[],
  flags: KeysFlags,
  host: CommandHost,
): Promise<ExitCode> {
  const pool = (flags.pool ?? (setting.length > 0 ? 'host' : 'system')) as KeyPool;
  if (!POOLS.includes(pool) || (setting.length > 0 && pool !== 'host')) {
    throw new UserError('flag-invalid', `--pool: "${pool}" is not a pool that this can do with`, {
      hint: `one of ${POOLS.join(', ')}; keys are given to host alone`,
    });
  }
  const settings = setting.map(parsed);
  const client = await openMachine(controlDirectory(host.environment), name);
  try {
    for (const { key, value } of settings) {
      await client.call('setKeyValue', value === '' ? { key } : { key, value }, ANSWER_MS);
    }
    if (settings.length > 0) return ExitCode.Success;
    const values = (await client.call('keyValues', { pool }, ANSWER_MS)) as Record<string, string>;
    if (flags.json === true) host.out(`${JSON.stringify(values)}\n`);
    else for (const [key, value] of Object.entries(values)) host.out(`${key}=${value}\n`);
    return ExitCode.Success;
  } finally {
    client.close();
  }
}

/** Makes a guest set its clock. */
export async function setClock(name: string, host: CommandHost): Promise<ExitCode> {
  const client = await openMachine(controlDirectory(host.environment), name);
  try {
    await client.call('syncTime', {}, ANSWER_MS);
    return ExitCode.Success;
  } finally {
    client.close();
  }
}

function parsed(text: string): { key: string; value: string } {
  const at = text.indexOf('=');
  if (at > 0) return { key: text.slice(0, at), value: text.slice(at + 1) };
  throw new UserError('flag-invalid', `"${text}" is not of the form KEY=VALUE`, { hint: 'KEY= takes a key away' });
}

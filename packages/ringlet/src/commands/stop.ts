/** `ringlet stop` and `ringlet kill`: end a running machine, with and without asking it. */
import { UserError } from '@ringlet/wire';
import { formatDuration, parseDuration } from '../configuration/duration.ts';
import type { ControlClient } from '../control/client.ts';
import { controlDirectory } from '../control/directory.ts';
import { openMachine } from '../control/running.ts';
import { ExitCode } from './exit-code.ts';
import { reportFailure } from './failure-report.ts';
import type { CommandHost } from './host.ts';

/** What a guest gets when the user gives no other time. */
const USUAL_MS = 30_000;
/** Turning off asks no guest: it is a matter of closing files. */
const POWER_OFF_MS = 10_000;

/** The flags of `ringlet stop`. */
export interface StopFlags {
  readonly force?: boolean;
  readonly timeout?: string;
}

/** Asks the guest to shut down, and waits until it has. With `force` a guest that does not is turned off. */
export async function stop(name: string, flags: StopFlags, host: CommandHost): Promise<ExitCode> {
  const timeoutMs = flags.timeout === undefined ? USUAL_MS : parseDuration(flags.timeout, '--timeout');
  const force = flags.force === true;
  return withMachine(name, host, async (client) => {
    try {
      await client.call('shutdown', { force }, timeoutMs);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (force) {
        host.err(`${error.message}; turning it off\n`);
        await client.call('powerOff', {}, POWER_OFF_MS);
      } else if (error.code === 'machine-silent') {
        return tellLate(name, timeoutMs, host);
      } else {
        throw error;
      }
    }
    host.err(`${name} is off\n`);
    return ExitCode.Success;
  });
}

/** Pulls the plug. */
export async function kill(name: string, host: CommandHost): Promise<ExitCode> {
  return withMachine(name, host, async (client) => {
    await client.call('powerOff', {}, POWER_OFF_MS);
    host.err(`${name} is off\n`);
    return ExitCode.Success;
  });
}

async function withMachine(
  name: string,
  host: CommandHost,
  use: (client: ControlClient) => Promise<ExitCode>,
): Promise<ExitCode> {
  const client = await openMachine(controlDirectory(host.environment), name);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

function tellLate(name: string, timeoutMs: number, host: CommandHost): ExitCode {
  const late = new UserError(
    'shutdown-late',
    `${name} has been asked, and was not off after ${formatDuration(timeoutMs)}`,
    {
      hint: `it may still be on its way: ringlet ls. To turn it off without waiting: ringlet kill ${name}`,
    },
  );
  reportFailure(late, host);
  return ExitCode.TimedOut;
}

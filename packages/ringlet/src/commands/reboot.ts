/** `ringlet reboot`: a running machine starts again, in place, with and without asking its guest. */
import { UserError } from '@ringlet/wire';
import { formatDuration, parseDuration } from '../configuration/duration.ts';
import { ExitCode } from './exit-code.ts';
import { reportFailure } from './failure-report.ts';
import type { CommandHost } from './host.ts';
import { withMachine } from './with-machine.ts';

/** What a guest gets until it starts again, when the user gives no other time. */
const USUAL_MS = 60_000;

/** The flags of `ringlet reboot`. */
export interface RebootFlags {
  readonly force?: boolean;
  readonly timeout?: string;
}

/** Asks the guest to restart and waits until it does; with `force` it is reset at once. */
export async function reboot(name: string, flags: RebootFlags, host: CommandHost): Promise<ExitCode> {
  const timeoutMs = flags.timeout === undefined ? USUAL_MS : parseDuration(flags.timeout, '--timeout');
  return withMachine(name, host, async (client) => {
    try {
      await client.call('reboot', { force: flags.force === true }, timeoutMs);
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'machine-silent') throw error;
      return tellLate(name, timeoutMs, host);
    }
    host.err(`${name} starts again\n`);
    return ExitCode.Success;
  });
}

function tellLate(name: string, timeoutMs: number, host: CommandHost): ExitCode {
  const late = `${name} has been asked, and did not start again within ${formatDuration(timeoutMs)}`;
  const hint = `it may still be on its way. To reset it without waiting: ringlet reboot ${name} --force`;
  reportFailure(new UserError('reboot-late', late, { hint }), host);
  return ExitCode.TimedOut;
}

/** `ringlet resolution`: the size that a guest's screen would like to have. */
import { UserError } from '@ringlet/wire';
import { parseDisplay } from '../configuration/display-flag.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';
import { withMachine } from './with-machine.ts';

const ANSWER_MS = 10_000;

/** Runs the command. */
export async function preferResolution(name: string, size: string, host: CommandHost): Promise<ExitCode> {
  const display = parseDisplay(size, 'resolution');
  if (display === 'none') {
    throw new UserError('display-invalid', 'a screen cannot be taken away', { hint: 'give a size, such as 1280x720' });
  }
  const { width, height } = display;
  await withMachine(name, host, (client) => client.call('resolution', { width, height }, ANSWER_MS));
  return ExitCode.Success;
}

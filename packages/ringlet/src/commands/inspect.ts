/** `ringlet inspect`: what is inside a running machine, as a tree or as JSON. */
import { stringify } from 'yaml';
import { controlDirectory } from '../control/directory.ts';
import { onlyMachine, openMachine } from '../control/running.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

/** How long a machine may take to gather what is asked for. */
const ANSWER_MS = 10_000;

/** Runs the command. Without a name: the only machine that runs. */
export async function inspect(
  name: string | undefined,
  path: string | undefined,
  flags: { readonly json?: boolean },
  host: CommandHost,
): Promise<ExitCode> {
  const directory = controlDirectory(host.environment);
  const client = await openMachine(directory, name ?? (await onlyMachine(directory)));
  try {
    const tree = await client.call('inspect', path === undefined ? {} : { path }, ANSWER_MS);
    host.out(flags.json === true ? `${JSON.stringify(tree)}\n` : stringify(tree, { lineWidth: 0 }));
    return ExitCode.Success;
  } finally {
    client.close();
  }
}

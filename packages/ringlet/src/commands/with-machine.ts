/** Asking one running machine for one thing. */
import type { ControlClient } from '../control/client.ts';
import { controlDirectory } from '../control/directory.ts';
import { openMachine } from '../control/running.ts';
import type { CommandHost } from './host.ts';

/** Connects to a machine for as long as `ask` takes. @throws UserError `machine-not-found`, and those of `ask` */
export async function withMachine<T>(
  name: string,
  host: CommandHost,
  ask: (client: ControlClient) => Promise<T>,
): Promise<T> {
  const client = await openMachine(controlDirectory(host.environment), name);
  try {
    return await ask(client);
  } finally {
    client.close();
  }
}

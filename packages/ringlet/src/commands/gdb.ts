/** `ringlet gdb`: lets gdb look at a running machine. */
import { resolve } from 'node:path';
import { UserError } from '@ringlet/wire';
import { z } from 'zod';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';
import { withMachine } from './with-machine.ts';

/** The flags of `ringlet gdb`. */
export interface GdbFlags {
  readonly port?: string;
  readonly socket?: string;
  readonly off?: boolean;
  readonly json?: boolean;
}

const ANSWER_MS = 10_000;
const Answer = z.object({ address: z.string().nullable() });

/** Runs the command: prints what to tell gdb. */
export async function gdb(name: string, flags: GdbFlags, host: CommandHost): Promise<ExitCode> {
  const parameters = parametersOf(flags);
  return withMachine(name, host, async (client) => {
    let { address } = Answer.parse(await client.call('gdb', parameters, ANSWER_MS));
    if (address === null && parameters.off !== true) {
      // Not waited for yet, and nobody said where.
      address = Answer.parse(await client.call('gdb', { port: 0 }, ANSWER_MS)).address;
    }
    if (flags.json === true) host.out(`${JSON.stringify({ address })}\n`);
    else if (address === null) host.err(`${name} waits for gdb no more\n`);
    else host.out(`target remote ${address}\n`);
    return ExitCode.Success;
  });
}

function parametersOf({ port, socket, off }: GdbFlags): { port?: number; path?: string; off?: boolean } {
  const given = [port, socket, off].filter((flag) => flag !== undefined);
  if (given.length > 1) {
    throw new UserError('flag-conflict', '--port, --socket and --off exclude each other', { hint: 'give one of them' });
  }
  if (socket !== undefined) return { path: resolve(socket) };
  if (port === undefined) return off === true ? { off } : {};
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new UserError('flag-invalid', `--port: "${port}" is not a port`, { hint: 'give a number up to 65535' });
  }
  return { port: Number(port) };
}

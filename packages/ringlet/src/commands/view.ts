/** `ringlet view`: a machine's screen in a browser, or in a VNC viewer. */
import { resolve } from 'node:path';
import { UserError } from '@ringlet/wire';
import { z } from 'zod';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';
import { withMachine } from './with-machine.ts';

/** The flags of the command. */
export interface ViewFlags {
  readonly port?: string;
  readonly vnc?: string;
  readonly off?: boolean;
  readonly json?: boolean;
}

const PORT = /^\d{1,5}$/;
const Answer = z.object({
  url: z.string(),
  vnc: z.object({ address: z.string(), password: z.string().optional() }).optional(),
});

/** Runs the command. */
export async function view(name: string, flags: ViewFlags, host: CommandHost): Promise<ExitCode> {
  if (flags.off === true) {
    if (flags.port !== undefined || flags.vnc !== undefined) {
      throw new UserError('flag-conflict', '--off closes the viewers, and opens none', {
        hint: 'close first, then open: ringlet view NAME --off',
      });
    }
    await withMachine(name, host, (client) => client.call('closeViews', {}));
    return ExitCode.Success;
  }
  const port = flags.port === undefined ? undefined : portOf('--port', flags.port);
  const answer = await withMachine(name, host, (client) =>
    client.call('view', {
      ...(port !== undefined && { port }),
      ...(flags.vnc !== undefined && { vnc: vncOf(flags.vnc) }),
    }),
  );
  const { url, vnc } = Answer.parse(answer);
  if (flags.json === true) {
    host.out(`${JSON.stringify({ url, ...(vnc && { vnc }) })}\n`);
    return ExitCode.Success;
  }
  host.out(`${url}\n`);
  if (vnc !== undefined) {
    host.out(`vnc ${vnc.address}${vnc.password === undefined ? '' : ` · password ${vnc.password}`}\n`);
  }
  return ExitCode.Success;
}

/** A port, or the path of a socket as the machine's process understands it. */
function vncOf(text: string): string {
  return PORT.test(text) ? String(portOf('--vnc', text)) : resolve(text);
}

function portOf(flag: string, text: string): number {
  const port = PORT.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new UserError('flag-invalid', `${flag}: "${text}" is no port`, { hint: 'give a number from 1 to 65535' });
}

/** `ringlet screenshot`: what a guest shows, as a PNG file. */
import { writeFileSync } from 'node:fs';
import { UserError } from '@ringlet/wire';
import { z } from 'zod';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';
import { withMachine } from './with-machine.ts';

/** How long a machine may take to copy its screen. */
const ANSWER_MS = 30_000;

const Answer = z.object({ width: z.number(), height: z.number(), png: z.base64() });

/** Runs the command. */
export async function screenshot(
  name: string,
  file: string,
  flags: { readonly json?: boolean },
  host: CommandHost,
): Promise<ExitCode> {
  if (file === '-' && flags.json === true) {
    throw new UserError('flag-conflict', 'the picture and --json both go to standard output', {
      hint: 'name a file for the picture',
    });
  }
  if (file === '-' && host.terminal) {
    throw new UserError('usage', 'a picture on a terminal is only noise', {
      hint: 'name a file, or pipe it somewhere',
    });
  }
  const answer = await withMachine(name, host, (client) => client.call('screenshot', {}, ANSWER_MS));
  const { width, height, png } = Answer.parse(answer);
  const bytes = Buffer.from(png, 'base64');
  if (file === '-') {
    host.out(bytes);
    return ExitCode.Success;
  }
  try {
    writeFileSync(file, bytes);
  } catch (cause) {
    throw new UserError('file-unwritable', `cannot write ${file}: ${(cause as Error).message}`, {
      hint: 'check the path and its permissions',
      cause,
    });
  }
  if (flags.json === true) host.out(`${JSON.stringify({ file, width, height, bytes: bytes.length })}\n`);
  else host.err(`${file} · ${width}x${height}\n`);
  return ExitCode.Success;
}

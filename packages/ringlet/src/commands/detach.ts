/**
 * `ringlet run --detach`: the same run in a process of its own, which outlives the terminal.
 *
 * The command returns once the machine runs, and fails as the run in the foreground would when it cannot start. The
 * guest's output is kept by the machine itself (`ringlet console`); what ringlet says goes to a log beside the socket.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '@ringlet/wire';
import { z } from 'zod';
import { controlDirectory } from '../control/directory.ts';
import { type CommandHost, DETACHED_VARIABLE } from './host.ts';
import type { RunFlags } from './run-options.ts';
import { runWords } from './run-words.ts';

/** The launcher, at the same place seen from the sources and from the build. */
const LAUNCHER = fileURLToPath(new URL('../../bin/ringlet.mjs', import.meta.url));

/** Enough of the log to say why a start failed. */
const MOST_LOG = 4096;

const Message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('started'), names: z.array(z.string()) }),
  z.object({ type: z.literal('failed'), code: z.string(), message: z.string(), hint: z.string().optional() }),
]);

/** Starts the background process and waits for its word. @returns the names of its machines. Rejects as the start did. */
export async function startDetached(
  target: string | undefined,
  args: readonly string[],
  flags: RunFlags,
  host: CommandHost,
): Promise<readonly string[]> {
  const directory = controlDirectory(host.environment);
  const log = join(directory, `start-${process.pid}.log`);
  const positional = target === undefined ? [] : ['--', target, ...args];
  const descriptor = openSync(log, 'w', 0o600);
  const child = spawn(process.execPath, [LAUNCHER, 'run', ...runWords(flags), ...positional], {
    detached: true,
    stdio: ['ignore', 'ignore', descriptor, 'ipc'],
    env: { ...host.environment, [DETACHED_VARIABLE]: '1' },
  });
  closeSync(descriptor);
  const stopListening = host.onSignal(() => child.kill('SIGTERM'));
  try {
    const message = await new Promise<z.output<typeof Message>>((resolve, reject) => {
      child.once('error', reject);
      child.once('message', (value) => resolve(Message.parse(value)));
      child.once('exit', (code, signal) => {
        const said = readFileSync(log, 'utf8').trim().slice(-MOST_LOG);
        reject(
          new UserError('detach-failed', `the background process ended first (${signal ?? code})\n${said}`.trim()),
        );
      });
    });
    if (message.type === 'failed') {
      rmSync(log, { force: true });
      if (message.code === 'internal') throw new Error(message.message);
      throw new UserError(message.code, message.message, message.hint === undefined ? {} : { hint: message.hint });
    }
    renameSync(log, join(directory, `${message.names[0] ?? 'machine'}.log`));
    return message.names;
  } finally {
    stopListening();
    child.removeAllListeners();
    if (child.connected) child.disconnect();
    child.unref();
  }
}

/** The process of the command line: connects the commands to standard streams, signals and the exit code. */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { type CommandHost, DETACHED_VARIABLE, type EndSignal } from './commands/host.ts';
import { runCommandLine } from './commands/program.ts';
import { keyboard } from './host/keyboard.ts';
import { streams } from './host/streams.ts';

const END_SIGNALS: readonly EndSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** Signals after which nothing is waited for any more: the first asks, the second turns off, the third means it. */
const MOST_SIGNALS = 3;

function onSignal(handler: (signal: EndSignal) => void): () => void {
  let count = 0;
  const received = (signal: EndSignal): void => {
    if (++count >= MOST_SIGNALS) process.exit(signal === 'SIGINT' ? 130 : 143);
    handler(signal);
  };
  for (const signal of END_SIGNALS) process.on(signal, received);
  return () => {
    for (const signal of END_SIGNALS) process.off(signal, received);
  };
}

function announcer(): CommandHost['announce'] {
  // Set for the background half of --detach only: its parent waits for one message, then goes.
  if (process.env[DETACHED_VARIABLE] === undefined || process.send === undefined) return undefined;
  return (message) =>
    process.send?.(message, () => {
      if (process.connected) process.disconnect();
    });
}

const version = (): string => {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
};

const environment = process.env;
const announce = announcer();
const host: CommandHost = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  terminal: process.stdout.isTTY === true,
  keyboard,
  streams,
  colour: process.stderr.isTTY === true && process.stdout.isTTY === true && !environment['NO_COLOR'],
  environment,
  version: version(),
  createMachine: async (options) => {
    const { Machine } = await import('./machine/machine.ts');
    return new Machine(options);
  },
  onSignal,
  interrupt: () => void process.kill(process.pid, 'SIGINT'),
  ...(announce === undefined ? {} : { announce }),
};

// The reader of a pipe went away (`| head`): end as if told to, so that machines still shut down in order.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.kill(process.pid, 'SIGTERM');
  });
}

const code = await runCommandLine(process.argv.slice(2), host);
// Streams to files and pipes are written when `write` returns, so nothing is lost here.
process.exit(code);

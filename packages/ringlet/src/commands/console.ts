/** `ringlet console`: what a running machine printed lately, and what it prints from now on; on a terminal, typing too. */
import { lastValueFrom, Subject, takeUntil } from 'rxjs';
import type { ControlClient } from '../control/client.ts';
import { controlDirectory } from '../control/directory.ts';
import { Description, onlyMachine, openMachine } from '../control/running.ts';
import { ConsoleKeys, consoleHelp, LEAVE_KEYS } from './console-keys.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';
import { Typist } from './typist.ts';

/** How long a machine may take to hand over what it kept. */
const ANSWER_MS = 10_000;

/** Runs the command. Leaving it leaves the machine running. Without a name: the only machine that runs. */
export async function followConsole(
  name: string | undefined,
  flags: { readonly follow: boolean },
  host: CommandHost,
): Promise<ExitCode> {
  const directory = controlDirectory(host.environment);
  const chosen = name ?? (await onlyMachine(directory));
  const client = await openMachine(directory, chosen);
  const leaving = new Subject<void>();
  const stopListening = host.onSignal(() => leaving.next());
  let stopTyping = (): void => undefined;
  try {
    const types = flags.follow && host.terminal && host.keyboard.terminal && (await canBeTypedAt(client));
    const leave = types ? LEAVE_KEYS : 'Ctrl-C';
    if (flags.follow) host.err(`${chosen} · ${leave} leaves, the machine runs on\n`);
    const later = client.notifications$.pipe(takeUntil(leaving));
    const ended = lastValueFrom(later, { defaultValue: undefined });
    // What arrives before the answer was printed after the machine made it: hold it back until the answer is shown.
    let held: string[] | undefined = [];
    later.subscribe(({ method, params }) => {
      if (method === 'event' && isRestart(params['event'])) return host.err(`\nringlet: ${chosen} starts again\n`);
      const text = method === 'console' ? String(params['text']) : '';
      if (held === undefined) host.out(text);
      else held.push(text);
    });
    if (flags.follow) await client.call('subscribe', {}, ANSWER_MS);
    if (types) stopTyping = type(client, () => leaving.next(), host);
    const { text } = (await client.call('console', { follow: flags.follow }, ANSWER_MS)) as { text: string };
    host.out([text, ...held].join(''));
    held = undefined;
    if (flags.follow) await ended;
    if (types) host.out('\n');
    return ExitCode.Success;
  } finally {
    stopTyping();
    stopListening();
    client.close();
  }
}

const isRestart = (event: unknown): boolean =>
  typeof event === 'object' && event !== null && 'type' in event && event.type === 'restarting';

async function canBeTypedAt(client: ControlClient): Promise<boolean> {
  const { success, data } = Description.safeParse(await client.call('describe', {}, ANSWER_MS));
  return success && data.kind === 'x86-64';
}

/** Sends keys to the machine. @returns stops, and gives the terminal back */
function type(client: ControlClient, leave: () => void, host: CommandHost): () => void {
  const typist = new Typist((base64) => client.call('write', { base64 }));
  const keys = new ConsoleKeys({
    type: (bytes) => typist.type(bytes),
    leave,
    help: () => host.err(`\n${consoleHelp('leaves; the machine runs on')}\n`),
  });
  return host.keyboard.listen((bytes) => keys.feed(bytes), true);
}

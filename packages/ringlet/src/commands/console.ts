/** `ringlet console`: what a running machine printed lately, and what it prints from now on. */
import { lastValueFrom, takeUntil, Subject } from 'rxjs';
import { controlDirectory } from '../control/directory.ts';
import { onlyMachine, openMachine } from '../control/running.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

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
  try {
    if (flags.follow) host.err(`${chosen} · Ctrl-C leaves, the machine runs on\n`);
    const later = client.notifications$.pipe(takeUntil(leaving));
    const ended = lastValueFrom(later, { defaultValue: undefined });
    // What arrives before the answer was printed after the machine made it: hold it back until the answer is shown.
    let held: string[] | undefined = [];
    later.subscribe(({ method, params }) => {
      const text = method === 'console' ? String(params['text']) : '';
      if (held === undefined) host.out(text);
      else held.push(text);
    });
    const { text } = (await client.call('console', { follow: flags.follow }, ANSWER_MS)) as { text: string };
    host.out([text, ...held].join(''));
    held = undefined;
    if (flags.follow) await ended;
    return ExitCode.Success;
  } finally {
    stopListening();
    client.close();
  }
}

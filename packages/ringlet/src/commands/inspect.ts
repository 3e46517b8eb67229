/** `ringlet inspect`: what is inside a running machine, as text or as JSON, once or every second. */
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@ringlet/wire';
import { controlDirectory } from '../control/directory.ts';
import { onlyMachine, openMachine } from '../control/running.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';
import { changes, inspectionText } from './inspection-text.ts';

/** How long a machine may take to gather what is asked for. */
const ANSWER_MS = 10_000;
/** Between two looks of `--watch`. */
const WATCH_MS = 1_000;
/** Levels of the whole tree that are shown unless more is asked for: an overview. */
const OVERVIEW_DEPTH = 2;
const CLEAR_SCREEN = '\u001b[H\u001b[J';

/** What the command line says. */
export interface InspectFlags {
  readonly json?: boolean;
  readonly watch?: boolean;
  readonly depth?: string;
}

/** Runs the command. Without a name: the only machine that runs. */
export async function inspect(
  name: string | undefined,
  path: string | undefined,
  flags: InspectFlags,
  host: CommandHost,
): Promise<ExitCode> {
  const depth = depthOf(flags, path);
  const directory = controlDirectory(host.environment);
  const client = await openMachine(directory, name ?? (await onlyMachine(directory)));
  try {
    const look = (): Promise<unknown> => client.call('inspect', path === undefined ? {} : { path }, ANSWER_MS);
    if (flags.watch === true) return await watch(look, { json: flags.json === true, depth }, host);
    const tree = await look();
    host.out(flags.json === true ? `${JSON.stringify(tree)}\n` : inspectionText(tree, { depth }));
    return ExitCode.Success;
  } finally {
    client.close();
  }
}

function depthOf({ depth, json }: InspectFlags, path: string | undefined): number {
  if (depth === undefined) return path === undefined ? OVERVIEW_DEPTH : Infinity;
  if (json === true) throw new UserError('flag-conflict', '--depth is for text', { hint: 'JSON has everything' });
  const levels = Number(depth);
  if (Number.isInteger(levels) && levels >= 1 && levels <= 99) return levels;
  throw new UserError('flag-invalid', `--depth ${depth} is no number of levels`, { hint: '1 to 99' });
}

/** Looks every second, until the user or the machine ends it. */
async function watch(
  look: () => Promise<unknown>,
  { json, depth }: { readonly json: boolean; readonly depth: number },
  host: CommandHost,
): Promise<ExitCode> {
  const ended = new AbortController();
  const stop = host.onSignal(() => ended.abort());
  let last: { readonly tree: unknown; readonly at: number } | undefined;
  try {
    while (!ended.signal.aborted) {
      const [at, tree] = [performance.now(), await look()];
      const note = last && changes(last.tree, Math.max(1, at - last.at) / 1000);
      if (json) host.out(`${JSON.stringify(tree)}\n`);
      else host.out(screen(inspectionText(tree, { depth, ...(note && { note }) }), last === undefined, host));
      last = { tree, at };
      await delay(WATCH_MS, undefined, { signal: ended.signal }).catch(() => {});
    }
    return ExitCode.Success;
  } catch (error) {
    // It ran when the command began: that it ends is no failure of who watches.
    if (last !== undefined && error instanceof UserError && error.code === 'machine-gone') return ExitCode.Success;
    throw error;
  } finally {
    stop();
  }
}

/** On a terminal: in place of what was there before, as much as it has room for. Elsewhere one after the other. */
function screen(text: string, first: boolean, host: CommandHost): string {
  if (!host.terminal) return `${first ? '' : '\n'}${text}`;
  const rows = host.streams.size()?.rows ?? Infinity;
  const lines = text.trimEnd().split('\n');
  if (lines.length < rows) return CLEAR_SCREEN + text;
  const shown = lines.slice(0, rows - 2);
  return `${CLEAR_SCREEN}${shown.join('\n')}\n… ${lines.length - shown.length} more lines: give a longer path\n`;
}

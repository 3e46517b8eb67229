/** `ringlet type`: keys for a guest. Not those of its serial console, which `ringlet console` has. */
import { UserError } from '@ringlet/wire';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';
import { withMachine } from './with-machine.ts';

/** The flags of the command. */
export interface TypeFlags {
  readonly enter?: boolean;
  readonly keys?: string;
  readonly unicode?: boolean;
}

/** How long a guest may take to read a piece of text. */
const ANSWER_MS = 60_000;
/** Characters of one request. */
const PIECE = 4096;

/** Runs the command. */
export async function typeAt(
  name: string,
  text: string | undefined,
  flags: TypeFlags,
  host: CommandHost,
): Promise<ExitCode> {
  const typed = `${text ?? ''}${flags.enter === true ? '\n' : ''}`;
  const chords = (flags.keys ?? '').split(/\s+/).filter((words) => words !== '');
  if (typed === '' && chords.length === 0) {
    throw new UserError('usage', 'nothing to type', { hint: "give a text, or --keys: ringlet type NAME 'ls' --enter" });
  }
  await withMachine(name, host, async (client) => {
    for (const piece of pieces(typed)) {
      await client.call('type', { text: piece, unicode: flags.unicode === true }, ANSWER_MS);
    }
    if (chords.length > 0) await client.call('press', { chords }, ANSWER_MS);
  });
  return ExitCode.Success;
}

/** Pieces that never cut a character in two. */
function pieces(text: string): string[] {
  const characters = Array.from(text);
  const all: string[] = [];
  for (let at = 0; at < characters.length; at += PIECE / 2) all.push(characters.slice(at, at + PIECE / 2).join(''));
  return all;
}

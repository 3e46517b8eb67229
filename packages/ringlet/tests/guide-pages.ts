/** Pages of the guide that are made from tables in the code, so that they cannot say something else. */
import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { ERROR_PAGES } from '../src/commands/error-pages.ts';
import { EXIT_CODES } from '../src/commands/exit-code.ts';
import type { CommandHost } from '../src/commands/host.ts';
import { createProgram } from '../src/commands/program.ts';

const MADE_FROM = 'Made from the code by the tests of `ringlet`; change it there.';

/** `command-line.md`: the help of every command, and the exit codes. */
export function commandLinePage(): string {
  const program = createProgram(silentHost, () => undefined);
  const codes = EXIT_CODES.map(({ code, meaning }) => `- **${code}**: ${meaning}`);
  return [
    '---\ntitle: Command line\n---',
    '# Command line',
    MADE_FROM,
    'What a guest prints goes to standard output, what ringlet says to standard error. `NO_COLOR` and pipes switch colour off; `RINGLET_DEBUG=1` adds stacks to errors; `RINGLET_RUN_DIR` chooses where [control sockets](control-socket.md) are.',
    '## Exit codes',
    codes.join('\n'),
    ...commandsOf(program).map(([name, command]) => `## ${name}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``),
    '',
  ]
    .join('\n\n')
    .trimEnd()
    .concat('\n');
}

/** `errors.md`: every error code. */
export function errorsPage(): string {
  const pages = Object.entries(ERROR_PAGES).map(([code, { what, why, remedy }]) =>
    [`## ${code}`, `${sentence(what)} ${why}`, `_Try:_ ${remedy}`].map(escaped).join('\n\n'),
  );
  return [
    '---\ntitle: Errors\n---',
    '# Errors',
    MADE_FROM,
    'An error says what and why, what to try, and a code that stays the same: `ringlet explain CODE` prints its page.',
    ...pages,
  ]
    .join('\n\n')
    .concat('\n');
}

/** Commands with the words that call them, in the order of the help; those that only group others are left out. */
function commandsOf(command: Command, words = 'ringlet'): [string, Command][] {
  return command.commands.flatMap((child): [string, Command][] => {
    const name = `${words} ${child.name()}`;
    return child.commands.length > 0 ? commandsOf(child, name) : [[name, child]];
  });
}

/** A command's help, without the exit codes, which have a section of their own. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (more) => (text += more),
    getOutHelpWidth: () => 100,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.split('\nExit codes:')[0]!.trim();
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** What Markdown would take for formatting, or for a tag. */
function escaped(text: string): string {
  return text.replaceAll(/[<>*]/g, (character) => `\\${character}`);
}

const silentHost: CommandHost = {
  out: () => undefined,
  err: () => undefined,
  terminal: false,
  keyboard: { terminal: false, listen: () => () => undefined },
  streams: {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    size: () => undefined,
    onResize: () => () => undefined,
  },
  colour: false,
  environment: {},
  version: '',
  createMachine: () => Promise.reject(new Error('a page runs no machine')),
  onSignal: () => () => undefined,
  interrupt: () => undefined,
};

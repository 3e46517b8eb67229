/**
 * `ringlet exec`: a command in a running guest, with this process's standard streams, through the agent in the guest.
 *
 * It ends as the command ends. Failures of ringlet's own have codes that commands rarely use: 125, or, as a shell has it,
 * 126 and 127 for what cannot be run and what is not there.
 */
import type { Writable } from 'node:stream';
import { UserError } from '@ringlet/wire';
import { AGENT_PORT } from '../agent/agent-program.ts';
import { connectPatiently } from '../agent/connect.ts';
import { ExecFailure, type ExecResult, ExecSession, type TerminalSize } from '../agent/exec-session.ts';
import { parseDuration } from '../configuration/duration.ts';
import { controlDirectory, guestSocketsPath } from '../control/directory.ts';
import { openMachine } from '../control/running.ts';
import { reportFailure } from './failure-report.ts';
import type { CommandHost } from './host.ts';

/** How long a guest may take to listen when the user gives no other time: that of a boot. */
const USUAL_WAIT_MS = 60_000;
const USUAL_SIZE: TerminalSize = { rows: 24, columns: 80 };
/** Linux's number of "no such file". */
const ENOENT = 2;

const OwnCode = { Failed: 125, CannotRun: 126, NotFound: 127, Signalled: 128 } as const;

/** The flags of `ringlet exec`. */
export interface ExecFlags {
  /** Absent: when standard input and output are terminals. */
  readonly tty?: boolean;
  readonly input?: boolean;
  readonly env?: readonly string[];
  readonly directory?: string;
  readonly user?: string;
  readonly wait?: string;
}

/** Runs the command. @returns the exit code of what ran in the guest */
export async function exec(
  name: string,
  command: readonly string[],
  flags: ExecFlags,
  host: CommandHost,
): Promise<number> {
  try {
    if (command.length === 0) {
      throw new UserError('usage', 'nothing to run in the guest', { hint: `ringlet exec ${name} -- uname -a` });
    }
    const result = await run(name, command, flags, host);
    return 'code' in result ? result.code : OwnCode.Signalled + result.signal;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    reportFailure(error, host);
    if (!(error instanceof ExecFailure)) return OwnCode.Failed;
    return error.errno === ENOENT ? OwnCode.NotFound : OwnCode.CannotRun;
  }
}

async function run(name: string, command: readonly string[], flags: ExecFlags, host: CommandHost): Promise<ExecResult> {
  const directory = controlDirectory(host.environment);
  const patience = flags.wait === undefined ? USUAL_WAIT_MS : parseDuration(flags.wait, '--wait');
  const environment = Object.fromEntries((flags.env ?? []).map(variable));
  // Says so at once when there is no such machine, and what there is.
  (await openMachine(directory, name)).close();
  const giveUp = new AbortController();
  const stopWaiting = host.onSignal(() => giveUp.abort());
  const stream = await connectPatiently(guestSocketsPath(directory, name), AGENT_PORT, patience, giveUp.signal).finally(
    stopWaiting,
  );

  const { streams, keyboard } = host;
  const wantsTerminal = flags.tty ?? (keyboard.terminal && host.terminal && flags.input !== false);
  const term = host.environment['TERM'];
  const session = new ExecSession(
    stream,
    {
      command,
      terminal: wantsTerminal ? (streams.size() ?? USUAL_SIZE) : undefined,
      environment: wantsTerminal && term !== undefined ? { TERM: term, ...environment } : environment,
      directory: flags.directory,
      user: flags.user,
    },
    {
      stdout: (bytes) => written(streams.stdout, bytes),
      stderr: (bytes) => written(streams.stderr, bytes),
      inputWanted: () => void streams.stdin.resume(),
    },
  );
  const raw = wantsTerminal && keyboard.terminal;
  const stops = [
    host.onSignal((signal) => session.signal(signal)),
    streams.onResize(() => session.resize(streams.size() ?? USUAL_SIZE)),
    raw ? keyboard.listen((bytes) => void session.input(bytes), true) : passInput(session, flags, host),
  ];
  try {
    return await session.result;
  } finally {
    for (const stop of stops) stop();
    session.close();
  }
}

/** Passes standard input on, no faster than the command takes it. */
function passInput(session: ExecSession, flags: ExecFlags, { streams }: CommandHost): () => void {
  if (flags.input === false) {
    session.endInput();
    return () => undefined;
  }
  const { stdin } = streams;
  const data = (bytes: Uint8Array): void => {
    if (!session.input(bytes)) stdin.pause();
  };
  const end = (): void => session.endInput();
  stdin.on('data', data).on('end', end).on('error', end);
  return () => {
    stdin.off('data', data).off('end', end).pause();
  };
}

/** Writes, and waits until there is room for more. A reader that has gone is no reason to stop. */
function written(to: Writable, bytes: Uint8Array): Promise<void> | undefined {
  if (to.write(bytes)) return undefined;
  return new Promise((resolve) => {
    const go = (): void => {
      to.off('drain', go).off('close', go).off('error', go);
      resolve();
    };
    to.on('drain', go).on('close', go).on('error', go);
  });
}

function variable(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new UserError('flag-invalid', `--env: "${text}" is not of the form NAME=VALUE`, { hint: '--env LANG=C' });
}

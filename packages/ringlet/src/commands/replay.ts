/** `ringlet replay`: stands at any point of a recorded run, and looks. */
import { createInterface } from 'node:readline';
import { UserError } from '@ringlet/wire';
import { parseDuration } from '../configuration/duration.ts';
import { parseSize } from '../configuration/size.ts';
import { type PromptAnswer, runPromptLine, where } from '../replay/prompt-commands.ts';
import { type ReplayPosition, ReplaySession, type ReplayTravel } from '../replay/replay-session.ts';
import { ExitCode } from './exit-code.ts';
import { failureOf, reportFailure } from './failure-report.ts';
import type { CommandHost } from './host.ts';

/** The flags of `ringlet replay`. */
export interface ReplayFlags {
  readonly to?: string;
  readonly until?: string;
  readonly step?: string | true;
  readonly back?: string | true;
  readonly execute?: readonly string[];
  readonly checkpointMemory?: string;
  readonly timeout?: string;
  readonly json?: boolean;
}

/** Runs the command. @returns its exit code */
export async function replay(file: string, flags: ReplayFlags, host: CommandHost): Promise<ExitCode> {
  const tell = ({ data, text }: PromptAnswer): void =>
    host.out(flags.json === true ? `${JSON.stringify(data)}\n` : `${text}\n`);
  let code: ExitCode = ExitCode.Success;
  const refuse = (error: unknown): void => {
    if (flags.json === true) {
      const { exitCode, ...failure } = failureOf(error);
      host.out(`${JSON.stringify({ error: failure })}\n`);
      code = exitCode;
    } else code = reportFailure(error, host);
    if (error instanceof UserError) code = EXIT_CODES_OF[error.code] ?? code;
  };
  let session: ReplaySession;
  let timeout: number | undefined;
  try {
    const { checkpointMemory: memory } = flags;
    timeout = flags.timeout === undefined ? undefined : parseDuration(flags.timeout, '--timeout');
    session = await ReplaySession.open(
      file,
      memory === undefined ? {} : { checkpointMemory: parseSize(memory, '--checkpoint-memory') },
    );
  } catch (error) {
    refuse(error);
    return code;
  }
  let left = false;
  /** At a prompt: stops what is under way. */
  let stop: AbortController | undefined;
  let asked = false;
  // Ctrl-C on the way to a point stops there; anywhere else it leaves.
  const leave = (): void => {
    if (asked && stop !== undefined && !stop.signal.aborted) return stop.abort();
    left = true;
    code = ExitCode.Interrupted;
    void session.dispose();
  };
  const stopListening = host.onSignal(leave);
  const run = async (line: string): Promise<void> => {
    const way = new Way(session, host, timeout);
    stop = way.controller;
    try {
      const answer = await runPromptLine(session, line, way.travel);
      way.over();
      if (answer !== undefined && !left) tell(answer);
    } catch (error) {
      way.over();
      if (!left) refuse(error);
    } finally {
      stop = undefined;
    }
  };
  try {
    const first = linesOf(flags);
    for (const line of first) await run(line);
    if (first.length === 0) tell(where(session));
    if (
      !left &&
      code === ExitCode.Success &&
      (host.keyboard.terminal ? flags.execute === undefined : first.length === 0)
    ) {
      asked = host.keyboard.terminal;
      await converse(session, run, host, () => left);
    }
  } finally {
    stopListening();
    await session.dispose();
  }
  return code;
}

const EXIT_CODES_OF: Readonly<Record<string, ExitCode>> = {
  'replay-diverged': ExitCode.Diverged,
  'replay-interrupted': ExitCode.TimedOut,
  'text-not-printed': ExitCode.ExpectNotSeen,
};

/** One command under way: how far it is, and how long it may take. */
class Way {
  readonly controller = new AbortController();
  readonly travel: ReplayTravel;
  readonly #host: CommandHost;
  readonly #timer: NodeJS.Timeout | undefined;
  /** Something stands in the terminal's last line. */
  #shown = false;

  constructor(session: ReplaySession, host: CommandHost, timeout: number | undefined) {
    this.#host = host;
    this.#timer = timeout === undefined ? undefined : setTimeout(() => this.controller.abort(), timeout);
    const { signal } = this.controller;
    const progress = (at: ReplayPosition): void => {
      const { begunAt, end, withoutCheckpoints: why } = session;
      const from = begunAt.step === 0 ? 'the start' : `the checkpoint at ${seconds(begunAt)}`;
      const because = begunAt.step === 0 && why !== undefined ? ` (${why})` : '';
      host.err(`\r\u001b[K${seconds(at)} of ${seconds(end)}, from ${from}${because}`);
      this.#shown = true;
    };
    this.travel = host.terminal ? { signal, progress } : { signal };
  }

  over(): void {
    clearTimeout(this.#timer);
    if (this.#shown) this.#host.err('\r\u001b[K');
  }
}

const seconds = ({ time }: { readonly time: number }): string => `${(time / 1e7).toFixed(3)} s`;

/** What the flags ask for, as lines of the prompt. */
function linesOf({ to, until, step, back, execute = [] }: ReplayFlags): string[] {
  const count = (word: string | true): string => (word === true ? '' : word);
  return [
    ...(to === undefined ? [] : [`to ${to}`]),
    ...(until === undefined ? [] : [`until ${until}`]),
    ...(step === undefined ? [] : [`step ${count(step)}`]),
    ...(back === undefined ? [] : [`back ${count(back)}`]),
    ...execute.flatMap((lines) => lines.split(';')),
  ];
}

/** Reads lines until there is none, or one says to leave. */
async function converse(
  session: ReplaySession,
  run: (line: string) => Promise<void>,
  host: CommandHost,
  left: () => boolean,
): Promise<void> {
  const { stdin, stdout } = host.streams;
  const terminal = host.keyboard.terminal && host.terminal;
  const lines = createInterface({ input: stdin, ...(terminal ? { output: stdout, terminal } : {}) });
  const prompt = (): void => {
    if (!terminal) return;
    lines.setPrompt(`${(session.position.time / 1e7).toFixed(6)} s #${session.position.step}> `);
    lines.prompt();
  };
  lines.on('SIGINT', () => host.interrupt());
  try {
    if (terminal) host.err('help lists the commands, quit leaves\n');
    prompt();
    for await (const line of lines) {
      for (const part of line.split(';')) {
        if (['quit', 'q', 'exit'].includes(part.trim())) return;
        await run(part);
        if (left()) return;
      }
      prompt();
    }
  } finally {
    lines.close();
  }
}

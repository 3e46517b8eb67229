/** `ringlet replay`: stands at any point of a recorded run, and looks. */
import { createInterface } from 'node:readline';
import { UserError } from '@ringlet/wire';
import { parseSize } from '../configuration/size.ts';
import { type PromptAnswer, runPromptLine, where } from '../replay/prompt-commands.ts';
import { ReplaySession } from '../replay/replay-session.ts';
import { ExitCode } from './exit-code.ts';
import { failureOf, reportFailure } from './failure-report.ts';
import type { CommandHost } from './host.ts';

/** The flags of `ringlet replay`. */
export interface ReplayFlags {
  readonly to?: string;
  readonly step?: string | true;
  readonly back?: string | true;
  readonly execute?: readonly string[];
  readonly checkpointMemory?: string;
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
    if (error instanceof UserError && error.code === 'replay-diverged') code = ExitCode.Diverged;
  };
  let session: ReplaySession;
  try {
    const { checkpointMemory: memory } = flags;
    session = await ReplaySession.open(
      file,
      memory === undefined ? {} : { checkpointMemory: parseSize(memory, '--checkpoint-memory') },
    );
  } catch (error) {
    refuse(error);
    return code;
  }
  // Ctrl-C leaves, whatever is under way.
  let left = false;
  const leave = (): void => {
    left = true;
    code = ExitCode.Interrupted;
    void session.dispose();
  };
  const stopListening = host.onSignal(leave);
  const run = async (line: string): Promise<void> => {
    try {
      const answer = await runPromptLine(session, line);
      if (answer !== undefined && !left) tell(answer);
    } catch (error) {
      if (!left) refuse(error);
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
      await converse(session, run, host, () => left);
    }
  } finally {
    stopListening();
    await session.dispose();
  }
  return code;
}

/** What the flags ask for, as lines of the prompt. */
function linesOf({ to, step, back, execute = [] }: ReplayFlags): string[] {
  const count = (word: string | true): string => (word === true ? '' : word);
  return [
    ...(to === undefined ? [] : [`to ${to}`]),
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

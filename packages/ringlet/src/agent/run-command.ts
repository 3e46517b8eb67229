/** A command in a guest, run to its end, its output collected. */
import { UserError } from '@ringlet/wire';
import { AGENT_PORT } from './agent-program.ts';
import { connectPatiently } from './connect.ts';
import { type ExecCommand, type ExecResult, ExecSession } from './exec-session.ts';

/** How to run a command. */
export interface RunCommandOptions extends Omit<ExecCommand, 'command' | 'terminal'> {
  /** What it reads; nothing when absent. */
  readonly input?: string | Uint8Array;
  /** How long the guest may take to listen, in milliseconds, because it is still booting; 0 when absent. */
  readonly patienceMs?: number;
  /** Most bytes of output that are kept, of each kind; 16 MiB when absent. More ends the command. */
  readonly mostOutput?: number;
}

/** A command that is over. */
export type CompletedCommand = ExecResult & { readonly stdout: string; readonly stderr: string };

const MOST_OUTPUT = 16 * 1024 * 1024;

/** Runs a command by the machine whose sockets are in `directory`. @throws UserError */
export async function runCommand(
  directory: string,
  command: readonly string[],
  { input, patienceMs = 0, mostOutput = MOST_OUTPUT, ...how }: RunCommandOptions,
): Promise<CompletedCommand> {
  const stream = await connectPatiently(directory, AGENT_PORT, patienceMs);
  const output = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  const sizes = { stdout: 0, stderr: 0 };
  const keep =
    (which: 'stdout' | 'stderr') =>
    (bytes: Uint8Array): void => {
      if ((sizes[which] += bytes.length) > mostOutput) {
        throw new UserError('output-too-long', `the command wrote over ${mostOutput} bytes`, { hint: 'mostOutput' });
      }
      output[which].push(bytes);
    };
  const session = new ExecSession(stream, { ...how, command }, { stdout: keep('stdout'), stderr: keep('stderr') });
  if (input !== undefined) session.input(Buffer.from(input as string));
  session.endInput();
  const result = await session.result;
  const text = (parts: Uint8Array[]): string => Buffer.concat(parts).toString();
  return { ...result, stdout: text(output.stdout), stderr: text(output.stderr) };
}

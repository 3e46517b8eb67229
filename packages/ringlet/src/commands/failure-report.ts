/**
 * How a failure is told: what and why, what to try, and the stable code.
 *
 *     ringlet: no disk at ./data.vhdx
 *         try   check the path; it is relative to the directory you are in
 *         code  disk-not-found · ringlet explain disk-not-found
 */
import { styleText } from 'node:util';
import { UserError } from '@ringlet/wire';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

/** A failure as data, for `--json` and for telling another process. */
export interface Failure {
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** Makes a failure of whatever was thrown. */
export function failureOf(error: unknown): Failure {
  if (error instanceof UserError) {
    const told = { exitCode: ExitCode.UserError, code: error.code, message: error.message };
    return error.hint === undefined ? told : { ...told, hint: error.hint };
  }
  return {
    exitCode: ExitCode.Internal,
    code: 'internal',
    message: `a mistake in ringlet itself: ${error instanceof Error ? error.message : String(error)}`,
    hint: 'run it again with RINGLET_DEBUG=1 for the stack, and report it',
  };
}

/** Tells a failure on standard error, with the stack only when `RINGLET_DEBUG` is set. */
export function reportFailure(error: unknown, host: CommandHost): ExitCode {
  const failure = failureOf(error);
  const style = (format: 'red' | 'dim', text: string): string =>
    host.colour ? styleText(format, text, { validateStream: false }) : text;
  const [first = '', ...more] = failure.message.split('\n');
  host.err(`${style('red', 'ringlet:')} ${first}\n`);
  for (const line of more) host.err(`         ${line}\n`);
  if (failure.hint !== undefined) host.err(`    ${style('dim', 'try ')}  ${failure.hint}\n`);
  host.err(`    ${style('dim', 'code')}  ${failure.code} · ringlet explain ${failure.code}\n`);
  if (host.environment['RINGLET_DEBUG'] && error instanceof Error) {
    host.err(`${error.stack ?? ''}\n`);
    if (error.cause instanceof Error) host.err(`caused by: ${error.cause.stack ?? ''}\n`);
  }
  return failure.exitCode;
}

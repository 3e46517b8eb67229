/** How `ringlet` ends: every exit code, once. The help text and the guide are made from this table. */
import type { MachineResult } from '../control/controllable.ts';

/** Exit codes by name. */
export const ExitCode = {
  Success: 0,
  GuestFailed: 1,
  UserError: 2,
  GuestCrashed: 3,
  ExpectNotSeen: 4,
  TimedOut: 5,
  TurnedOff: 6,
  Diverged: 7,
  Internal: 70,
  Interrupted: 130,
  Terminated: 143,
} as const;

/** One of {@link ExitCode}. */
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** What each code means, in order. */
export const EXIT_CODES: readonly { readonly code: ExitCode; readonly meaning: string }[] = [
  { code: ExitCode.Success, meaning: 'the guest shut down cleanly, or the text of --expect appeared' },
  { code: ExitCode.GuestFailed, meaning: 'the guest powered off with an exit code other than 0' },
  {
    code: ExitCode.UserError,
    meaning: 'wrong option, missing file, bad machine file: nothing ran, or it could not start',
  },
  { code: ExitCode.GuestCrashed, meaning: 'the guest crashed' },
  { code: ExitCode.ExpectNotSeen, meaning: 'the guest ended and the text of --expect had not appeared' },
  { code: ExitCode.TimedOut, meaning: '--timeout passed first' },
  { code: ExitCode.TurnedOff, meaning: 'the machine was turned off from outside (ringlet kill)' },
  { code: ExitCode.Diverged, meaning: 'a replay was not what had been recorded' },
  { code: ExitCode.Internal, meaning: 'a mistake in ringlet itself' },
  { code: ExitCode.Interrupted, meaning: 'interrupted (Ctrl-C; at the console of a kernel, Ctrl-] then q)' },
  { code: ExitCode.Terminated, meaning: 'terminated (SIGTERM or SIGHUP)' },
];

/** The exit code for a machine that ended by itself. */
export function exitCodeOf(result: MachineResult): ExitCode {
  switch (result.reason) {
    case 'power-off':
      return result.code === 0 ? ExitCode.Success : ExitCode.GuestFailed;
    case 'reset':
      return ExitCode.Success;
    case 'crash':
      return ExitCode.GuestCrashed;
    case 'killed':
      return ExitCode.TurnedOff;
    case 'diverged':
      return ExitCode.Diverged;
  }
}

/** The table for `--help`. */
export function exitCodeHelp(): string {
  const rows = EXIT_CODES.map(({ code, meaning }) => `  ${String(code).padEnd(4)} ${meaning}`);
  return ['Exit codes:', ...rows].join('\n');
}

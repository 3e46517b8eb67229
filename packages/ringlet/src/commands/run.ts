/** `ringlet run`: starts the machines of a guest or a machine file, and stays with them to their end. */
import { UserError } from '@ringlet/wire';
import type { MachineOptions } from '../configuration/options.ts';
import { controlDirectory } from '../control/directory.ts';
import type { MachineFacts } from '../control/facts.ts';
import { freeName } from '../control/running.ts';
import { startDetached } from './detach.ts';
import { ExitCode } from './exit-code.ts';
import { failureOf, reportFailure } from './failure-report.ts';
import type { CommandHost } from './host.ts';
import { jsonReporter, type Reporter, textReporter } from './reporter.ts';
import { DEFAULT_CPUS, DEFAULT_MEMORY, machinesOf, nameFromGuest, type RunFlags, watchOf } from './run-options.ts';
import { type Member, runSession } from './session.ts';

/** Names tried for a machine that was given none, when others that start at the same time take them first. */
const NAME_ATTEMPTS = 32;

/** Runs the command. @returns its exit code; failures are reported here, in the form the flags ask for. */
export async function run(
  target: string,
  args: readonly string[],
  flags: RunFlags,
  host: CommandHost,
): Promise<ExitCode> {
  const json = flags.json === true ? jsonReporter(host) : undefined;
  try {
    const wanted = machinesOf(target, args, flags);
    const reporter = json ?? textReporter(host, wanted.length);
    const detach = flags.detach === true && host.announce === undefined;
    const code = detach
      ? await runInBackground(target, args, flags, reporter, host)
      : await runHere(wanted, flags, reporter, host);
    reporter.exit(code);
    return code;
  } catch (error) {
    const failure = failureOf(error);
    host.announce?.({ type: 'failed', ...failure });
    if (json === undefined) return reportFailure(error, host);
    json.failed(failure);
    json.exit(failure.exitCode);
    return failure.exitCode;
  }
}

async function runHere(
  wanted: readonly MachineOptions[],
  flags: RunFlags,
  reporter: Reporter,
  host: CommandHost,
): Promise<ExitCode> {
  const watch = watchOf(flags);
  const directory = controlDirectory(host.environment);
  for (let attempt = 1; ; attempt++) {
    try {
      const members: Member[] = [];
      for (const options of await named(wanted, directory)) {
        members.push({ machine: await host.createMachine(options), facts: factsOf(options, host), options });
      }
      return await runSession(members, watch, directory, reporter, host);
    } catch (error) {
      // Somebody else took the name that was free a moment ago: choose the next, unless the user has chosen this one.
      const taken = error instanceof UserError && error.code === 'name-taken';
      const ours = wanted.every((options) => options.name === undefined);
      if (!taken || !ours || attempt === NAME_ATTEMPTS) throw error;
    }
  }
}

async function runInBackground(
  target: string,
  args: readonly string[],
  flags: RunFlags,
  reporter: Reporter,
  host: CommandHost,
): Promise<ExitCode> {
  if (flags.expect !== undefined) {
    throw new UserError('flag-conflict', '--detach and --expect exclude each other', {
      hint: 'without --detach the command waits for the text; with it nobody is there to see it',
    });
  }
  for (const name of await startDetached(target, args, flags, host)) reporter.detached(name);
  return ExitCode.Success;
}

/** A name for each machine: its own, or one made from its guest's that no other machine has. */
async function named(machines: readonly MachineOptions[], directory: string): Promise<MachineOptions[]> {
  return Promise.all(
    machines.map(async (options) =>
      options.name === undefined
        ? { ...options, name: await freeName(directory, nameFromGuest(options.guest)) }
        : options,
    ),
  );
}

function factsOf(options: MachineOptions, host: CommandHost): MachineFacts {
  return {
    guest: options.guest,
    cpus: options.cpus ?? DEFAULT_CPUS,
    memory: options.memory ?? DEFAULT_MEMORY,
    disks: (options.disks ?? []).map((disk) => disk.path),
    devices: options.devices ?? [],
    harness: options.harness ?? 'threads',
    version: host.version,
  };
}

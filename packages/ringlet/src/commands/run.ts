/** `ringlet run`: starts the machines of a guest or a machine file, and stays with them to their end. */
import { UserError } from '@ringlet/wire';
import { defaultMemory, type MachineOptions } from '../configuration/options.ts';
import { controlDirectory, guestSocketsPath } from '../control/directory.ts';
import type { MachineFacts } from '../control/facts.ts';
import { freeName } from '../control/running.ts';
import { startDetached } from './detach.ts';
import { ensureSwitches } from './ensure-switch.ts';
import { ExitCode } from './exit-code.ts';
import { failureOf, reportFailure } from './failure-report.ts';
import type { CommandHost } from './host.ts';
import { jsonReporter, type Reporter, textReporter } from './reporter.ts';
import { DEFAULT_CPUS, fileOf, machinesOf, type RunFlags, usualName, type Wanted, watchOf } from './run-options.ts';
import { type Member, runSession } from './session.ts';
import { parseSnapLength } from './snap-length.ts';
import { traceToFile } from './trace-to-file.ts';

/** Names tried for a machine that was given none, when others that start at the same time take them first. */
const NAME_ATTEMPTS = 32;

/** Runs the command. @returns its exit code; failures are reported here, in the form the flags ask for. */
export async function run(
  target: string | undefined,
  args: readonly string[],
  flags: RunFlags,
  host: CommandHost,
): Promise<ExitCode> {
  const json = flags.json === true ? jsonReporter(host) : undefined;
  try {
    const wanted = machinesOf(target, args, flags, host.environment);
    const reporter = json ?? textReporter(host, wanted.machines.length);
    const detach = flags.detach === true && host.announce === undefined;
    const code = detach
      ? await runInBackground(target, args, flags, reporter, host)
      : await runHere(wanted, target, flags, reporter, host);
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
  { machines: wanted, image }: Wanted,
  target: string | undefined,
  flags: RunFlags,
  reporter: Reporter,
  host: CommandHost,
): Promise<ExitCode> {
  const watch = watchOf(flags);
  if (image?.outdated === true) {
    reporter.notice(`${target} was made by another version of ringlet; make it anew: ringlet pull ${image.shortName}`);
  }
  const directory = controlDirectory(host.environment);
  await ensureSwitches(
    wanted.flatMap(({ networks = [] }) => networks),
    host.environment,
  );
  const snapBytes = parseSnapLength(flags.snaplen);
  if (flags.trace !== undefined && wanted.length > 1) {
    throw new UserError('flag-for-several', '--trace is for one machine', {
      hint: 'ringlet trace NAME -w FILE writes the trace of one that runs',
    });
  }
  for (let attempt = 1; ; attempt++) {
    let traced = async (): Promise<void> => undefined;
    try {
      const members: Member[] = [];
      for (const options of await named(wanted, target, directory)) {
        const facts = factsOf(options, image?.name, host);
        const input = inputOf(options, wanted.length, flags, host);
        const sockets = guestSocketsPath(directory, options.name);
        members.push({ machine: await host.createMachine({ ...options, sockets }), facts, options, input });
      }
      const [first] = members;
      if (flags.trace !== undefined && first !== undefined)
        traced = await traceToFile(first.machine, flags.trace, host, snapBytes);
      return await runSession(members, watch, directory, reporter, host);
    } catch (error) {
      // Somebody else took the name that was free a moment ago: choose the next, unless the user has chosen this one.
      const taken = error instanceof UserError && error.code === 'name-taken';
      const ours = wanted.every((options) => options.name === undefined);
      if (!taken || !ours || attempt === NAME_ATTEMPTS) throw error;
    } finally {
      await traced();
    }
  }
}

/** Where a kernel's console is typed from. Several machines could not tell whose keys they are. */
function inputOf(options: MachineOptions, machineCount: number, flags: RunFlags, host: CommandHost): Member['input'] {
  if (options.kernel === undefined || options.replay !== undefined || machineCount > 1) return 'none';
  if (!host.keyboard.terminal) return 'pipe';
  return host.terminal && flags.json !== true ? 'keys' : 'none';
}

async function runInBackground(
  target: string | undefined,
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

/** A name for each machine: its own, or its usual one, with a number when another machine has that. */
async function named(
  machines: readonly MachineOptions[],
  target: string | undefined,
  directory: string,
): Promise<(MachineOptions & { readonly name: string })[]> {
  return Promise.all(
    machines.map(async (options) => ({
      ...options,
      name: options.name ?? (await freeName(directory, usualName(target, options))),
    })),
  );
}

function factsOf(options: MachineOptions, image: string | undefined, host: CommandHost): MachineFacts {
  return {
    guest: fileOf(options),
    ...(image === undefined ? {} : { image }),
    kind: options.kernel === undefined ? 'typescript' : 'x86-64',
    cpus: options.cpus ?? DEFAULT_CPUS,
    memory: options.memory ?? defaultMemory(options),
    disks: (options.disks ?? []).map((disk) => disk.path),
    devices: (options.devices ?? []).map((device) => (typeof device === 'string' ? device : device.path)),
    harness: options.harness ?? 'threads',
    version: host.version,
  };
}

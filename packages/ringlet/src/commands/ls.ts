/** `ringlet ls`: the machines that run now. */
import { basename } from 'node:path';
import { formatDuration } from '../configuration/duration.ts';
import { formatSize } from '../configuration/size.ts';
import { controlDirectory } from '../control/directory.ts';
import { runningMachines } from '../control/running.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

const COLUMNS = ['NAME', 'STATE', 'CPUS', 'MEMORY', 'UPTIME', 'HEARTBEAT', 'PID', 'GUEST'];

/** Runs the command. */
export async function list(flags: { readonly json?: boolean }, host: CommandHost): Promise<ExitCode> {
  const machines = await runningMachines(controlDirectory(host.environment));
  if (flags.json === true) {
    for (const machine of machines) host.out(`${JSON.stringify(machine)}\n`);
    return ExitCode.Success;
  }
  if (machines.length === 0) {
    host.err('no machine is running; start one with: ringlet run GUEST --detach\n');
    return ExitCode.Success;
  }
  const rows = machines.map((machine) => [
    machine.name,
    machine.state,
    String(machine.cpus),
    formatSize(machine.memory),
    formatDuration(machine.uptimeMs),
    machine.heartbeat ?? '',
    String(machine.pid),
    machine.image ?? basename(machine.guest),
  ]);
  host.out(table([COLUMNS, ...rows]));
  return ExitCode.Success;
}

/** Rows of cells, each column as wide as its widest cell. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ');
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}

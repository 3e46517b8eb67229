/** `ringlet memory`: how much memory a running machine has, and how much it is to have. */
import type { MemoryReport } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import { formatSize, parseSize } from '../configuration/size.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';
import { withMachine } from './with-machine.ts';

const PAGE = 4096;
const ANSWER_MS = 10_000;
const ROWS: readonly (readonly [label: string, name: keyof MemoryReport, what: string])[] = [
  ['assigned', 'assigned', 'what the guest has'],
  ['target', 'target', 'what it is to have'],
  ['demand', 'demand', 'what it says it needs'],
  ['startup', 'startup', 'what it started with'],
  ['minimum', 'minimum', 'the least that it is left with'],
  ['maximum', 'maximum', 'the most that it may get'],
  ['ballooned', 'ballooned', 'what it has given away'],
  ['added', 'added', 'what was added since it started'],
  ['free', 'free', 'what is left in its pool'],
];

/** The flags of `ringlet memory`. */
export interface MemoryFlags {
  readonly json?: boolean;
}

/** Shows a machine's memory, after setting its target when one is given: a size, or `pressure`. */
export async function memory(
  name: string,
  size: string | undefined,
  flags: MemoryFlags,
  host: CommandHost,
): Promise<ExitCode> {
  const target = size === undefined ? undefined : targetOf(size);
  const report = (await withMachine(name, host, (client) =>
    target === undefined ? client.call('memory', {}, ANSWER_MS) : client.call('setMemory', { target }, ANSWER_MS),
  )) as MemoryReport;
  if (flags.json === true) host.out(`${JSON.stringify({ name, ...report })}\n`);
  else host.out(table(report));
  if (target !== undefined && report.state !== 'ready') {
    host.err(`${name}'s guest has no driver for this yet (hv_balloon in Linux); it will be asked when it has\n`);
  }
  return ExitCode.Success;
}

function targetOf(size: string): number | 'pressure' {
  if (size === 'pressure') return size;
  const bytes = parseSize(size, 'the memory to have');
  if (bytes > 0 && bytes % PAGE === 0) return bytes;
  throw new UserError('size-invalid', `${size} is no number of pages`, {
    hint: 'a multiple of 4096 bytes, such as 512M',
  });
}

function table(report: MemoryReport): string {
  const lines = ROWS.map(([label, name, what]) => {
    const value = report[name];
    return `${label.padEnd(10)} ${(typeof value === 'number' ? formatSize(value) : '-').padStart(9)}   ${what}`;
  });
  const policy = report.policy === 'pressure' ? 'what the guest reports decides' : 'set by hand';
  return `${[...lines, `policy     ${policy}`, `guest      ${report.state}`].join('\n')}\n`;
}

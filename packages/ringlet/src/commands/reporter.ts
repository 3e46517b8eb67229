/**
 * What `ringlet run` shows while machines run.
 *
 * For people: what the guest prints goes to standard output untouched, what ringlet says goes to standard error, so that
 * a pipe receives the guest alone. With `--json`: one object a line on standard output, and nothing else.
 */
import { basename } from 'node:path';
import { styleText } from 'node:util';
import { formatDuration } from '../configuration/duration.ts';
import type { MachineOptions } from '../configuration/options.ts';
import { formatSize } from '../configuration/size.ts';
import type { MachineResult } from '../control/controllable.ts';
import { plain } from '../control/json-rpc.ts';
import type { MachineFacts } from '../control/facts.ts';
import type { TakeEvent } from '../recording/take.ts';
import type { ExitCode } from './exit-code.ts';
import type { Failure } from './failure-report.ts';
import type { CommandHost } from './host.ts';

/** Characters of an unfinished line that are held back before they are shown as a line of their own. */
const LONGEST_HELD_LINE = 4096;

/** Told of everything that happens in a run. */
export interface Reporter {
  /** @param leave - how to end it */
  starting(name: string, facts: MachineFacts, options: MachineOptions, leave: string): void;
  /** It runs in the background now, and this command returns. */
  detached(name: string): void;
  console(name: string, text: string): void;
  event(name: string, event: { readonly type: string }): void;
  /** Something ringlet does, and why. */
  notice(text: string): void;
  finished(name: string, result: MachineResult, ms: number): void;
  failed(failure: Failure): void;
  exit(code: ExitCode): void;
}

/** Reports for programs. */
export function jsonReporter(host: CommandHost): Reporter {
  const write = (type: string, fields: object = {}): void =>
    host.out(`${JSON.stringify({ type, ...fields }, plain)}\n`);
  return {
    starting: (machine, facts) => write('machine', { machine, ...facts }),
    detached: (machine) => write('detached', { machine }),
    console: (machine, text) => write('console', { machine, text }),
    event: (machine, { type, ...fields }) => write(type, { machine, ...fields }),
    notice: (text) => write('notice', { text }),
    // The machine's own `result` event has said so.
    finished: () => undefined,
    failed: ({ code, message, hint }) => write('error', { code, message, hint }),
    exit: (code) => write('exit', { code }),
  };
}

/** Reports for people. With several machines each line of output starts with its machine's name. */
export function textReporter(host: CommandHost, machineCount: number): Reporter {
  const dim = (text: string): string => (host.colour ? styleText('dim', text, { validateStream: false }) : text);
  const say = (text: string): void => {
    endLine();
    host.err(`${dim(text)}\n`);
  };
  const labelled = machineCount > 1 ? new Map<string, LineLabels>() : undefined;
  let atLineStart = true;
  let escapes = false;

  const print = (text: string): void => {
    if (text === '') return;
    host.out(text);
    atLineStart = text.endsWith('\n');
    escapes ||= text.includes('\u001b');
  };
  // A prompt without a newline, or colour that was never switched off, must not spill into what follows.
  const endLine = (): void => {
    if (host.terminal && escapes) host.out('\u001b[0m\u001b[?25h');
    if (host.terminal && !atLineStart) host.out('\n');
    atLineStart = true;
    escapes = false;
  };

  return {
    starting: (name, facts, options, leave) => say(banner(host.version, name, facts, options, leave)),
    detached: (name) => host.out(reached(name)),
    console: (name, text) => {
      if (labelled === undefined) return print(text);
      let labels = labelled.get(name);
      if (labels === undefined) labelled.set(name, (labels = new LineLabels(`${name} | `)));
      print(labels.add(text));
    },
    event: (name, event) => {
      if (event.type === 'restarting') return say(`ringlet: ${name} starts again`);
      const told = takeTold(event as TakeEvent) ?? gdbNotice(name, event);
      if (told !== undefined) say(`ringlet: ${told}`);
      if (isDeviceError(event))
        say(`ringlet: ${name}: ${event.device} threw, and serves this channel no more\n${indented(event.message)}`);
    },
    notice: (text) => say(`ringlet: ${text}`),
    finished: (name, result, ms) => {
      print(labelled?.get(name)?.end() ?? '');
      say(`ringlet: ${name} ${ending(result)} after ${formatDuration(ms)}`);
      if (result.reason === 'crash' || result.reason === 'diverged') say(indented(result.message));
    },
    failed: () => undefined,
    exit: () => endLine(),
  };
}

/** What is running, what happens to its disks, and how to leave. */
function banner(version: string, name: string, facts: MachineFacts, options: MachineOptions, leave: string): string {
  const disks = (options.disks ?? []).map((disk) => {
    const file = disk.path.split('/').at(-1)!;
    if (disk.readOnly === true) return `${file} read-only`;
    return disk.keep === true ? `${file} is written to` : `${file}: changes are thrown away`;
  });
  const parts = [
    `ringlet ${version}`,
    name,
    ...(options.kernel === undefined ? [] : [`boots ${facts.image ?? basename(options.kernel)}`]),
    `${facts.cpus} ${facts.cpus === 1 ? 'processor' : 'processors'}, ${formatSize(facts.memory)}`,
    ...(facts.harness === 'lockstep' ? ['lockstep'] : []),
    ...(options.record === undefined ? [] : [`recorded in ${basename(options.record)}`]),
    ...(options.replay === undefined ? [] : [`replays ${basename(options.replay)}`]),
    ...disks,
    leave,
  ];
  return parts.join(' · ');
}

/** What became of a recording. */
function takeTold(event: TakeEvent): string | undefined {
  const at = ({ step, time }: { step: number; time: number }): string =>
    `${step} steps, ${(time / 1e7).toFixed(3)} s of the guest's time`;
  switch (event.type) {
    case 'recorded':
      return `recorded in ${event.path}: ${at(event)}`;
    case 'recording-failed':
      return `the recording breaks off here: ${event.message} (${event.code})`;
    case 'replayed':
      return event.state === undefined
        ? `as it was recorded, to where the recording breaks off: ${at(event)}`
        : `as it was recorded, to the byte: ${at(event)}`;
    default:
      return undefined;
  }
}

/** A device of the user's threw: whoever writes it wants to know where. */
const isDeviceError = (event: {
  readonly type: string;
}): event is { readonly type: 'device-error'; readonly device: string; readonly message: string } =>
  event.type === 'device-error';

const indented = (text: string): string => text.replaceAll(/^/gm, '    ');

/** What is said of gdb; of other events the console tells enough. */
function gdbNotice(name: string, event: { readonly type: string }): string | undefined {
  switch (event.type) {
    case 'gdb-listening': {
      const { address, waiting } = event as { type: string; address: string; waiting: boolean };
      return `${waiting ? `${name} begins when gdb lets it` : 'gdb can connect'}: target remote ${address}`;
    }
    case 'gdb-attached':
      return `gdb holds ${name}`;
    case 'gdb-detached':
      return `gdb has let go of ${name}`;
    case 'gdb-refused':
      return `a second gdb wanted ${name}, and was sent away`;
    default:
      return undefined;
  }
}

/** Says how to reach a machine in the background. */
function reached(name: string): string {
  return [
    `${name} runs in the background`,
    `    ringlet console ${name}    follows what it prints`,
    `    ringlet inspect ${name}    looks inside`,
    `    ringlet stop ${name}       shuts it down`,
    '',
  ].join('\n');
}

function ending(result: MachineResult): string {
  switch (result.reason) {
    case 'power-off':
      return result.code === 0 ? 'shut down' : `ended with exit code ${result.code}`;
    case 'reset':
      return 'asked to be restarted, which ends this run (--on-reset stop),';
    case 'crash':
      return 'crashed';
    case 'killed':
      return 'was turned off';
    case 'diverged':
      return 'is not what was recorded, which ends the replay,';
  }
}

/** Gives each line a label. Holds back a line until it is whole, so that machines do not write into each other's. */
class LineLabels {
  readonly #label: string;
  #held = '';

  constructor(label: string) {
    this.#label = label;
  }

  add(text: string): string {
    const lines = (this.#held + text).split('\n');
    // A line without an end is cut: it must not grow without one.
    this.#held = lines.at(-1)!.length > LONGEST_HELD_LINE ? '' : lines.pop()!;
    return lines.map((line) => `${this.#label}${line}\n`).join('');
  }

  end(): string {
    const rest = this.#held;
    this.#held = '';
    return rest === '' ? '' : `${this.#label}${rest}\n`;
  }
}

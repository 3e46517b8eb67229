/** `ringlet pull`: makes an image of the catalogue, and shows how far it is. */
import { sizeOfImage } from '../catalogue/image.ts';
import { pull as pullImage, type PullOptions } from '../catalogue/pull.ts';
import type { PullEvent } from '../catalogue/pull-event.ts';
import { formatSize } from '../configuration/size.ts';
import { ExitCode } from './exit-code.ts';
import { failureOf } from './failure-report.ts';
import type { CommandHost, EndSignal } from './host.ts';

/** The flags of `ringlet pull`. */
export interface PullFlags {
  readonly suite?: string;
  readonly kernel?: string;
  readonly disk?: boolean;
  /** With `--in-guest`. */
  readonly inGuest?: boolean;
  /** Names with commas between them. */
  readonly with?: string;
  readonly mirror?: string;
  readonly keyring?: string;
  /** False with `--no-signatures`. */
  readonly signatures: boolean;
  readonly cache?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** A line of progress is drawn no more often than this. */
const REDRAW_MS = 100;
/** Of a program's progress, so much more must be there for another object. */
const JSON_STEP = 0.05;

/** What is done for a root disk, in words. */
const PHASES: Readonly<Record<string, string>> = {
  fetch: 'fetching the packages of the disk',
  gather: 'unpacking packages',
  format: 'starting a guest that makes the disk',
  unpack: 'writing the files',
  prepare: 'preparing packages',
  configure: 'setting up packages',
  finish: 'tidying up',
  write: 'making the disk',
};

/** Runs the command. */
export async function pull(name: string, flags: PullFlags, host: CommandHost): Promise<ExitCode> {
  const abort = new AbortController();
  let signal: EndSignal | undefined;
  const stopListening = host.onSignal((received) => {
    signal ??= received;
    abort.abort();
  });
  const show = flags.json === true ? jsonProgress(host) : host.terminal ? drawnProgress(host) : plainProgress(host);
  const options: PullOptions = {
    ...flags,
    with: flags.with?.split(',').filter((one) => one !== ''),
    environment: host.environment,
    signal: abort.signal,
    onEvent: (event) => show(event),
    createMachine: (machine) => host.createMachine(machine),
  };
  try {
    const { description, shortName, kernel, initrd, made } = await pullImage(name, options);
    show(undefined);
    if (flags.json === true) {
      write(host, 'image', { name: description.name, shortName, made, kernel, initrd, description });
      return ExitCode.Success;
    }
    const size = formatSize(sizeOfImage(description));
    const unchecked = description.signatures === 'checked' ? '' : ', signatures not checked';
    host.out(
      `${shortName}: Linux ${description.kernelVersion}, ${size}, from ${description.source}${unchecked}` +
        `${made ? '' : ' (it was there; --force makes it anew)'}\n`,
    );
    return ExitCode.Success;
  } catch (error) {
    show(undefined);
    if (signal !== undefined) {
      if (flags.json === true) write(host, 'interrupted', {});
      else host.err('ringlet: interrupted; what was fetched is kept for the next pull\n');
      return signal === 'SIGINT' ? ExitCode.Interrupted : ExitCode.Terminated;
    }
    if (flags.json !== true) throw error;
    const { code, message, hint, exitCode } = failureOf(error);
    write(host, 'error', { code, message, hint });
    return exitCode;
  } finally {
    stopListening();
  }
}

/** Shows an event; `undefined` ends what was drawn. */
type Show = (event: PullEvent | undefined) => void;

function write(host: CommandHost, type: string, fields: object): void {
  host.out(`${JSON.stringify({ type, ...fields })}\n`);
}

function jsonProgress(host: CommandHost): Show {
  let shown = 0;
  return (event) => {
    if (event === undefined) return;
    const part = partOf(event);
    if (part !== undefined) {
      if (part >= shown && part < Math.min(1, shown + JSON_STEP)) return;
      shown = part;
    } else shown = 0;
    write(host, event.type, { ...event });
  };
}

/** Lines that stay: one for each thing that begins. */
function plainProgress(host: CommandHost): Show {
  return (event) => {
    const line = event === undefined ? undefined : lineOf(event);
    if (line !== undefined) host.err(`ringlet: ${line}\n`);
  };
}

/** Like the plain one, with a last line that moves. */
function drawnProgress(host: CommandHost): Show {
  const plain = plainProgress(host);
  let drawn = false;
  let last = 0;
  const clear = (): void => {
    if (drawn) host.err('\r\u001b[K');
    drawn = false;
  };
  return (event) => {
    const part = event === undefined ? undefined : partOf(event);
    if (event === undefined || part === undefined) {
      clear();
      return plain(event);
    }
    const now = performance.now();
    if (now - last < REDRAW_MS && part < 1) return;
    last = now;
    clear();
    host.err(`ringlet: ${progressOf(event)}, ${Math.floor(100 * part)} %`);
    drawn = true;
  };
}

/** How much of something is done, from 0 to 1; `undefined` for events that are not about that. */
function partOf(event: PullEvent): number | undefined {
  if (event.type === 'progress' || event.type === 'lists') return event.received / event.size;
  return event.type === 'installed' ? event.done / event.of : undefined;
}

function progressOf(event: PullEvent): string {
  if (event.type === 'progress') return `${formatSize(event.received)} of ${formatSize(event.size)}`;
  return event.type === 'installed' ? (PHASES[event.phase] ?? event.phase) : 'package lists';
}

function lineOf(event: PullEvent): string | undefined {
  switch (event.type) {
    case 'source':
      return `${event.suite} from ${event.source}`;
    case 'package':
      return `${event.package} ${event.version}, ${formatSize(event.size)}${event.cached ? ', in the cache' : ''}`;
    case 'building':
      return `making ${event.image}`;
    case 'installing':
      return PHASES[event.phase] ?? event.phase;
    case 'notice':
      return event.text;
    case 'lists':
    case 'progress':
    case 'installed':
      return undefined;
  }
}

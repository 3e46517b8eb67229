/**
 * Runs the guest that makes a root disk, and follows what it tells on its console.
 *
 * The image is written by nobody but the guest's own drivers; it counts only when the guest has said that it is finished
 * and has turned itself off.
 */
import { UserError } from '@ringlet/wire';
import type { Subscription } from 'rxjs';
import type { MachineOptions } from '../../configuration/options.ts';
import type { Controllable } from '../../control/controllable.ts';
import type { PullEvent } from '../pull-event.ts';
import { MARK } from './installer-script.ts';

/** A machine that can be started and thrown away. */
interface InstallerMachine extends Pick<Controllable, 'console$' | 'finished'> {
  start(): Promise<void>;
  dispose(): Promise<void>;
}

/** Makes machines. */
export type CreateMachine = (options: MachineOptions) => Promise<InstallerMachine>;

/** What is installed from where to where. */
export interface Installation {
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
  /** The image that is made; it is there, and empty. */
  readonly disk: string;
  /** What it is filled with. */
  readonly archive: string;
  /** Packages whose scripts run. */
  readonly packages: number;
}

const MEMORY = 1024 * 1024 * 1024;
/** A guest that says nothing for so long is stuck. */
const SILENCE_MS = 15 * 60_000;
/** Lines that are shown of a failure. */
const LAST_LINES = 12;
const LONGEST_LINE = 400;

/** Installs. @throws UserError `disk-install-failed`; whatever `signal` gives as its reason */
export async function installDisk(
  installation: Installation,
  createMachine: CreateMachine,
  tell: (event: PullEvent) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { kernel, initrd, commandLine, disk, archive } = installation;
  const machine = await createMachine({
    name: 'disk-installer',
    kernel,
    initrd,
    commandLine,
    memory: MEMORY,
    disks: [
      { path: disk, keep: true, format: 'vhdx', lun: 0 },
      { path: archive, readOnly: true, format: 'raw', lun: 1 },
    ],
  });
  const console = new InstallerConsole(installation, tell);
  let watching: Subscription | undefined;
  let onAbort: (() => void) | undefined;
  try {
    signal?.throwIfAborted();
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal!.reason as Error);
      signal?.addEventListener('abort', onAbort);
    });
    watching = machine.console$.subscribe((text) => console.print(text));
    await Promise.race([machine.start(), aborted]);
    const result = await Promise.race([machine.finished, console.stuck, aborted]);
    if (console.failure !== undefined || !console.finished || result.reason !== 'power-off') {
      throw installFailed(console.failure ?? `the guest ended early: ${result.reason}`, console.lastLines);
    }
  } finally {
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    watching?.unsubscribe();
    console.end();
    await machine.dispose();
  }
}

/** Reads the guest's console. */
class InstallerConsole {
  readonly #installation: Installation;
  readonly #tell: (event: PullEvent) => void;
  #line = '';
  #lines: string[] = [];
  #phase = '';
  #size = 0;
  #configured = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #giveUp!: (error: UserError) => void;

  finished = false;
  failure: string | undefined;
  /** Rejects when the guest says nothing any more. */
  readonly stuck: Promise<never>;

  constructor(installation: Installation, tell: (event: PullEvent) => void) {
    this.#installation = installation;
    this.#tell = tell;
    this.stuck = new Promise((_, reject) => (this.#giveUp = reject));
    this.stuck.catch(() => undefined);
    this.#heard();
  }

  get lastLines(): readonly string[] {
    return this.#lines;
  }

  print(text: string): void {
    this.#heard();
    const lines = (this.#line + text).split('\n');
    this.#line = lines.pop()!.slice(-LONGEST_LINE);
    for (const line of lines) this.#read(line.trimEnd());
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #read(line: string): void {
    if (!line.startsWith(MARK)) {
      if (line !== '') this.#lines = [...this.#lines, line.slice(0, LONGEST_LINE)].slice(-LAST_LINES);
      const name = this.#phase === 'configure' ? /^Setting up ([^ ]+)/.exec(line)?.[1] : undefined;
      if (name !== undefined) this.#progress(++this.#configured);
      return;
    }
    const [word, ...rest] = line.slice(MARK.length).split(' ');
    if (word === 'finished') this.finished = true;
    else if (word === 'failed') this.failure = rest.join(' ');
    else if (word === 'done') this.#progress(Number(rest[0]));
    else if (word === 'phase') {
      this.#phase = rest[0] ?? '';
      this.#size = this.#phase === 'configure' ? this.#installation.packages : Number(rest[1] ?? 0);
      this.#tell({ type: 'installing', phase: this.#phase });
    }
  }

  #progress(done: number): void {
    if (this.#size === 0 || !Number.isFinite(done)) return;
    const received = Math.min(done, this.#size);
    this.#tell({ type: 'installed', phase: this.#phase, done: received, of: this.#size });
  }

  #heard(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.#giveUp(installFailed(`the guest has said nothing for ${SILENCE_MS / 60_000} minutes`, this.#lines)),
      SILENCE_MS,
    );
  }
}

function installFailed(why: string, lines: readonly string[]): UserError {
  const said = lines.length === 0 ? '' : `\nThe guest's last words:\n${lines.map((line) => `    ${line}`).join('\n')}`;
  return new UserError('disk-install-failed', `the root disk could not be made: ${why}${said}`, {
    hint: 'try again: nothing is fetched twice. Report it with these lines if it stays',
  });
}

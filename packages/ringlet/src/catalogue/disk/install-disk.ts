/**
 * Runs the guest that makes a root disk, and follows what it tells on its console.
 *
 * The image is written by nobody but the guest's own drivers; it counts only when the guest has said that it is finished
 * and has turned itself off.
 */
import type { Subscription } from 'rxjs';
import type { MachineOptions } from '../../configuration/options.ts';
import type { Controllable } from '../../control/controllable.ts';
import type { PullEvent } from '../pull-event.ts';
import { InstallerConsole } from './installer-console.ts';

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
  const console = new InstallerConsole('the guest', installation.packages, tell);
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
    if (result.reason !== 'power-off' || !console.finished)
      throw console.failed(`the guest ended early: ${result.reason}`);
  } finally {
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    watching?.unsubscribe();
    console.end();
    await machine.dispose();
  }
}

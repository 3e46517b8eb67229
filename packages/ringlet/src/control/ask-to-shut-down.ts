/** Asking a guest to shut down or to restart, with patience for one that is still booting. */
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@ringlet/wire';
import type { Controllable, RebootOptions, ShutdownOptions } from './controllable.ts';

/** How long a guest may take until it can be asked. */
const BOOT_MS = 2_000;
const RETRY_MS = 50;

/**
 * Asks the guest, and waits until the machine is off. A guest that has not opened its shutdown component yet is asked
 * again for a while: it may be a moment away from it. One that somebody else has asked already is waited for.
 *
 * @throws UserError what `Controllable.shutdown` throws
 */
export async function askToShutDown(machine: Controllable, options: ShutdownOptions = {}): Promise<void> {
  try {
    await patiently(() => machine.shutdown(options));
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'shutdown-in-progress') throw error;
    await machine.finished;
  }
}

/** Asks the guest to restart, as {@link askToShutDown} does. @throws UserError what `Controllable.reboot` throws */
export async function askToReboot(machine: Controllable, options: RebootOptions = {}): Promise<void> {
  await patiently(() => machine.reboot(options));
}

async function patiently(ask: () => Promise<void>): Promise<void> {
  for (const deadline = performance.now() + BOOT_MS; ; await delay(RETRY_MS)) {
    try {
      return await ask();
    } catch (error) {
      const early = error instanceof UserError && error.code === 'shutdown-not-ready';
      if (!early || performance.now() > deadline) throw error;
    }
  }
}

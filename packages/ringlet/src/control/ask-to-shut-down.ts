/** Asking a guest to shut down, with patience for one that is still booting. */
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@ringlet/wire';
import type { Controllable, ShutdownOptions } from './controllable.ts';

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
  for (const deadline = performance.now() + BOOT_MS; ; await delay(RETRY_MS)) {
    try {
      return await machine.shutdown(options);
    } catch (error) {
      const code = error instanceof UserError ? error.code : undefined;
      if (code === 'shutdown-in-progress') return void (await machine.finished);
      if (code !== 'shutdown-not-ready' || performance.now() > deadline) throw error;
    }
  }
}

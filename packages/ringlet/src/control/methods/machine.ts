/** Methods about the machine as a whole: what it is, and ending it. */
import { firstValueFrom } from 'rxjs';
import { z } from 'zod';
import { askToReboot, askToShutDown } from '../ask-to-shut-down.ts';
import { method, type MethodGroup } from '../method.ts';

/** The longest that a shutdown may be waited for, a day. */
const LONGEST_MS = 86_400_000;

/** `describe`, `shutdown`, `reboot`, `powerOff`, `finished`. */
export const machineMethods: MethodGroup = {
  /** Name, state and size, for a list. */
  describe: method(z.strictObject({}), async (_params, { machine, facts, notes, since }) => ({
    name: machine.name,
    state: await firstValueFrom(machine.state$, { defaultValue: 'stopped' }),
    pid: process.pid,
    uptimeMs: Math.round(performance.now() - since),
    ...facts,
    ...notes.describe(),
  })),
  /** Asks the guest to shut down; answers once it has. */
  shutdown: method(
    z.strictObject({
      reboot: z.boolean().optional(),
      force: z.boolean().optional(),
      timeoutMs: z.number().positive().max(LONGEST_MS).optional(),
    }),
    async ({ reboot, force, timeoutMs }, { machine }) => {
      await askToShutDown(machine, {
        ...(reboot === undefined ? {} : { reboot }),
        ...(force === undefined ? {} : { force }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      });
      return machine.finished;
    },
  ),
  /** Starts the machine again in place, asking its guest or not; answers once the guest starts again. */
  reboot: method(
    z.strictObject({ force: z.boolean().optional(), timeoutMs: z.number().positive().max(LONGEST_MS).optional() }),
    async ({ force = false, timeoutMs }, { machine }) => {
      await askToReboot(machine, { force, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
      return null;
    },
  ),
  /** Pulls the plug; answers once the machine is off. */
  powerOff: method(z.strictObject({}), async (_params, { machine }) => {
    await machine.powerOff();
    return machine.finished;
  }),
  /** Answers with the machine's result when it ends, however it does. */
  finished: method(z.strictObject({}), (_params, { machine }) => machine.finished),
};

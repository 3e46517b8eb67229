/** Methods about the inside of the guest: its clock, its keys, files for it, and copies of its disks. */
import { z } from 'zod';
import { method, type MethodGroup } from '../method.ts';

/** A path on the host, absolute: the machine's process has a directory of its own. */
const path = z.string().startsWith('/').max(4096);
const key = z.string().min(1).max(255);

/** `syncTime`, `keyValues`, `setKeyValue`, `copyFile`, `backup`. */
export const guestMethods: MethodGroup = {
  /** Makes the guest set its clock to the host's time. */
  syncTime: method(z.strictObject({}), async (_params, { machine }) => {
    await machine.guest.syncTime();
    return null;
  }),
  /** The keys of a pool. */
  keyValues: method(z.strictObject({ pool: z.enum(['host', 'guest', 'system']) }), ({ pool }, { machine }) =>
    machine.guest.keyValues(pool),
  ),
  /** Copies a file of the host into the guest; answers once it is there. */
  copyFile: method(
    z.strictObject({
      file: path,
      directory: z.string().min(1).max(259),
      name: z.string().min(1).max(259),
      overwrite: z.boolean().default(false),
      createPath: z.boolean().default(false),
    }),
    ({ file, ...target }, { machine }) => machine.guest.copyFile(file, target),
  ),
  /** Copies a disk into a new image; answers once that is whole. */
  backup: method(
    z.strictObject({
      path,
      live: z.boolean().default(false),
      controller: z.int().min(0).default(0),
      target: z.int().min(0).default(0),
      lun: z.int().min(0).default(0),
    }),
    ({ path: image, ...options }, { machine }) => machine.guest.backup(image, options),
  ),
  /** Gives the guest a key, or takes it away when there is no value. */
  setKeyValue: method(z.strictObject({ key, value: z.string().max(1023).optional() }), async (params, { machine }) => {
    await machine.guest.setKeyValue(params.key, params.value);
    return null;
  }),
};

/** Methods about the disks of a running machine. */
import { z } from 'zod';
import { DISK_FORMATS, HIGHEST_ADDRESS } from '../../configuration/options.ts';
import { method, type MethodGroup } from '../method.ts';

const LONGEST_PATH = 4096;

const part = (name: keyof typeof HIGHEST_ADDRESS) => z.int().min(0).max(HIGHEST_ADDRESS[name]);
const place = { controller: part('controller'), target: part('target'), lun: part('lun') };

/** `attachDisk`, `detachDisk` and `resizeDisk`. Paths are absolute: the machine's process may be somewhere else. */
export const diskMethods: MethodGroup = {
  /** Answers where the disk hangs. */
  attachDisk: method(
    z.strictObject({
      path: z.string().max(LONGEST_PATH).startsWith('/'),
      keep: z.boolean().optional(),
      readOnly: z.boolean().optional(),
      format: z.enum(DISK_FORMATS).optional(),
      controller: place.controller.optional(),
      target: place.target.optional(),
      lun: place.lun.optional(),
    }),
    ({ path, ...options }, { machine }) => {
      const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
      return machine.disks.attach({ path, ...given });
    },
  ),
  /** Answers when the image is closed. */
  detachDisk: method(z.strictObject(place), async (where, { machine }) => {
    await machine.disks.detach(where);
    return null;
  }),
  /** Answers when it has its new size. */
  resizeDisk: method(
    z.strictObject({ ...place, bytes: z.int().positive() }),
    async ({ bytes, ...where }, { machine }) => {
      await machine.disks.resize(where, bytes);
      return null;
    },
  ),
};

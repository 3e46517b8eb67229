/** Methods about looking at a machine. */
import { z } from 'zod';
import { method, type MethodGroup } from '../method.ts';

const LONGEST_ADDRESS = 1024;

/** `view` and `closeViews`. */
export const viewerMethods: MethodGroup = {
  /** Opens the servers that are not open yet. @returns where to look */
  view: method(
    z.strictObject({
      port: z.int().min(1).max(65_535).optional(),
      vnc: z.string().min(1).max(LONGEST_ADDRESS).optional(),
    }),
    ({ port, vnc }, { machine }) =>
      machine.viewers.open({ ...(port !== undefined && { port }), ...(vnc !== undefined && { vnc }) }),
  ),
  /** Closes them, with everybody who looks. */
  closeViews: method(z.strictObject({}), async (_params, { machine }) => {
    await machine.viewers.close();
    return null;
  }),
};

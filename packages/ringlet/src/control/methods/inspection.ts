/** Methods that look inside. */
import { z } from 'zod';
import { method, type MethodGroup } from '../method.ts';

/** `inspect`. */
export const inspectionMethods: MethodGroup = {
  /** The tree of the machine's parts, or the part at `path`. */
  inspect: method(z.strictObject({ path: z.string().max(1024).optional() }), ({ path }, { machine }) =>
    machine.inspect(path),
  ),
};

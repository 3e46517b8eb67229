/** Methods about the debugger: where gdb is waited for. */
import { z } from 'zod';
import { method, type MethodGroup } from '../method.ts';

/** `gdb`. */
export const debuggerMethods: MethodGroup = {
  /** Waits for gdb at a port or a path, or no more; without any of these says where it is waited for. */
  gdb: method(
    z.strictObject({
      port: z.int().min(0).max(65_535).optional(),
      path: z.string().min(1).max(103).optional(),
      off: z.boolean().optional(),
    }),
    async ({ port, path, off }, { machine }) => {
      if (off === true) await machine.debugger.close();
      else if (path !== undefined) await machine.debugger.listen({ path });
      else if (port !== undefined) await machine.debugger.listen({ port });
      return { address: machine.debugger.address ?? null };
    },
  ),
};

/** Methods about the memory of a running machine. */
import { z } from 'zod';
import { method, type MethodGroup } from '../method.ts';

/** `memory` and `setMemory`; both answer with how it is then, in bytes. */
export const memoryMethods: MethodGroup = {
  memory: method(z.strictObject({}), (_params, { machine }) => machine.memory.report()),
  /** What the guest is to have; `pressure`: its reports decide. */
  setMemory: method(
    z.strictObject({ target: z.union([z.int().positive(), z.literal('pressure')]) }),
    ({ target }, { machine }) => machine.memory.set(target),
  ),
};

/** Methods about the inside of the guest: its clock and its keys. */
import { z } from 'zod';
import { method, type MethodGroup } from '../method.ts';

const key = z.string().min(1).max(255);

/** `syncTime`, `keyValues`, `setKeyValue`. */
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
  /** Gives the guest a key, or takes it away when there is no value. */
  setKeyValue: method(z.strictObject({ key, value: z.string().max(1023).optional() }), async (params, { machine }) => {
    await machine.guest.setKeyValue(params.key, params.value);
    return null;
  }),
};

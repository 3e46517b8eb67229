/** Methods about streams: what is typed at the console, what the guest prints, and what happens to the machine. */
import { UserError } from '@ringlet/wire';
import { z } from 'zod';
import { method, type MethodGroup } from '../method.ts';

/** Characters of one `write`. */
const LONGEST_WRITE = 32 * 1024;

const Typed = z
  .strictObject({
    text: z.string().max(LONGEST_WRITE).optional(),
    base64: z.base64().max(LONGEST_WRITE).optional(),
  })
  .refine(({ text, base64 }) => (text === undefined) !== (base64 === undefined), {
    error: 'give one of "text" and "base64"',
  });

/** `write`, `console` and `subscribe`. What goes on telling ends with the connection. */
export const streamMethods: MethodGroup = {
  /** Types at the guest's console: text, or any bytes in base64. Answers once there is room for more. */
  write: method(Typed, async ({ text, base64 }, { machine, facts }) => {
    if (facts.kind !== 'x86-64') {
      throw new UserError('console-output-only', `the guest of ${machine.name} has no console input`, {
        hint: 'guest modules only print; kernels can be typed at',
      });
    }
    machine.write(text ?? new Uint8Array(Buffer.from(base64 ?? '', 'base64')));
    await machine.inputTaken();
    return null;
  }),
  /** Answers with what was printed lately; `console` notifications with later text follow. */
  console: method(z.strictObject({ follow: z.boolean().optional() }), ({ follow }, context) => {
    const { machine, history, notify, onDisconnect } = context;
    if (follow !== false) {
      // A stream that repeats old pieces to a new subscriber does so before `subscribe` returns; the answer has those.
      let live = false;
      const subscription = machine.console$.subscribe((text) => {
        if (live) notify('console', { text });
      });
      live = true;
      onDisconnect(() => subscription.unsubscribe());
    }
    return { text: history.text() };
  }),
  /** From now on, an `event` notification for each event, states included. */
  subscribe: method(z.strictObject({}), (_params, { machine, notify, onDisconnect }) => {
    const subscription = machine.events$.subscribe((event) => notify('event', { event }));
    onDisconnect(() => subscription.unsubscribe());
    return null;
  }),
};

/** Methods that go on telling: what the guest prints, and what happens to the machine. They end with the connection. */
import { z } from 'zod';
import { method, type MethodGroup } from '../method.ts';

/** `console` and `subscribe`. */
export const streamMethods: MethodGroup = {
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

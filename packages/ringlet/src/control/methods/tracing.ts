/** The method that reads a trace: pages of raw records, which the caller decodes. Whoever reads too slowly loses, and learns how much. */
import { race, take, timer } from 'rxjs';
import { z } from 'zod';
import { method, type MethodGroup } from '../method.ts';

/** Bytes of records in one answer. */
const PAGE_BYTES = 512 * 1024;
/** How long an answer may wait for records. */
const LONGEST_WAIT_MS = 10_000;

/** `trace`. */
export const tracingMethods: MethodGroup = {
  /**
   * Switches tracing on, unless it is, and answers with a page of records, in base64; with `stop`, switches it off.
   * Without `from` the page begins with the first that is kept. With `waitMs` it waits so long for the first record.
   */
  trace: method(
    z.strictObject({
      from: z.number().int().nonnegative().optional(),
      waitMs: z.number().int().nonnegative().max(LONGEST_WAIT_MS).optional(),
      stop: z.boolean().optional(),
    }),
    async ({ from, waitMs = 0, stop = false }, { machine }) => {
      const { recorder, epochMs, protocols } = machine.tracing;
      const wasOn = recorder.on;
      if (stop) await recorder.stop();
      else await recorder.look();
      const start = from ?? recorder.begin;
      const channels = from === undefined ? recorder.channels : [];
      if (waitMs > 0 && recorder.end <= start) {
        await new Promise<void>((resolve) => {
          race(recorder.batches$.pipe(take(1)), timer(waitMs)).subscribe({ complete: resolve });
        });
      }
      const { records, next, lost } = machine.tracing.page(start, PAGE_BYTES);
      return {
        wasOn,
        channels: Buffer.concat(channels).toString('base64'),
        records: Buffer.concat(records).toString('base64'),
        next,
        lost,
        more: next < recorder.end,
        dropped: recorder.dropped,
        epochMs,
        protocols,
      };
    },
  ),
};

/** All hypercalls, by code. Everything that is not here is InvalidHypercallCode. */
import { interruptCalls } from './calls/interrupts.ts';
import { partitionCalls } from './calls/partitions.ts';
import { portCalls } from './calls/ports.ts';
import { processorCalls } from './calls/processors.ts';
import type { Hypercall } from './declare.ts';

/** A row, and its place among the counters of each VP: see `vp/intercepts.ts`. */
export type CountedHypercall = Hypercall & { readonly counter: number };

/** Rows by code. */
export const hypercalls: ReadonlyMap<number, CountedHypercall> = new Map(
  [...partitionCalls, ...processorCalls, ...portCalls, ...interruptCalls].map((call, counter) => [
    call.code,
    { ...call, counter },
  ]),
);

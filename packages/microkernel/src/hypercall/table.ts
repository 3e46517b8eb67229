/** All hypercalls, by code. Everything that is not here is InvalidHypercallCode. */
import { interruptCalls } from './calls/interrupts.ts';
import { partitionCalls } from './calls/partitions.ts';
import { portCalls } from './calls/ports.ts';
import { processorCalls } from './calls/processors.ts';
import type { Hypercall } from './declare.ts';

/** Rows by code. */
export const hypercalls: ReadonlyMap<number, Hypercall> = new Map(
  [...partitionCalls, ...processorCalls, ...portCalls, ...interruptCalls].map((call) => [call.code, call]),
);

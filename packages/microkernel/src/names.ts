/** The specification's names of hypercalls and MSRs, from the tables that answer them: for people and their tools. */
import { hypercalls } from './hypercall/table.ts';
import { registers } from './msr/registers.ts';

/** Names of the hypercalls that there are, by call code. */
export const HYPERCALL_NAMES: ReadonlyMap<number, string> = new Map(
  [...hypercalls].map(([code, { name }]) => [code, name] as const),
);

/** Names of the MSRs that the microkernel answers, by index. */
export const MSR_NAMES: ReadonlyMap<number, string> = new Map(
  [...registers].map(([index, { name }]) => [index, name] as const),
);

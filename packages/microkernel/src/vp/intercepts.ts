/**
 * How often a VP's guest called each hypercall and touched each MSR: words of shared state, one run for each VP, changed
 * by the thread that runs it without a lock. Another VP that names its registers by hypercall is counted here, too; then
 * a count may get lost.
 *
 *     0                     128
 *     ┌─────────────────────┬──────────────────────────────────────────────┐
 *     │ hypercalls, by row  │ MSRs, by row: reads, writes                  │
 *     └─────────────────────┴──────────────────────────────────────────────┘
 */
import { invariant } from '@ringlet/wire';
import type { Core } from '../core.ts';
import { hypercalls } from '../hypercall/table.ts';
import { registers } from '../msr/registers.ts';
import { FIRST_MSR_COUNTER as FIRST_MSR, INTERCEPT_WORDS } from '../state/layout.ts';

invariant(hypercalls.size <= FIRST_MSR, 'every hypercall has a counter');
invariant(FIRST_MSR + 2 * registers.size <= INTERCEPT_WORDS, 'every MSR has two counters');

/** What has been counted of the VP in `vpSlot`: names of the specification; what never came is left out. */
export function inspectIntercepts({ words, state }: Core, vpSlot: number): Record<string, unknown> {
  const first = state.intercepts(vpSlot);
  const times = (at: number): number => words[first + at]! >>> 0;
  const calls = [...hypercalls.values()].map(({ name, counter }) => [name, times(counter)] as const);
  const msrs = [...registers.values()].map(({ name, counter }) => {
    const [reads, writes] = [times(FIRST_MSR + 2 * counter), times(FIRST_MSR + 2 * counter + 1)];
    return [name, reads + writes, { ...(reads > 0 && { reads }), ...(writes > 0 && { writes }) }] as const;
  });
  return {
    hypercalls: Object.fromEntries(calls.filter(([, count]) => count > 0)),
    msrs: Object.fromEntries(msrs.filter(([, count]) => count > 0).map(([name, , counts]) => [name, counts])),
  };
}

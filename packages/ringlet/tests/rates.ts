/** Rates that are to keep to a limit, measured on a host that may have other things to do. */
import { expect } from 'vitest';

/** Most measurements until one is within a tenth of its limit. */
const MOST_TIMES = 40;

/**
 * Measures until the rate is within a tenth of its limit: a busy host may be slower for a while.
 *
 * @param exact - a rate above that is a failure at once: it was measured by the clock that the limit goes by, not by the
 * host's around a thread that has to wait for its processor
 */
export async function expectRate(
  what: string,
  limit: number,
  { exact }: { readonly exact: boolean },
  measure: () => Promise<number>,
): Promise<void> {
  const seen: string[] = [];
  let part = 0;
  const holds = (): boolean => part > 0.9 && part < 1.1;
  while (!holds() && seen.length < MOST_TIMES) {
    part = (await measure()) / limit;
    seen.push(`${(part * 100).toFixed(1)} %`);
    if (exact) expect(part, `${what}: ${seen.join(', ')} of what it may be`).toBeLessThan(1.1);
  }
  console.log(`${what}: ${seen.join(', ')} of what it may be`);
  expect(holds(), `${what}: ${seen.join(', ')} of what it may be`).toBe(true);
}

/** How fast a count goes up, a second of the host's, over `seconds` of them. */
export async function rateOf(count: () => Promise<number>, seconds: number): Promise<number> {
  const [first, began] = [await count(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const [last, ended] = [await count(), performance.now()];
  return (last - first) / ((ended - began) / 1000);
}
